/**
 * The life of one scale set's listener: open a session, poll, act on each message, delete it, poll again. The same code
 * runs in a listener pod and in the controller. It ends when it is told to and for no other reason: what time can heal
 * is waited for, with growing delays, and said in its LoopHealth.
 */
import { ServiceError } from "../github/errors.ts";
import type { Message, MessageSession } from "../github/service.ts";
import { unlessAborted } from "../lib/abort.ts";
import { Backoff } from "../lib/backoff.ts";
import { messageOf } from "../lib/errors.ts";
import { Credentials } from "./credentials.ts";
import { Demand } from "./demand.ts";
import { factsOf, FactWriter } from "./facts.ts";
import { LOOP_WAITS, type LoopDeps, type LoopWaits } from "./loop_deps.ts";
import { OwnSession } from "./own_session.ts";
import type { Opening } from "./news.ts";
import { isLost, mayHaveLost, problemOf } from "./trouble.ts";

/**
 * Listens to one scale set until `signal` is aborted; then finishes the message in hand, ends the session and resolves.
 */
export async function runLoop(deps: LoopDeps, signal: AbortSignal): Promise<void> {
  const waits = { ...LOOP_WAITS, ...deps.waits };
  const work = new AbortController();
  const onStop = () => {
    const timer = deps.clock.after(waits.stopMs, () => work.abort(signal.reason));
    work.signal.addEventListener("abort", () => timer.cancel(), { once: true });
  };
  if (signal.aborted) return;
  signal.addEventListener("abort", onStop, { once: true });
  try {
    await new Loop(deps, waits, signal, work.signal).run();
  } finally {
    signal.removeEventListener("abort", onStop);
    work.abort(new Error("the listener has ended"));
  }
}

/** A poll is cut short: the limits or the service have changed, nothing was heard for too long, or a message got lost. */
class PollCut extends Error {
  override readonly name = "PollCut";
  readonly why: "changed" | "silent" | "missed";

  constructor(why: "changed" | "silent" | "missed", message: string) {
    super(message);
    this.why = why;
  }
}

/** A poll that has nothing to tell should last most of a minute. */
const QUICK_MS = 1_000;

/** A new session gets what was lost. */
function isMissed(error: unknown): boolean {
  return error instanceof PollCut && error.why === "missed";
}

/**
 * Answers in a row that there is no such call: after so many there are waits between them, and after so many more, which
 * takes an hour, they are believed.
 */
const LIKELY_REFUSALS = 3;
const SURE_REFUSALS = 12;

class Loop {
  readonly #deps: LoopDeps;
  readonly #waits: LoopWaits;
  /** Ends the listening. */
  readonly #stop: AbortSignal;
  /** Ends what is in hand, some time later. */
  readonly #work: AbortSignal;
  readonly #facts: FactWriter;
  readonly #backoff: Backoff;
  readonly #hurried: Backoff;
  readonly #demand: Demand;
  readonly #own: OwnSession;
  readonly #credentials: Credentials;
  #changed = false;
  #cut: AbortController | undefined;
  /** Answers in a row that the server knows no acquiring of jobs. */
  #refusedOffers = 0;
  /** On the monotonic clock: until then offers are passed over, and stay in the queue. */
  #offersAgainAt = 0;
  readonly #offers: Backoff;
  #refreshedAt = 0;
  /** Ids of messages of this session whose deletion was refused. */
  readonly #undeleted = new Set<number>();

