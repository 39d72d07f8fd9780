import type { MessageSession } from "../github/service.ts";
import type { LoopDeps } from "./loop_deps.ts";
import type { Opening } from "./news.ts";

/** The session that is ours: at most one lives at a time, and one that we left behind is ended before another is opened. */
export class OwnSession {
  readonly #deps: LoopDeps;
  /** Lives, as far as we know. */
  #id: string | undefined;
  /** What a former process left is known, or of no interest any more. */
  #recalled = false;

  constructor(deps: LoopDeps) {
    this.#deps = deps;
  }

  /**
   * A new session, and between when and when (wall clock) its figures were taken.
   * @throws what ActionsService.openSession throws
   */
  async open(signal: AbortSignal): Promise<{ readonly session: MessageSession } & Opening> {
    const { service, scaleSetId, owner, clock, health, metrics, log } = this.#deps;
    if (!this.#recalled) await this.#recall();
    await this.#end(signal);
    const askedAt = clock.now();
    const session = await service().openSession(scaleSetId, owner, { signal });
    const openedAt = clock.now();
    this.#id = session.id;
    this.#recalled = true;
    health.session(session.id);
    metrics.sessionOpened();
    log.info("a message session is open", { sessionId: session.id, owner });
    await this.#keep(session.id);
    return { session, askedAt, openedAt };
  }

  /** It can't be used any more; `gone`: the service has said that it lives no longer. */
  lost(gone: boolean): void {
    this.#deps.health.session(undefined);
    if (gone) this.#id = undefined;
  }

  /** Ends it for good. */
  async close(signal: AbortSignal): Promise<void> {
    const open = this.#id;
    await this.#end(signal);
    this.#deps.health.session(undefined);
    if (open === undefined || this.#id !== undefined) return;
    this.#deps.log.info("the message session is closed", { sessionId: open });
    await this.#keep(undefined);
  }

  /** Learns of the session that a former process left. */
  async #recall(): Promise<void> {
    try {
      this.#id = await this.#deps.sessions?.former();
      this.#recalled = true;
    } catch (error) {
      this.#deps.log.warn("it is not known whether a former session lives", { error });
    }
  }

  async #end(signal: AbortSignal): Promise<void> {
    if (this.#id === undefined) return;
    const { service, scaleSetId, log } = this.#deps;
    try {
      await service().deleteSession(scaleSetId, this.#id, { signal });
      this.#id = undefined;
    } catch (error) {
      log.warn("a session of ours could not be ended", { sessionId: this.#id, error });
    }
  }

  async #keep(sessionId: string | undefined): Promise<void> {
    try {
      await this.#deps.sessions?.keep(sessionId);
    } catch (error) {
      this.#deps.log.warn("the session's id could not be kept for the next process", { error });
    }
  }
}
