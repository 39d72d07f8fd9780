import { createHash } from "node:crypto";
import { delayOf } from "../lib/backoff.ts";
import { type Clock, rfc3339 } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { KubeClient } from "./client.ts";
import { KubeError } from "./errors.ts";
import { apiVersionOf, type KubeObject, refOf, type Resource, resource, type Wire } from "./resource.ts";
import type { CoreV1Event } from "@kubernetes/client-node";

export type KubeEvent = Omit<Wire<CoreV1Event>, "metadata"> & KubeObject;
export const EVENTS = resource<KubeEvent>("", "v1", "Event", "events");

/** What an {@link EventRecorder} is made of. */
export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Who reports: source.component and reportingComponent of its events. */
  readonly component: string;
  /** Which process: source.host and reportingInstance; usually the pod's name. */
  readonly instance: string;
  /** Repeats within this time raise the count of the event that is there, in milliseconds. Default 600,000. */
  readonly windowMs?: number;
  /** New events per object within the window; what is beyond is dropped. Default 25. */
  readonly perObject?: number;
}

/** What there is to tell about an object. */
export interface Report {
  readonly type: "Normal" | "Warning";
  /** One word in CamelCase. */
  readonly reason: string;
  /** Longer ones are cut at 1,024 characters, the API server's limit. */
  readonly message: string;
  /** What makes two reports the same: a message can hold the ids of a request. Default: the message. */
  readonly gist?: string;
}

/** An event that is at the API server, or on its way there. */
interface Known {
  readonly event: KubeEvent;
  /** As it was said last. */
  message: string;
  count: number;
  /** The last report of it, monotonic milliseconds. */
  seenAt: number;
  /** The last write of it began then, monotonic milliseconds. */
  writtenAt: number;
  state: "new" | "writing" | "stored";
}

const LONGEST_MESSAGE = 1024;
const MOST_KNOWN = 2_000;
const MOST_IN_FLIGHT = 20;
/**
 * A refusal for want of rights may be one of an API server that has just started and has not read its roles yet: it is
 * believed when it has been repeated so often, each time after a longer wait.
 */
const SURE_REFUSALS = 6;
const SILENCE = { firstMs: 10_000, maxMs: 600_000 };
/** The count of a repeated event is written at most this often: what it lacks, the next repeat brings. */
const REPEAT_WRITE_MS = 10_000;

/**
 * Tells people what happens to objects, in core/v1 Events. It is a courtesy: it never blocks, never throws, keeps
 * little memory, and gives up what the API server does not want. Repeats of one message within ten minutes are one
 * event with a count.
 */
export class EventRecorder {
  readonly #options: Required<EventRecorderOptions>;
  /** By object, type, reason and gist; oldest first. */
  readonly #known = new Map<string, Known>();
  /** When each object's last new events were made: oldest object first. */
  readonly #budgets = new Map<string, { since: number; made: number }>();
  #inFlight = 0;
  #dropped = 0;
  /** By namespace: refusals for want of rights without a success in between, and until when nothing is tried there. */
  readonly #forbidden = new Map<string, { readonly refusals: number; readonly until: number }>();

  constructor(options: EventRecorderOptions) {
    const { windowMs = 600_000, perObject = 25 } = options;
    this.#options = { ...options, windowMs, perObject };
  }

  /** Events that were not sent: beyond an object's share, too many at once, or refused. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Reports something about `about`, an object of `kind`; what comes of it is nobody's concern. */
  record(kind: Resource, about: KubeObject, report: Report): void {
    const { clock, windowMs } = this.#options;
    const now = clock.monotonic();
    const message = report.message.length > LONGEST_MESSAGE
      ? `${report.message.slice(0, LONGEST_MESSAGE - 1)}…`
      : report.message;
    const { namespace = "", name, uid } = refOf(about);
    const object = uid || `${kind.plural}/${namespace}/${name}`;
    const key = createHash("sha256").update(
      JSON.stringify([object, report.type, report.reason, report.gist ?? message]),
    ).digest(
      "hex",
    );
    let known = this.#known.get(key);
    if (known && now - known.seenAt < windowMs) {
      known.count++;
      known.message = message;
      known.seenAt = now;
    } else {
      if (!this.#hasShare(object)) {
        this.#dropped++;
        return;
      }
      const event = this.#eventOf(kind, about, { ...report, message }, key);
      known = { event, message, count: 1, seenAt: now, writtenAt: -Infinity, state: "new" };
      remember(this.#known, key, known);
    }
    this.#send(key, known);
  }

