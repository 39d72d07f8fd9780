import type { Clock } from "../lib/clock.ts";

/** Why a loop does not do its work: words that stand in conditions. */
export type LoopProblemKind =
  | "SessionConflict"
  | "ScaleSetNotFound"
  | "Unauthorized"
  | "ServiceUnavailable"
  | "RunnerSetNotWritten";

export interface LoopProblem {
  readonly kind: LoopProblemKind;
  /** One line; no secret. */
  readonly message: string;
  /** Wall-clock time of its beginning, in milliseconds. */
  readonly since: number;
}

/** A loop that has not completed a poll for this long is not ready. */
export const READY_WITHIN_MS = 5 * 60_000;

/** How a loop is, for readiness, conditions and people. Written by the loop alone. */
export class LoopHealth {
  readonly #clock: Clock;
  readonly #onChange: (() => void) | undefined;
  #polledAt: { readonly wall: number; readonly monotonic: number } | undefined;
  readonly #startedAt: number;
  #problem: LoopProblem | undefined;
  #sessionId: string | undefined;
  #hasListened = false;
  #phantomDemand = 0;

  /** @param onChange called after a change of what conditions show, not after each poll */
  constructor(clock: Clock, onChange?: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#startedAt = clock.monotonic();
  }

  /** Wall-clock time of the last completed poll. */
  get lastPollAt(): number | undefined {
    return this.#polledAt?.wall;
  }

  /** Milliseconds since the last completed poll, or since the start. */
  get silentMs(): number {
    return this.#clock.monotonic() - (this.#polledAt?.monotonic ?? this.#startedAt);
  }

  get problem(): LoopProblem | undefined {
    return this.#problem;
  }

  /** The open session; undefined while there is none. */
  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  /** Whether a session was ever open. */
  get hasListened(): boolean {
    return this.#hasListened;
  }

  /** Assigned jobs that seem not to be real: nothing is provided for them. */
  get phantomDemand(): number {
    return this.#phantomDemand;
  }

  /** Why the loop is not ready, or undefined when it is: the shape of a readiness check. */
  failing(): string | undefined {
    const silentMs = this.silentMs;
    if (silentMs < READY_WITHIN_MS) return undefined;
    const why = this.#problem ? ` (${this.#problem.kind}: ${this.#problem.message})` : "";
    return `no completed poll for ${Math.floor(silentMs / 1000)} s${why}`;
  }

  polled(): void {
    this.#polledAt = { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
    if (this.#problem && this.#problem.kind !== "RunnerSetNotWritten") this.#set(undefined);
  }

  session(id: string | undefined): void {
    if (this.#sessionId === id) return;
    this.#sessionId = id;
    if (id !== undefined) this.#hasListened = true;
    this.#onChange?.();
  }

  failed(kind: LoopProblemKind, message: string): void {
    const since = this.#problem?.kind === kind ? this.#problem.since : this.#clock.now();
    this.#set({ kind, message, since });
  }

  wrote(): void {
    if (this.#problem?.kind === "RunnerSetNotWritten") this.#set(undefined);
  }

  phantom(jobs: number): void {
    if (this.#phantomDemand === jobs) return;
    this.#phantomDemand = jobs;
    this.#onChange?.();
  }

  #set(problem: LoopProblem | undefined): void {
    const same = problem?.kind === this.#problem?.kind && problem?.message === this.#problem?.message;
    this.#problem = problem;
    if (!same) this.#onChange?.();
  }
}
