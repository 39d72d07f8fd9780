/** What a soak judges by: floors, lines through them, and what has surely grown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../src/lib/random.ts";
import { drawFault, SOAK_FAULTS } from "../soak/faults.ts";
import { soakOptions } from "../soak/options.ts";
import { floorsOf, type Point, trendOf } from "../soak/trend.ts";

/** Forty minutes of samples, two a minute: a level, noise above it, and so much more an hour. */
function series(seed: number, perHour: number, noise: number): Point[] {
  const random = seededRandom(seed);
  return Array.from({ length: 80 }, (_, at) => ({
    at: at * 30,
    value: 100 + (perHour * at * 30) / 3600 + noise * random.next() ** 2,
  }));
}

test("soak: floors are the lowest of each window", () => {
  const points = [[0, 5], [10, 3], [59, 9], [60, 4], [130, 7]].map(([at = 0, value = 0]) => ({ at, value }));
  assert.deepEqual(floorsOf(points, 60).map(({ value }) => value), [3, 4, 7]);
});

test("soak: a line through what lies on one is that line", () => {
  const trend = trendOf([0, 1, 2, 3].map((at) => ({ at: at * 60, value: 10 + at })));
  assert.equal(Math.round(trend!.perHour), 60);
  assert.equal(Math.round(trend!.surely), 3);
  assert.deepEqual([trend!.first, trend!.last, trend!.points], [10, 13, 4]);
});

test("soak: too few points have no trend", () =>
  assert.equal(trendOf([{ at: 0, value: 1 }, { at: 1, value: 2 }]), undefined));

test("soak: noise alone does not grow, and growth is seen through noise", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const still = trendOf(floorsOf(series(seed, 0, 30), 240))!;
    assert.ok(still.surely < 3, `seed ${seed}: ${still.surely} of nothing`);
    const growing = trendOf(floorsOf(series(seed, 30, 10), 240))!;
    assert.ok(growing.surely > 10, `seed ${seed}: ${growing.surely} of 20`);
  }
});

test("soak: what falls has not grown", () => assert.equal(trendOf(series(1, -50, 5))!.surely, 0));

test("soak: every fault is drawn, and in the judged time none that ends what is judged", () => {
  const random = seededRandom(1);
  const drawn = (mode: "pod" | "embedded", judged: boolean) =>
    new Set(Array.from({ length: 5000 }, () => drawFault(random, mode, judged)));
  assert.equal(drawn("pod", false).size, SOAK_FAULTS.length);
  assert.ok([...drawn("pod", true)].every(({ endsJudged }) => !endsJudged));
  assert.ok([...drawn("embedded", false)].every(({ podMode }) => !podMode));
});

test("soak: options", () => {
  assert.deepEqual(soakOptions(["--minutes", "5", "--mode", "embedded"]), {
    minutes: 5,
    rate: 2,
    seed: 1,
    every: 60,
    mode: "embedded",
  });
  assert.equal(soakOptions(["--help"]), undefined);
  assert.throws(() => soakOptions(["--rate", "0"]), /--rate: 0/);
  assert.throws(() => soakOptions(["--mode", "both"]), /pod, embedded/);
});
