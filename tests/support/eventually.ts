import { setTimeout as delay } from "node:timers/promises";

/**
 * Asks again until there is an answer, for tests on the real world alone: a control plane takes its time.
 * @throws Error that names `what` when there is none in time
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  limitMs = 30_000,
): Promise<T> {
  const limit = performance.now() + limitMs;
  while (true) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > limit) throw new Error(`not in ${limitMs / 1000} s: ${what}`);
    await delay(50);
  }
}
