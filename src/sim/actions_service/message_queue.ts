import type { Clock, Timer } from "../../lib/clock.ts";
import type { Timers } from "../timers.ts";
import type { ServiceBehaviour } from "./behaviour.ts";
import type { JobEventBody, WireStatistics } from "./model.ts";

/** The kind of message that carries events of jobs. */
const JOBS = "RunnerScaleSetJobMessages";

interface QueuedMessage {
  readonly id: number;
  readonly events: JobEventBody[];
  /** What kind of message it says it is. */
  readonly type: string;
  statistics: WireStatistics;
  /** Of the clock that never jumps; undefined: not delivered in this session. */
  deliveredAt: number | undefined;
  /** Delivered in any session: it is closed, nothing is added to it. */
  sent: boolean;
}

/** What the queue needs from around it. */
export interface QueueContext {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly behaviour: ServiceBehaviour;
  /** The counters as the service shows them now. */
  statistics(): WireStatistics;
  /** The counters as they truly are. */
  truth(): WireStatistics;
  /** Something can be delivered. */
  ready(): void;
  /** A message goes out. */
  delivered(): void;
}

/**
 * The messages of a scale set. They outlive sessions: what nobody deletes is delivered to the next session at once, and
 * to the same one again after some minutes. A fresh message whose id is not above the caller's lastMessageId stays
 * unseen, as on the real service: a listener that keeps a cursor while ids restart hears nothing.
 */
export class MessageQueue {
  readonly #context: QueueContext;
  #messages: QueuedMessage[] = [];
  #lastId: number;
  #announcement: Timer | undefined;
  #redelivery: Timer | undefined;
  #correction: Timer | undefined;

  constructor(context: QueueContext) {
    this.#context = context;
    this.#lastId = context.behaviour.lastMessageId;
  }

  /** Events wait for the next poll; those of one wait share a message, as many as fit. */
  push(event: JobEventBody): void {
    const open = this.#messages.at(-1);
    const fits = open && !open.sent && open.type === JOBS && open.events.length < this.#context.behaviour.batchSize;
    const message = fits ? open : this.#add();
    message.events.push(event);
    message.statistics = this.#context.statistics();
    this.#announce();
  }

  /** A message of a kind that nobody knows waits for the next poll. */
  pushStrange(): void {
    this.#add("SomethingNew");
    this.#announce();
  }

  /** The next message for a poll with this cursor. */
  next(lastMessageId: number): { readonly id: number; readonly text: string } | undefined {
    const { clock, behaviour } = this.#context;
    const now = clock.monotonic();
    const message = this.#messages.find((candidate) =>
      candidate.deliveredAt === undefined
        ? candidate.sent || candidate.id > lastMessageId
        : now >= candidate.deliveredAt + behaviour.redeliverMs
    );
    if (!message) {
      this.#awaitRedelivery();
      return undefined;
    }
    message.deliveredAt = now;
    message.sent = true;
    if (behaviour.statisticsAt === "delivery") message.statistics = this.#context.statistics();
    this.#context.delivered();
    this.#correctLater();
    return {
      id: message.id,
      text: JSON.stringify({
        messageId: message.id,
        messageType: message.type,
        body: JSON.stringify(message.events),
        statistics: behaviour.withoutStatistics ? null : message.statistics,
      }),
    };
  }

  /** Where ids have started again two may bear one: the last that was delivered goes. @returns whether there was such a message */
  delete(id: number): boolean {
    const namesakes = this.#messages.filter((message) => message.id === id);
    if (namesakes.length === 0) return false;
    const last = namesakes.reduce((a, b) => (b.deliveredAt ?? -1) >= (a.deliveredAt ?? -1) ? b : a);
    this.#messages = this.#messages.filter((message) => message !== last);
    return true;
  }

  /** A new session, or a service that forgot what it has sent: all that was not deleted is delivered again. */
  rewind(): void {
    for (const message of this.#messages) message.deliveredAt = undefined;
    if (this.#messages.length > 0) this.#context.ready();
  }

  /** From now on ids count up from `id`; messages that wait keep theirs. */
  restartIds(id: number): void {
    this.#lastId = id;
  }

  /** How many messages nobody has deleted yet. */
  get size(): number {
    return this.#messages.length;
  }

  /** Wakes the poll after a moment, so that what happens together comes together. */
  #announce(): void {
    const { timers, behaviour, ready } = this.#context;
    if (this.#announcement) return;
    this.#announcement = timers.after(behaviour.batchWindowMs, () => {
      this.#announcement = undefined;
      ready();
    });
  }

  #add(type: string = JOBS): QueuedMessage {
    const message: QueuedMessage = {
      id: ++this.#lastId,
      events: [],
      type,
      statistics: this.#context.statistics(),
      deliveredAt: undefined,
      sent: false,
    };
    this.#messages.push(message);
    return message;
  }

  #awaitRedelivery(): void {
    this.#redelivery?.cancel();
    const { clock, timers, behaviour } = this.#context;
    const due = this.#messages.flatMap((message) => message.deliveredAt === undefined ? [] : [message.deliveredAt]);
    if (due.length === 0) return;
    // In whole milliseconds: the difference of two fractions may end a hair too early, and then again and again.
    const wait = Math.ceil(Math.min(...due) + behaviour.redeliverMs - clock.monotonic());
    this.#redelivery = timers.after(Math.max(1, wait), () => this.#context.ready());
  }

  /** Statistics that lag are followed, when nothing else is, by a message without events that has them right. */
  #correctLater(): void {
    const { timers, behaviour } = this.#context;
    if (behaviour.statisticsLagMs === 0) return;
    this.#correction?.cancel();
    const shown = JSON.stringify(this.#context.statistics());
    this.#correction = timers.after(behaviour.statisticsLagMs + 1, () => {
      if (JSON.stringify(this.#context.truth()) === shown || this.#messages.some((message) => !message.sent)) return;
      this.#add().statistics = this.#context.statistics();
      this.#context.ready();
    });
  }
}