  constructor(deps: LoopDeps, waits: LoopWaits, stop: AbortSignal, work: AbortSignal) {
    this.#deps = deps;
    this.#waits = waits;
    this.#stop = stop;
    this.#work = work;
    this.#backoff = new Backoff(waits.retry, deps.random);
    this.#hurried = new Backoff(waits.hurried, deps.random);
    this.#offers = new Backoff(waits.offers, deps.random);
    this.#demand = new Demand(deps, waits, work);
    this.#own = new OwnSession(deps);
    this.#credentials = new Credentials(deps, waits, stop);
    this.#facts = new FactWriter({
      kube: deps.kube,
      namespace: deps.runnerSet.namespace,
      clock: deps.clock,
      random: deps.random,
      log: deps.log,
      signal: work,
      backoff: waits.retry,
      patienceMs: waits.factsMs,
      giveUpMs: waits.factsGiveUpMs,
    });
  }

  async run(): Promise<void> {
    const deps = this.#deps;
    const unsubscribe = deps.onChange(() => {
      this.#changed = true;
      this.#cut?.abort(new PollCut("changed", "the limits or the service have changed"));
      this.#credentials.changed();
    });
    deps.metrics.limits(deps.limits());
    try {
      while (!this.#stop.aborted) {
        const session = await this.#open();
        if (session) await this.#listen(session);
      }
    } finally {
      unsubscribe();
      await Promise.all([this.#facts.settled(), this.#own.close(this.#work)]);
      deps.metrics.remove();
    }
  }

  /** A new session; undefined when the loop is to end. */
  async #open(): Promise<MessageSession | undefined> {
    while (!this.#stop.aborted) {
      try {
        const { session, ...opening } = await this.#own.open(this.#work);
        this.#refusedOffers = 0;
        this.#offersAgainAt = 0;
        this.#undeleted.clear();
        await this.#begin(session, opening);
        return session;
      } catch (error) {
        await this.#trouble(error);
      }
    }
    return undefined;
  }

  /** The figures of a session's beginning are as good as a message. */
  async #begin(session: MessageSession, opening: Opening): Promise<void> {
    const { clock, metrics } = this.#deps;
    const given = session.statistics;
    const statistics = given ?? await this.#demand.read(this.#work);
    const taken = given ? opening : { ...opening, openedAt: clock.now() };
    const step = this.#demand.step({ kind: "session", at: clock.monotonic(), statistics, ...taken });
    if (statistics) metrics.statistics(statistics);
    metrics.desired(step.desired);
    await this.#demand.tell(step);
  }

  /** Polls until the session is lost or the loop is to end. */
  async #listen(opened: MessageSession): Promise<void> {
    let session = opened;
    let service = this.#deps.service();
    let lastMessageId: number | undefined;
    let newestId = 0;
    this.#refreshedAt = this.#deps.clock.monotonic();
    while (!this.#stop.aborted) {
      try {
        if (service !== this.#deps.service()) {
          service = this.#deps.service();
          session = service.resume?.(session) ?? session;
        }
        await this.#refreshIfSilent(session);
        const begun = this.#deps.clock.monotonic();
        const message = await this.#poll(session, lastMessageId);
        if (message === "changed") continue;
        this.#polled();
        const well = message ? await this.#handle(session, message, message.id < newestId) : await this.#idle(begun);
        // One that comes after a younger one got lost on its way before; where ids start again, the first one only seems so.
        if (message) newestId = lastMessageId === undefined ? message.id : Math.max(newestId, message.id);
        // Ids can start again, below the last one: what comes after a silence is taken whatever its id.
        lastMessageId = message?.id;
        if (well) this.#backoff.reset();
      } catch (error) {
        if (this.#stop.aborted) return;
        if (isLost(error) || isMissed(error)) return await this.#lost(session, error);
        await this.#trouble(error);
      }
    }
  }

  /** One long poll. While it waits, figures in doubt are read; a change of limits cuts it short. */
  async #poll(
    session: MessageSession,
    lastMessageId: number | undefined,
  ): Promise<Message | undefined | "changed"> {
    const { clock, limits } = this.#deps;
    if (this.#changed) await this.#takeLimits();
    const cut = this.#cut = new AbortController();
    const onStop = () => cut.abort(this.#stop.reason);
    this.#stop.addEventListener("abort", onStop, { once: true });
    if (this.#stop.aborted) onStop();
    const { watchdogMs } = this.#waits;
    const silent = () => cut.abort(new PollCut("silent", `no answer to a poll for ${watchdogMs} ms`));
    const watchdog = clock.after(watchdogMs, silent);
    const quiet = new AbortController();
    const reading = this.#demand.readWhileQuiet(
      quiet.signal,
      () => cut.abort(new PollCut("missed", "a message seems to have got lost on its way")),
    );
    try {
      const poll = session.poll({ capacity: limits().maxRunners, lastMessageId, signal: cut.signal });
      return await unlessAborted(poll, cut.signal);
    } catch (error) {
      const { reason } = cut.signal;
      // What is missed already comes with the next session: no reason to suspect that one too.
      if (!isMissed(reason) && mayHaveLost(error)) this.#demand.suspect();
      if (!(reason instanceof PollCut)) throw error;
      if (reason.why === "changed") return "changed";
      throw reason;
    } finally {
      this.#cut = undefined;
      this.#stop.removeEventListener("abort", onStop);
      watchdog.cancel();
      quiet.abort();
      await reading;
    }
  }

  async #takeLimits(): Promise<void> {
    this.#changed = false;
    const limits = this.#deps.limits();
    this.#deps.metrics.limits(limits);
    await this.#demand.apply({ kind: "limits", at: this.#deps.clock.monotonic() });
  }

  /** A poll that began then ended with nothing: one that did not even wait would be sent a thousand times a second. */
  async #idle(begun: number): Promise<boolean> {
    const { clock } = this.#deps;
    const lasted = clock.monotonic() - begun;
    await this.#demand.rest(clock.monotonic());
    if (lasted >= QUICK_MS) this.#hurried.reset();
    else await clock.sleep(this.#hurried.next(), this.#stop);
    return true;
  }

  /**
   * Acts on a message. At least once: whatever fails, it comes again, and all of this can be done twice.
   * @returns whether it will not come again
   */
  async #handle(session: MessageSession, message: Message, isLate: boolean): Promise<boolean> {
    const { clock, log, metrics } = this.#deps;
    const { events, statistics } = message;
    log.debug("a message has come", { messageId: message.id, events: events.length });
    const step = this.#demand.step({ kind: "message", at: clock.monotonic(), events, statistics, isLate });
    const asked = this.#acquire(session, step.acquire);
    await this.#demand.tell(step);
    if (statistics) metrics.statistics(statistics);
    metrics.desired(step.desired);
    for (const event of step.fresh) metrics.job(event);
    await this.#facts.write(factsOf(step.fresh, { generation: this.#demand.generation, marks: this.#demand.isPruned }));
    const refusal = await asked;
    if (refusal === "again") return false;
    if (refusal) throw refusal.error;
    if (step.withheld) return false;
    return await this.#delete(session, message.id);
  }

  /** Never rejects: what the message says is acted on, whatever becomes of its offers. */
  async #acquire(session: MessageSession, ids: readonly number[]): Promise<{ error: unknown } | "again" | undefined> {
    if (ids.length === 0) return undefined;
    const { clock, log } = this.#deps;
    if (clock.monotonic() < this.#offersAgainAt) return this.#refusedOffers < SURE_REFUSALS ? "again" : undefined;
    try {
      const got = await session.acquire(ids, { signal: this.#work });
      if (got) {
        this.#refusedOffers = 0;
        this.#offers.reset();
        log.debug("jobs are acquired", { asked: ids.length, got: got.length });
        return undefined;
      }
      // It may have been a mistake on the way: the message stays, and with it the offers come again.
      this.#refusedOffers++;
      if (this.#refusedOffers >= LIKELY_REFUSALS) this.#offersAgainAt = clock.monotonic() + this.#offers.next();
      if (this.#refusedOffers < SURE_REFUSALS) return "again";
      log.info("this server assigns jobs by itself: what it offers is not waited for", {
        refused: this.#refusedOffers,
      });
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  /**
   * A message that can't be deleted comes again, and is then known: no reason to stop, nor to be deaf to others for a
   * while. Only when the same one is told again and again is there a wait between.
   */
  async #delete(session: MessageSession, id: number): Promise<boolean> {
    try {
      await session.deleteMessage(id, { signal: this.#work });
      this.#undeleted.delete(id);
      return true;
    } catch (error) {
      if (isLost(error) || this.#work.aborted) throw error;
      if (this.#undeleted.has(id)) await this.#trouble(error);
      else this.#deps.log.warn("a message could not be deleted: it will be told again", { messageId: id, error });
      this.#undeleted.add(id);
      return false;
    }
  }

  #polled(): void {
    const { health, metrics, clock } = this.#deps;
    health.polled();
    metrics.polled(clock.now());
  }

  /** Says what went wrong and waits. */
  async #trouble(error: unknown): Promise<void> {
    if (this.#stop.aborted) return;
    const { clock, health, log, onMissing } = this.#deps;
    const service = this.#deps.service();
    const kind = problemOf(error);
    const isRefused = kind === "Unauthorized";
    const areReplaced = isRefused && await this.#credentials.areReplaced(service);
    if (this.#stop.aborted) return;
    if (areReplaced && this.#backoff.failures === 0) {
      this.#backoff.next();
      log.info("credentials were refused and there are others: those are tried at once");
      return;
    }
    const asked = ServiceError.is(error) ? error.fields.retryAfterMs ?? 0 : 0;
    const delayMs = Math.max(Math.min(asked, this.#waits.longestMs), this.#backoff.next());
    health.failed(kind, messageOf(error));
    if (kind === "SessionConflict") {
      log.warn("another session of this scale set lives, perhaps our own of before: waiting for its end", {
        error,
        delayMs,
      });
    } else {
      log.warn("listening is disturbed", { problem: kind, error, delayMs });
    }
    if (kind === "ScaleSetNotFound") await onMissing?.(this.#work);
    if (areReplaced) return;
    if (isRefused) return await this.#credentials.wait(delayMs, service);
    await clock.sleep(delayMs, this.#stop).catch(() => {}); // rejects only on abort, which the callers see
  }

  /** The session is gone or its door is shut: another one is opened, the first time at once. */
  async #lost(session: MessageSession, error: unknown): Promise<void> {
    this.#own.lost(ServiceError.is(error, "SessionNotFound", "ScaleSetNotFound"));
    if (this.#backoff.failures > 0 || ServiceError.is(error, "Unauthorized")) return await this.#trouble(error);
    this.#backoff.next();
    this.#deps.log.info("the message session is lost: another one is opened", { sessionId: session.id, error });
  }

  /** Connections can die without a word, and tokens with them. */
  async #refreshIfSilent(session: MessageSession): Promise<void> {
    const { clock, health, log } = this.#deps;
    const silentMs = Math.min(health.silentMs, clock.monotonic() - this.#refreshedAt);
    if (silentMs < this.#waits.watchdogMs) return;
    this.#refreshedAt = clock.monotonic();
    log.warn("no poll was completed for long: the session is refreshed", { silentMs });
    await session.refresh({ signal: this.#stop });
  }
}
