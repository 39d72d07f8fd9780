/**
 * A Kubernetes API server in one object, for simulated worlds and for `arc sandbox`. It is deterministic: the same
 * requests at the same instants of its clock get the same answers, with the same UIDs, names and versions.
 *
 * What it does not do:
 * - No RBAC: whoever gets in may do everything, and reviews of access say so. Without an admin token everybody gets in.
 * - Deployments are stored and make no pods.
 * - No field ownership: managedFields are not kept, server-side apply is a merge that never conflicts.
 * - Built-in kinds are validated in what this project could get wrong, not in everything; nodes and quotas hardly at
 *   all. Quantities are not parsed: a wrong one is stored. There are no priority classes.
 * - One version of a CRD is served (the stored one, no conversion). CEL rules (`x-kubernetes-validations`) and scale
 *   subresources are not evaluated.
 * - Protobuf is read for a few built-in kinds and never written.
 * - No OpenAPI v2, which `kubectl apply` before 1.29 needs.
 * - No logs, exec, attach, port-forward; no webhooks, no API priority and fairness.
 * - Events are served in the core group only (no events.k8s.io). Quotas count objects, not resources.
 * - Service accounts get no token secrets, namespaces no kube-root-ca.crt; pods get no account or token volume.
 * - Tokens are not JWTs that others could verify.
 */
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { HttpRequest, HttpResponse, Transport } from "../../lib/http.ts";
import type { Random } from "../../lib/random.ts";
import { credentialsOf } from "../http.ts";
import { Timers } from "../timers.ts";
import { Controllers } from "./controllers.ts";
import { GarbageCollector } from "./gc.ts";
import { Handlers, type Hooks } from "./handlers.ts";
import { CRDS, NAMESPACES, Registry } from "./kinds.ts";
import { reply } from "./reply.ts";
import { StatusError, unauthorized } from "./status.ts";
import { Storage, type StoredChange } from "./storage.ts";
import { Tokens } from "./subresources.ts";
import type { Kind, Obj } from "./types.ts";
import type { Watch } from "./watch.ts";
import type { World } from "./world.ts";
import { create } from "./writes.ts";

export interface KubeApiOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** CustomResourceDefinitions that are there from the beginning. */
  readonly crds?: readonly object[];
  /** Namespaces beside default and kube-system. */
  readonly namespaces?: readonly string[];
  /** When given, requests need it or a service account's token as their bearer. */
  readonly adminToken?: string;
  /** How many changes of a resource can be watched afterwards, at least. Default 10,000. */
  readonly history?: number;
  /** How late the garbage collector is. Milliseconds, default 20. */
  readonly gcDelayMs?: number;
  /** From the deletion of a namespace to the deletion of its content. Milliseconds, default 5,000, as in a cluster. */
  readonly namespaceDelayMs?: number;
}

/** One change of one object, for ledgers. */
export interface ObjectChange {
  readonly plural: string;
  readonly version: number;
  readonly before?: Obj;
  readonly after?: Obj;
}

