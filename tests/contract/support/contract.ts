/** What a case of the contract says to an API server, whichever it is. */
import assert from "node:assert/strict";
import { type HttpResponse, linesOf, readText, type Transport } from "../../../src/lib/http.ts";

/** An API server under test. */
export interface Target {
  readonly name: string;
  readonly url: string;
  readonly token: string;
  readonly transport: Transport;
  /** Lets time pass. */
  wait(ms: number): Promise<void>;
  /** Makes every resource version up to now too old. */
  compact(): Promise<void>;
}

/** JSON that a case sends or gets. */
export type Json = null | boolean | number | string | Json[] | { [field: string]: Json };

/** An answer with its body, parsed when it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly body: Json;
}

export interface Event {
  readonly type: string;
  readonly object: Json;
}

/** A case: it passes when it does not throw. */
export type Case = (server: Contract) => Promise<void>;

const TYPES = {
  json: "application/json",
  merge: "application/merge-patch+json",
  jsonPatch: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

export const GROUP = "contract.example.com";

/** One case's view of a server: a namespace of its own, and the kind Gadget. */
export class Contract {
  readonly target: Target;
  readonly namespace: string;

  constructor(target: Target, namespace: string) {
    this.target = target;
    this.namespace = namespace;
  }

  pods(name = "", namespace = this.namespace): string {
    return `/api/v1/namespaces/${namespace}/pods${name && `/${name}`}`;
  }

  maps(name = ""): string {
    return `/api/v1/namespaces/${this.namespace}/configmaps${name && `/${name}`}`;
  }

  core(plural: string, name = ""): string {
    return `/api/v1/namespaces/${this.namespace}/${plural}${name && `/${name}`}`;
  }

  gadgets(name = ""): string {
    return `/apis/${GROUP}/v1/namespaces/${this.namespace}/gadgets${name && `/${name}`}`;
  }

  async send(
    method: string,
    path: string,
    body?: Json,
    options: { type?: string; accept?: string; raw?: string } = {},
  ): Promise<Answer> {
    const response = await this.open(method, path, body, options, AbortSignal.timeout(60_000));
    const text = await readText(response.body);
    const parsed = text.startsWith("{") ? JSON.parse(text) : null;
    return { status: response.status, headers: response.headers, text, body: parsed };
  }

  open(
    method: string,
    path: string,
    body: Json | undefined,
    options: { type?: string; accept?: string; raw?: string },
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { target } = this;
    const text = options.raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const headers: Record<string, string> = {
      accept: options.accept ?? "application/json",
      authorization: `Bearer ${target.token}`,
      ...(text === undefined ? {} : { "content-type": options.type ?? TYPES.json }),
    };
    const url = `${target.url}${path}`;
    return target.transport({ method, url, headers, signal, ...(text === undefined ? {} : { body: text }) });
  }

  get(path: string, accept?: string): Promise<Answer> {
    return this.send("GET", path, undefined, accept === undefined ? {} : { accept });
  }

  /** Creates; the answer must be 201. */
  async made(path: string, body: Json): Promise<Json> {
    const answer = await this.send("POST", path, body);
    assert.equal(answer.status, 201, answer.text);
    return answer.body;
  }

  /** Any call whose answer must be 200. */
  async ok(method: string, path: string, body?: Json): Promise<Json> {
    const answer = await this.send(method, path, body);
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  }

  patch(type: keyof typeof TYPES, path: string, body: Json): Promise<Answer> {
    return this.send("PATCH", path, body, { type: TYPES[type] });
  }

  async patched(type: keyof typeof TYPES, path: string, body: Json): Promise<Json> {
    const answer = await this.patch(type, path, body);
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  }

  map(name: string, data: Record<string, string> = {}, meta: Record<string, Json> = {}): Promise<Json> {
    return this.made(this.maps(), { metadata: { name, ...meta }, data });
  }

  gadget(name: string, spec: Record<string, Json> = { size: 1 }, meta: Record<string, Json> = {}): Promise<Json> {
    return this.made(this.gadgets(), gadget(name, spec, meta));
  }

  pod(name: string, spec: Record<string, Json> = {}, meta: Record<string, Json> = {}): Promise<Json> {
    return this.made(this.pods(), pod(name, spec, meta));
  }

  /** The version of the newest state. */
  async now(path = this.maps()): Promise<string> {
    return textOf(await this.ok("GET", path), "metadata", "resourceVersion");
  }

  /** Asks again and again until there is something. */
  async eventually<T>(what: string, look: () => Promise<T | undefined | false>, limitMs = 45_000): Promise<T> {
    for (let waited = 0; waited <= limitMs; waited += 100) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      await this.target.wait(100);
    }
    return assert.fail(`${what}: not within ${limitMs} ms`);
  }

  /** Waits until a path gives 404. */
  gone(path: string): Promise<boolean> {
    return this.eventually(`${path} is gone`, async () => (await this.get(path)).status === 404);
  }

  /** Opens a watch and hands its events to `use`; it is closed afterwards. */
  async watch<T>(path: string, use: (watch: Watching) => Promise<T>, accept?: string): Promise<T> {
    const abort = new AbortController();
    const watching = new Watching(this, abort.signal);
    try {
      await watching.start(`${path}${path.includes("?") ? "&" : "?"}watch=true`, accept);
      return await use(watching);
    } finally {
      abort.abort(new Error("the case is over"));
    }
  }
}

