/** A message session of one scale set: the queue, and the token that opens it. */
import * as z from "zod";
import { unlessAborted } from "../lib/abort.ts";
import { type AdminCalls, API_VERSION } from "./calls.ts";
import { ServiceError } from "./errors.ts";
import type { WireCall, WireReply } from "./http.ts";
import { envelopeSchema, readMessage } from "./messages.ts";
import { looseText, parsed, statisticsSchema } from "./parse.ts";
import { scaleSetSchema } from "./scale_sets.ts";
import type { Message, MessageSession, ScaleSet, ServiceCallOptions, Statistics } from "./service.ts";

const ZERO_ID = "00000000-0000-0000-0000-000000000000";
const SESSION_GONE = { notFound: "SessionNotFound" } as const;

const sessionSchema = z.looseObject({
  sessionId: z.string().min(1),
  messageQueueUrl: z.string().min(1),
  messageQueueAccessToken: z.string().min(1),
  runnerScaleSet: scaleSetSchema.nullish().catch(undefined),
  statistics: statisticsSchema,
});
const renewalSchema = z.looseObject({ messageQueueUrl: looseText, messageQueueAccessToken: z.string().min(1) });
const acquiredSchema = z.looseObject({ value: z.array(z.number()).nullish() });

const sessionsPath = (scaleSetId: number) => `_apis/runtime/runnerscalesets/${scaleSetId}/sessions`;

export async function openSession(
  calls: AdminCalls,
  scaleSetId: number,
  owner: string,
  options?: ServiceCallOptions,
): Promise<MessageSession> {
  const reply = await calls.json(
    {
      method: "POST",
      path: sessionsPath(scaleSetId),
      body: { sessionId: ZERO_ID, ownerName: owner },
      meaning: { notFound: "ScaleSetNotFound", conflict: "SessionConflict" },
      scaleSetId,
    },
    sessionSchema,
    options,
  );
  const { sessionId: id, messageQueueUrl: url, messageQueueAccessToken: token } = reply;
  const scaleSet = reply.runnerScaleSet ?? undefined;
  const statistics = reply.statistics ?? scaleSet?.statistics;
  return new QueueSession(calls, { id, scaleSetId, scaleSet, statistics }, { url, token });
}

/** The same session and queue; what the queue's token is renewed with are the credentials of `calls`. */
export function resumeSession(calls: AdminCalls, session: MessageSession): MessageSession {
  return session instanceof QueueSession ? session.under(calls) : session;
}

export async function deleteSession(
  calls: AdminCalls,
  scaleSetId: number,
  sessionId: string,
  options?: ServiceCallOptions,
): Promise<void> {
  const path = `${sessionsPath(scaleSetId)}/${encodeURIComponent(sessionId)}`;
  try {
    await calls.send({ method: "DELETE", path, meaning: SESSION_GONE, scaleSetId }, options);
  } catch (error) {
    if (!ServiceError.is(error, "SessionNotFound")) throw error;
  }
}

/** What a queue call is, before the token. */
type QueueCall = Omit<WireCall, "authorization" | "scaleSetId">;

interface SessionFacts {
  readonly id: string;
  readonly scaleSetId: number;
  readonly scaleSet: ScaleSet | undefined;
  /** At the time of opening. */
  readonly statistics: Statistics | undefined;
}

interface Queue {
  readonly url: string;
  readonly token: string;
}

class QueueSession implements MessageSession {
  readonly id: string;
  readonly scaleSet: ScaleSet | undefined;
  readonly statistics: Statistics | undefined;
  readonly #calls: AdminCalls;
  readonly #scaleSetId: number;
  readonly #facts: SessionFacts;
  #queue: Queue;
  #renewal: Promise<void> | undefined;

  constructor(calls: AdminCalls, facts: SessionFacts, queue: Queue) {
    this.id = facts.id;
    this.scaleSet = facts.scaleSet;
    this.statistics = facts.statistics;
    this.#calls = calls;
    this.#facts = facts;
    this.#scaleSetId = facts.scaleSetId;
    this.#queue = queue;
  }