export class KubeApi {
  /** Serves one request; no sockets. */
  readonly handle: Transport = async (request) => {
    const response = await this.#handle(request);
    const date = new Date(this.#world.clock.now()).toUTCString();
    return { ...response, headers: { ...response.headers, date } };
  };
  /** Which reviews of access are answered with no; requests are served all the same. */
  denies: Hooks["denies"] = () => false;
  readonly #world: World;
  readonly #timers: Timers;
  readonly #tokens: Tokens;
  readonly #handlers: Handlers;
  readonly #adminToken: string | undefined;
  readonly #watches = new Set<Watch>();
  readonly #lags = new Map<string, number>();
  readonly #listeners = new Set<(change: ObjectChange) => void>();
  #reached = 0;

  constructor(options: KubeApiOptions) {
    const { clock, random, history = 10_000, gcDelayMs = 20, namespaceDelayMs = 5_000 } = options;
    this.#world = { clock, random, storage: new Storage(history), registry: new Registry() };
    this.#timers = new Timers(clock);
    this.#tokens = new Tokens(this.#world);
    this.#adminToken = options.adminToken;
    this.#handlers = new Handlers(this.#world, this.#tokens, {
      lagOf: (plural) => this.#lags.get(plural) ?? this.#lags.get("") ?? 0,
      opened: (watch) => this.#watches.add(watch),
      closed: (watch) => this.#watches.delete(watch),
      userOf: (request) => this.userOf(request),
      denies: (attributes, user) => this.denies(attributes, user),
    });
    const after = (ms: number, action: () => void) => void this.#timers.after(ms, action);
    const collector = new GarbageCollector(this.#world, gcDelayMs, after);
    const controllers = new Controllers(this.#world, { namespaceMs: namespaceDelayMs }, after);
    this.#world.storage.subscribe((change) => {
      collector.changed(change);
      controllers.changed(change);
      this.#changed(change);
    });
    for (const name of ["default", "kube-system", ...(options.namespaces ?? [])]) {
      this.#add(NAMESPACES, { metadata: { name } });
    }
    for (const crd of options.crds ?? []) this.#add(CRDS, crd);
  }

  /** How many requests have been served. */
  get requests(): number {
    return this.#reached;
  }

  /** How many watches are open. */
  get openWatches(): number {
    return this.#watches.size;
  }

  /** The objects of a resource (its plural) as they are now, of one namespace or of all. */
  objects(plural: string, namespace?: string): readonly Obj[] {
    const kind = this.#kindNamed(plural);
    const prefix = namespace !== undefined && kind.namespaced ? `${namespace}/` : "";
    return this.#world.storage.table(kind).entries(prefix).map(({ object }) => object);
  }

  /** Every object, by resource. Resources without objects are left out. */
  snapshot(): Record<string, readonly Obj[]> {
    const tables = [...this.#world.storage.tables()].filter((table) => table.size > 0);
    return Object.fromEntries(tables.map((table) => [table.kind.plural, table.entries().map(({ object }) => object)]));
  }

  /** Calls `listener` after every change; returns what ends that. */
  onChange(listener: (change: ObjectChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A bearer token of an existing service account. @throws StatusError */
  tokenOf(namespace: string, name: string, seconds = 3600): string {
    return this.#tokens.mint(namespace, name, seconds);
  }

  /** Who sent a request; undefined when it may not come in. */
  userOf(request: HttpRequest): string | undefined {
    const token = credentialsOf(request, "bearer");
    const account = token === undefined ? undefined : this.#tokens.userOf(token);
    if (account !== undefined) return account;
    return this.#adminToken === undefined || token === this.#adminToken ? "admin" : undefined;
  }

  /** Makes every resource version before the newest too old: watches from there and continue tokens get 410. */
  compact(): void {
    this.#world.storage.compact();
  }

  /** Cuts open watches as a lost connection does: all, or those of one resource (its plural). */
  cutWatches(plural?: string): void {
    for (const watch of [...this.#watches]) if (plural === undefined || watch.plural === plural) watch.cut();
  }

  /** Lets watches tell events `ms` late from now on: all watches, or those of one resource (its plural). 0 ends it. */
  holdWatch(ms: number, plural = ""): void {
    if (ms === 0 && plural === "") this.#lags.clear();
    else this.#lags.set(plural, ms);
  }

  /** Ends all watches in good order and stops the cluster's controllers. */
  close(): void {
    this.#timers.close();
    for (const watch of [...this.#watches]) watch.close();
  }

  async #handle(request: HttpRequest): Promise<HttpResponse> {
    if (request.signal.aborted) throw request.signal.reason;
    this.#reached++;
    try {
      if (this.userOf(request) === undefined) throw unauthorized();
      return this.#handlers.handle(request);
    } catch (error) {
      if (error instanceof StatusError) return reply(error.code, JSON.stringify(error.toJson()), error.details);
      const status = new StatusError(500, "InternalError", `Internal error occurred: ${messageOf(error)}`);
      return reply(500, JSON.stringify(status.toJson()));
    }
  }

  #add(kind: Kind, object: object): void {
    const target = { kind, namespace: "", name: "", subresource: "" };
    create(this.#world, target, object, { dryRun: false, strict: false });
  }

  #changed({ kind, version, before, after }: StoredChange): void {
    if (kind === CRDS && !after && before) this.#endWatchesOf(before.object);
    if (this.#listeners.size === 0) return;
    const change: ObjectChange = {
      plural: kind.plural,
      version,
      ...(before ? { before: before.object } : {}),
      ...(after ? { after: after.object } : {}),
    };
    for (const listener of [...this.#listeners]) listener(change);
  }

  #endWatchesOf(crd: Obj): void {
    const plural = crd.metadata.name.split(".", 1)[0];
    for (const watch of [...this.#watches]) if (watch.plural === plural) watch.close();
  }

  #kindNamed(plural: string): Kind {
    const kind = this.#world.registry.all().find((kind) => kind.plural === plural);
    if (!kind) throw new RangeError(`no resource is named ${plural}`);
    return kind;
  }
}