/** An open watch. */
export class Watching {
  readonly #server: Contract;
  readonly #signal: AbortSignal;
  readonly #events: Event[] = [];
  #ended = false;
  #taken = 0;

  constructor(server: Contract, signal: AbortSignal) {
    this.#server = server;
    this.#signal = signal;
  }

  async start(path: string, accept: string | undefined): Promise<void> {
    const options = accept === undefined ? {} : { accept };
    const response = await this.#server.open("GET", path, undefined, options, this.#signal);
    assert.equal(response.status, 200);
    this.#read(response).catch(() => {
      this.#ended = true; // cut by the end of the case
    });
  }

  async #read(response: HttpResponse): Promise<void> {
    for await (const line of linesOf(response.body)) this.#events.push(JSON.parse(line));
    this.#ended = true;
  }

  /** The next `count` events. */
  async next(count: number): Promise<Event[]> {
    const { target } = this.#server;
    for (let waited = 0; this.#events.length < this.#taken + count; waited += 20) {
      if (this.#ended || waited > 20_000) {
        assert.fail(`the watch told ${this.#events.length - this.#taken} of ${count} events`);
      }
      await target.wait(20);
    }
    const events = this.#events.slice(this.#taken, this.#taken + count);
    this.#taken += count;
    return events;
  }

  /** What comes until the server ends the watch. */
  async rest(): Promise<Event[]> {
    for (let waited = 0; !this.#ended; waited += 50) {
      if (waited > 20_000) assert.fail("the watch does not end");
      await this.#server.target.wait(50);
    }
    return this.#events.slice(this.#taken);
  }
}

/** `TYPE name` of each event. */
export function told(events: readonly Event[]): string[] {
  return events.map(({ type, object }) => `${type} ${textOf(object, "metadata", "name")}`);
}

/** What is at a path, or undefined. */
export function at(value: Json | undefined, ...path: (string | number)[]): Json | undefined {
  let here: Json | undefined = value;
  for (const step of path) {
    if (typeof here !== "object" || here === null) return undefined;
    here = Array.isArray(here) ? here[Number(step)] : here[step];
  }
  return here;
}

/** A text at a path, or "". */
export function textOf(value: Json | undefined, ...path: (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
}

/** The items of a list, or what stands at another path. */
export function itemsOf(value: Json | undefined, ...path: string[]): Json[] {
  const found = at(value, ...(path.length > 0 ? path : ["items"]));
  return Array.isArray(found) ? found : [];
}

export function namesOf(list: Json): string[] {
  return itemsOf(list).map((item) => textOf(item, "metadata", "name"));
}

/** The object with its metadata changed. */
export function withMeta(object: Json, meta: Record<string, Json>): Json {
  const fields = object as { [field: string]: Json };
  return { ...fields, metadata: { ...(fields.metadata as { [field: string]: Json }), ...meta } };
}

/** The object with a part changed. */
export function withPart(object: Json, part: Record<string, Json>): Json {
  return { ...(object as { [field: string]: Json }), ...part };
}

/** Checks a refusal: its code, its reason and a part of its message. */
export function refused(answer: Answer, code: number, reason: string, message = ""): void {
  assert.equal(answer.status, code, answer.text);
  assert.equal(textOf(answer.body, "kind"), "Status");
  assert.equal(at(answer.body, "code"), code);
  assert.equal(textOf(answer.body, "reason"), reason);
  const said = textOf(answer.body, "message");
  assert.ok(said.includes(message), `${JSON.stringify(said)} lacks ${JSON.stringify(message)}`);
}

export function gadget(name: string, spec: Record<string, Json>, meta: Record<string, Json> = {}): Json {
  return { apiVersion: `${GROUP}/v1`, kind: "Gadget", metadata: { name, ...meta }, spec };
}

export function pod(name: string, spec: Record<string, Json> = {}, meta: Record<string, Json> = {}): Json {
  return { metadata: { name, ...meta }, spec: { containers: [{ name: "main", image: "example/one:1" }], ...spec } };
}

/** A reference to an object as the owner of another one. */
export function ownedBy(object: Json, more: Record<string, Json> = {}): Record<string, Json> {
  const owner = {
    apiVersion: textOf(object, "apiVersion"),
    kind: textOf(object, "kind"),
    name: textOf(object, "metadata", "name"),
    uid: textOf(object, "metadata", "uid"),
    ...more,
  };
  return { ownerReferences: [owner] };
}

/** Takes all finalizers from an object. */
export async function release(server: Contract, path: string): Promise<void> {
  await server.patched("merge", path, { metadata: { finalizers: null } });
}