  #hasShare(object: string): boolean {
    const { clock, perObject, windowMs } = this.#options;
    const now = clock.monotonic();
    const budget = this.#budgets.get(object);
    if (budget && now - budget.since < windowMs) return ++budget.made <= perObject;
    remember(this.#budgets, object, { since: now, made: 1 });
    return true;
  }

  #send(key: string, known: Known): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    if (known.state === "writing" || now - known.writtenAt < REPEAT_WRITE_MS) return;
    const { namespace = "" } = known.event.metadata ?? {};
    if (this.#inFlight >= MOST_IN_FLIGHT || now < (this.#forbidden.get(namespace)?.until ?? 0)) {
      this.#dropped++;
      return;
    }
    const isNew = known.state === "new";
    known.state = "writing";
    known.writtenAt = now;
    this.#inFlight++;
    this.#write(known, isNew).then(
      () => {
        known.state = "stored";
        this.#forbidden.delete(namespace);
      },
      (error) => this.#refused(key, namespace, error),
    ).finally(() => this.#inFlight--);
  }

  async #write({ event, message, count }: Known, isNew: boolean): Promise<void> {
    const { client, clock } = this.#options;
    const { namespace, name = "" } = event.metadata ?? {};
    const told = { count, lastTimestamp: rfc3339(clock.now()) };
    if (isNew) await client.create(EVENTS, { ...event, ...told });
    else await client.patch(EVENTS, { namespace, name }, message === event.message ? told : { ...told, message });
  }

  #eventOf(kind: Resource, about: KubeObject, { type, reason, message }: Report, key: string): KubeEvent {
    const { component, instance, clock } = this.#options;
    const { namespace, name, uid } = refOf(about);
    const { resourceVersion } = about.metadata ?? {};
    const now = clock.now();
    return {
      metadata: {
        namespace: namespace ?? "default",
        name: `${name.slice(0, 220)}.${key.slice(0, 8)}${now.toString(16)}`,
      },
      involvedObject: { apiVersion: apiVersionOf(kind), kind: kind.kind, namespace, name, uid, resourceVersion },
      type,
      reason,
      message,
      firstTimestamp: rfc3339(now),
      source: { component, host: instance },
      reportingComponent: component,
      reportingInstance: instance,
    };
  }

  #refused(key: string, namespace: string, error: unknown): void {
    this.#dropped++;
    this.#known.delete(key); // the next report makes a new event
    if (KubeError.is(error, "NamespaceTerminating", "NotFound", "AlreadyExists")) return; // nobody will read it there
    if (KubeError.is(error, "Forbidden")) this.#silence(namespace, error);
    else this.#options.log.debug("an event could not be written", { error: messageOf(error) });
  }

  /** Rights are given by namespace: without them one goes without there, and says so once. */
  #silence(namespace: string, error: KubeError): void {
    const { log, clock } = this.#options;
    const now = clock.monotonic();
    const { refusals = 0, until = 0 } = this.#forbidden.get(namespace) ?? {};
    if (now < until) return;
    const isSure = refusals + 1 >= SURE_REFUSALS;
    this.#forbidden.set(namespace, {
      refusals: refusals + 1,
      until: isSure ? Infinity : now + delayOf(SILENCE, refusals),
    });
    if (refusals > 0) return;
    log.info(
      "events may not be written in this namespace, the log has them: let the controller create and patch events " +
        "there (rbac.extra in the charts), and start it again",
      { namespace, error: error.message },
    );
  }
}

/** Adds to a map of bounded size, of which the oldest goes first. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MOST_KNOWN && oldest !== undefined) map.delete(oldest);
}
