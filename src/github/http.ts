/** One call over the wire: headers, deadline, retries, and the meaning of an answer that is an error. */
import { type BackoffOptions, delayOf } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { call, hostOf, type HttpReply, type Transport, TransportError, type TransportFailure } from "../lib/http.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { withoutCredential } from "../lib/secrets.ts";
import { ServiceError, type ServiceErrorKind } from "./errors.ts";
import { type UserAgent, userAgentText } from "./user_agent.ts";

/** How long calls may take and how often they are repeated. */
export interface WireLimits {
  /** One try of a call, in milliseconds. */
  readonly callMs: number;
  /** One long poll, in milliseconds. */
  readonly pollMs: number;
  /** Repeats after connection errors, 429 and 5xx (not 501). */
  readonly retries: number;
  readonly backoff: BackoffOptions;
}

export const WIRE_LIMITS: WireLimits = {
  callMs: 30_000,
  pollMs: 300_000,
  retries: 4,
  backoff: { firstMs: 1000, maxMs: 30_000, jitter: 0.2 },
};

/** What the calls of one connection share. */
export interface WireOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly userAgent: UserAgent;
  readonly limits: WireLimits;
}

/** What a refusal of this call means, where the status alone does not say it. */
export interface Meaning {
  readonly notFound?: ServiceErrorKind;
  readonly conflict?: ServiceErrorKind;
}

export interface WireCall {
  readonly method: string;
  readonly url: string;
  /** The value of the Authorization header. */
  readonly authorization: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The call in words for errors: method and path, without ids of sessions, tokens or queries. */
  readonly label: string;
  readonly meaning?: Meaning;
  /** Goes into the User-Agent. */
  readonly scaleSetId?: number;
  /** Default: {@link WireLimits.callMs}. */
  readonly deadlineMs?: number;
  /** Default: {@link WireLimits.retries}. */
  readonly retries?: number;
  readonly signal?: AbortSignal;
}

/** A good answer, and the ids that GitHub's support asks for. */
export interface WireReply extends HttpReply {
  readonly label: string;
}

/** Sends calls. Safe to use concurrently: no call waits behind another. */
export class Wire {
  readonly options: WireOptions;

  constructor(options: WireOptions) {
    this.options = options;
  }

  /**
   * Sends a call until it gets an answer other than "try again".
   * @throws ServiceError for an answer outside 200 to 299 or none at all; the signal's reason when it is aborted
   */
  async send(request: WireCall): Promise<WireReply> {
    const { clock, random, log, limits } = this.options;
    const { retries = limits.retries, signal } = request;
    for (let attempt = 0;; attempt++) {
      const outcome = await this.#try(request);
      if (!(outcome instanceof ServiceError)) return outcome;
      if (attempt >= retries || !mayHeal(outcome)) throw outcome;
      const asked = outcome.fields.retryAfterMs ?? 0;
      if (asked > limits.callMs * 2) throw outcome;
      const delayMs = Math.max(asked, delayOf(limits.backoff, attempt, random));
      log.debug("a call to GitHub is repeated", { call: request.label, delayMs, error: outcome.message });
      await clock.sleep(delayMs, signal);
    }
  }

  async #try(request: WireCall): Promise<WireReply | ServiceError> {
    const { transport, clock, limits, userAgent } = this.options;
    const { method, url, label, body, signal } = request;
    const headers: Record<string, string> = {
      "accept": "application/json",
      "content-type": "application/json",
      "user-agent": userAgentText(userAgent, request.scaleSetId),
      "authorization": request.authorization,
      ...request.headers,
    };
    try {
      const reply = await call(
        transport,
        { method, url, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) },
        { clock, deadlineMs: request.deadlineMs ?? limits.callMs, signal },
      );
      if (reply.status >= 200 && reply.status <= 299) return { ...reply, text: withoutMark(reply.text), label };
      const text = withoutCredential(withoutMark(reply.text), request.authorization);
      return refusal({ ...reply, text }, label, request.meaning, clock);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const wayOut = error instanceof TransportError ? WAYS_OUT[error.kind] ?? "" : "";
      const message = `${label} at ${hostOf(url)} got no answer: ${messageOf(error)}${wayOut}`;
      return new ServiceError(message, { kind: "Unavailable", status: 0, call: label }, error);
    }
  }
}

