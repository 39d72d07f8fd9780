/** Subresources that are no part of an object: a pod's binding and eviction, a service account's token. */
import { Buffer } from "node:buffer";
import { rfc3339 } from "../../lib/clock.ts";
import { uuid } from "../../lib/random.ts";
import { evict } from "./disruption.ts";
import { SERVICE_ACCOUNTS } from "./kinds.ts";
import { badRequest, conflict, methodNotAllowed, noSuchResource, notImplemented } from "./status.ts";
import type { Route } from "./requests.ts";
import { asArray, asObject, at, type Json, textAt } from "./types.ts";
import { existing, type World } from "./world.ts";

export interface Answer {
  readonly code: number;
  /** Undefined: none. */
  readonly body: object | undefined;
}

const SUCCESS = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" };

/** The answer of a subresource other than status. @throws StatusError */
export function subresource(world: World, tokens: Tokens, method: string, route: Route, body: unknown): Answer {
  const { kind, namespace, name } = route;
  const which = `${kind.plural}/${route.subresource}`;
  if (which === "pods/log") {
    const pod = existing(world, kind, namespace, name).object;
    // there is nowhere to ask, and the API server answers with nothing
    if (textAt(pod, "spec", "nodeName") === "") return { code: 204, body: undefined };
    throw notImplemented("logs of containers, for there are none");
  }
  if (/^pods\/(exec|attach|portforward|proxy)/.test(which)) throw notImplemented(which);
  const handlers: Readonly<Record<string, () => Answer>> = {
    "pods/binding": () => bind(world, route, body),
    "pods/eviction": () => {
      evict(world, namespace, name, body);
      return { code: 201, body: { ...SUCCESS, code: 201 } };
    },
    "serviceaccounts/token": () => tokens.request(namespace, name, body),
  };
  const handler = handlers[which];
  if (!handler) throw noSuchResource();
  if (method !== "POST") throw methodNotAllowed();
  return handler();
}

function bind(world: World, { kind, namespace, name }: Route, body: unknown): Answer {
  const { object } = existing(world, kind, namespace, name);
  const node = textAt(body, "target", "name");
  const bound = textAt(object, "spec", "nodeName");
  if (node === "") throw badRequest("target.name: Required value");
  if (bound !== "") throw conflict(kind, name, `pod ${name} is already assigned to node "${bound}"`);
  const condition = {
    type: "PodScheduled",
    status: "True",
    lastProbeTime: null,
    lastTransitionTime: rfc3339(world.clock.now()),
  };
  const status = asObject(object.status) ?? {};
  const others = asArray(status.conditions).filter((item) => at(item, "type") !== "PodScheduled");
  world.storage.put(kind, {
    ...object,
    spec: { ...asObject(object.spec), nodeName: node },
    status: { ...status, conditions: [...others, condition] },
  });
  return { code: 201, body: { ...SUCCESS, code: 201 } };
}

/** Bearer tokens of service accounts. They are no JWTs that anybody could check: only this server knows them. */
export class Tokens {
  readonly #world: World;
  readonly #users = new Map<string, { user: string; expires: number }>();

  constructor(world: World) {
    this.#world = world;
  }

  /** A new token of an account. @throws StatusError 404 */
  mint(namespace: string, name: string, seconds = 3600): string {
    const account = existing(this.#world, SERVICE_ACCOUNTS, namespace, name).object;
    const expires = this.#world.clock.now() + seconds * 1000;
    const claims = {
      sub: `system:serviceaccount:${namespace}:${name}`,
      exp: Math.floor(expires / 1000),
      uid: account.metadata.uid,
    };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const token = `${part({ alg: "none" })}.${part(claims)}.${uuid(this.#world.random).replaceAll("-", "")}`;
    this.#users.set(token, { user: claims.sub, expires });
    return token;
  }

  /** Who bears a token; undefined when it was not made here or is too old. */
  userOf(token: string): string | undefined {
    const known = this.#users.get(token);
    return known && known.expires > this.#world.clock.now() ? known.user : undefined;
  }

  request(namespace: string, name: string, body: unknown): Answer {
    const spec: Json = asObject(asObject(body)?.spec) ?? {};
    const seconds = typeof spec.expirationSeconds === "number" ? spec.expirationSeconds : 3600;
    const token = this.mint(namespace, name, seconds);
    const now = this.#world.clock.now();
    return {
      code: 201,
      body: {
        kind: "TokenRequest",
        apiVersion: "authentication.k8s.io/v1",
        metadata: { name, namespace, creationTimestamp: rfc3339(now) },
        spec: { ...spec, expirationSeconds: seconds },
        status: { token, expirationTimestamp: rfc3339(now + seconds * 1000) },
      },
    };
  }
}
