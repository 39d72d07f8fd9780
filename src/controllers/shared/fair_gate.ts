/** Lets a bounded number of calls through at a time; those who wait take turns, so that one crowd delays nobody else. */
export class FairGate {
  readonly #limit: number;
  #inside = 0;
  /** Who waits, by group, in the order of the groups' turns. A group that is there has somebody waiting. */
  readonly #waiting = new Map<string, (() => void)[]>();

  /** @throws RangeError when `limit` is less than 1 */
  constructor(limit: number) {
    if (!(limit >= 1)) throw new RangeError(`FairGate: limit must be at least 1, not ${limit}`);
    this.#limit = limit;
  }

  /** Runs `work` when it is its turn. One of each group gets in before the second of any. */
  async run<T>(group: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(group, signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #enter(group: string, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#inside < this.#limit) {
      this.#inside++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#giveUp(group, enter);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      const line = this.#waiting.get(group);
      if (line) line.push(enter);
      else this.#waiting.set(group, [enter]);
    });
  }

  #leave(): void {
    const next = this.#waiting.entries().next().value;
    if (!next) {
      this.#inside--;
      return;
    }
    const [group, line] = next;
    const enter = line.shift()!;
    // The group goes to the end of the turns.
    this.#waiting.delete(group);
    if (line.length > 0) this.#waiting.set(group, line);
    enter();
  }

  #giveUp(group: string, enter: () => void): void {
    const rest = (this.#waiting.get(group) ?? []).filter((other) => other !== enter);
    if (rest.length > 0) this.#waiting.set(group, rest);
    else this.#waiting.delete(group);
  }
}