/** What a person can do about a connection that was not made. */
const WAYS_OUT: Readonly<Partial<Record<TransportFailure, string>>> = {
  tls: "; githubServerTLS of the scale set names the config map with a CA of your own",
  proxy: "; is proxy of the scale set right (or HTTPS_PROXY)?",
};

/** Whether the same call may succeed soon. A timeout has waited long enough; a certificate needs a person. */
function mayHeal(error: ServiceError): boolean {
  const { status } = error.fields;
  if (error.kind === "RateLimited") return true;
  if (status >= 500) return status !== 501;
  if (status !== 0) return false;
  return !(error.cause instanceof TransportError && ["timeout", "tls", "aborted"].includes(error.cause.kind));
}

/** A byte order mark may lead a reply; a decoder may have dropped it already. */
function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** The error that an answer is: the one place where wire text becomes a kind. */
export function refusal(reply: HttpReply, label: string, meaning: Meaning = {}, clock?: Clock): ServiceError {
  const { typeName, message } = bodyOf(reply);
  const activityId = reply.headers["activityid"];
  const requestId = reply.headers["x-github-request-id"];
  const ids = [
    activityId && `ActivityId ${oneLine(activityId)}`,
    requestId && `X-GitHub-Request-Id ${oneLine(requestId)}`,
  ].filter(
    Boolean,
  );
  const said = [typeName && !message.includes(typeName) ? typeName : "", message].filter(Boolean).join(": ");
  const text = `${label} answered ${reply.status}${said ? `: ${said}` : ""}${ids.length ? ` (${ids.join(", ")})` : ""}`;
  return new ServiceError(text, {
    kind: kindOf(reply, typeName, meaning),
    status: reply.status,
    typeName,
    call: label,
    activityId,
    requestId,
    retryAfterMs: retryAfterOf(reply.headers, clock),
  });
}

const EXCEPTIONS: readonly (readonly [part: string, kind: ServiceErrorKind])[] = [
  ["AgentExistsException", "RunnerExists"],
  ["AgentNotFoundException", "NotFound"],
  ["JobStillRunningException", "JobStillRunning"],
  ["RunnerScaleSetExistsException", "ScaleSetExists"],
];

function kindOf(reply: HttpReply, typeName: string, meaning: Meaning): ServiceErrorKind {
  const { status, headers } = reply;
  for (const [part, kind] of EXCEPTIONS) if (status < 500 && typeName.includes(part)) return kind;
  if (status === 429) return "RateLimited";
  if (status === 403 && (headers["x-ratelimit-remaining"] === "0" || headers["retry-after"])) return "RateLimited";
  if (status === 401) return "Unauthorized";
  if (status === 403) return "Forbidden";
  if (status === 404 || status === 410) return meaning.notFound ?? "NotFound";
  if (status === 409) return meaning.conflict ?? "BadRequest";
  return status >= 500 ? "Unavailable" : status >= 400 ? "BadRequest" : "BadReply";
}

/** An error's own words: JSON as the service and the REST API write it, or the beginning of any other text. */
function bodyOf(reply: HttpReply): { typeName: string; message: string } {
  try {
    const { typeName, message } = JSON.parse(reply.text) ?? {};
    return {
      typeName: typeof typeName === "string" ? typeName.slice(0, 200) : "",
      message: typeof message === "string" ? oneLine(message) : "",
    };
  } catch {
    // Not JSON: proxies and routers answer in plain text or HTML.
    return { typeName: "", message: oneLine(reply.text) };
  }
}

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > 300 ? `${flat.slice(0, 300)}...` : flat;
}

/** Retry-After counts for 429 and 503: seconds, or an HTTP date. */
function retryAfterOf(headers: HttpReply["headers"], clock?: Clock): number | undefined {
  const text = headers["retry-after"];
  if (!text) return undefined;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) || !clock ? undefined : Math.max(0, at - clock.now());
}