  under(calls: AdminCalls): QueueSession {
    return new QueueSession(calls, this.#facts, this.#queue);
  }

  /** Never repeated here: whoever polls in a loop backs off by itself, and knows that it is deaf meanwhile. */
  async poll(
    options: { readonly capacity: number; readonly lastMessageId?: number; readonly signal?: AbortSignal },
  ): Promise<Message | undefined> {
    const { capacity, lastMessageId, signal } = options;
    const { wire } = this.#calls;
    const reply = await this.#send(() => ({
      method: "GET",
      url: lastMessageId === undefined ? this.#queue.url : withQuery(this.#queue.url, `lastMessageId=${lastMessageId}`),
      headers: {
        "accept": `application/json; api-version=${API_VERSION}`,
        "x-scalesetmaxcapacity": String(capacity),
      },
      label: "GET message queue",
      meaning: SESSION_GONE,
      deadlineMs: wire.options.limits.pollMs,
      retries: 0,
      signal,
    }), { signal });
    if (reply.status === 202 || reply.text.trim() === "") return undefined;
    const { message, leftOut } = readMessage(parsed(reply, envelopeSchema));
    if (leftOut.length > 0) {
      wire.options.log.warn("a message had parts that were left out", {
        scaleSetId: this.#scaleSetId,
        messageId: message.id,
        parts: [...new Set(leftOut)].slice(0, 5),
      });
    }
    return message;
  }

  /** A message that is not there any more is deleted; whether the queue is there the next poll tells. */
  async deleteMessage(id: number, options: ServiceCallOptions = {}): Promise<void> {
    try {
      await this.#send(() => ({
        method: "DELETE",
        url: withPath(this.#queue.url, String(id)),
        headers: { "accept": `application/json; api-version=${API_VERSION}` },
        label: "DELETE message",
        meaning: SESSION_GONE,
        signal: options.signal,
      }), options);
    } catch (error) {
      if (!ServiceError.is(error, "SessionNotFound")) throw error;
    }
  }

  async acquire(
    requestIds: readonly number[],
    options: ServiceCallOptions = {},
  ): Promise<readonly number[] | undefined> {
    const path = `_apis/runtime/runnerscalesets/${this.#scaleSetId}/acquirejobs`;
    const url = await this.#calls.urlOf(path, options);
    try {
      const reply = await this.#send(
        () => ({ method: "POST", url, body: requestIds, label: `POST ${path}`, signal: options.signal }),
        options,
      );
      return parsed(reply, acquiredSchema).value ?? [];
    } catch (error) {
      if (ServiceError.is(error, "NotFound", "ScaleSetNotFound")) return undefined;
      throw error;
    }
  }

  refresh(options: ServiceCallOptions = {}): Promise<void> {
    this.#renewal ??= this.#renew().finally(() => this.#renewal = undefined);
    return unlessAborted(this.#renewal, options.signal);
  }

  close(options?: ServiceCallOptions): Promise<void> {
    return deleteSession(this.#calls, this.#scaleSetId, this.id, options);
  }

  async #renew(): Promise<void> {
    const path = `${sessionsPath(this.#scaleSetId)}/${encodeURIComponent(this.id)}`;
    const call = { method: "PATCH", path, meaning: SESSION_GONE, scaleSetId: this.#scaleSetId } as const;
    const renewed = await this.#calls.json(call, renewalSchema);
    this.#queue = {
      url: renewed.messageQueueUrl || this.#queue.url,
      token: renewed.messageQueueAccessToken,
    };
  }

  /** A queue token that has run out is renewed, once, and the call repeated. */
  async #send(call: () => QueueCall, options: ServiceCallOptions): Promise<WireReply> {
    const { token } = this.#queue;
    try {
      return await this.#once(call());
    } catch (error) {
      if (!ServiceError.is(error, "Unauthorized")) throw error;
      if (token === this.#queue.token) await this.refresh(options);
      return await this.#once(call());
    }
  }

  #once(call: QueueCall): Promise<WireReply> {
    return this.#calls.wire.send({
      ...call,
      authorization: `Bearer ${this.#queue.token}`,
      scaleSetId: this.#scaleSetId,
    });
  }
}

function withQuery(url: string, addition: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}${addition}`;
}

function withPath(url: string, addition: string): string {
  const at = url.indexOf("?");
  const [path, query] = at < 0 ? [url, ""] : [url.slice(0, at), url.slice(at)];
  return `${path.replace(/\/+$/, "")}/${addition}${query}`;
}
