import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Backoff, delayOf } from "../../../src/lib/backoff.ts";
import { between, pick, SAFE_ALPHABET, safeText, seededRandom, uuid } from "../../../src/lib/random.ts";

test("random: the same seed gives the same numbers, on every runtime", () => {
  const random = seededRandom(42);
  const drawn = Array.from({ length: 4 }, () => Math.floor(random.next() * 1000));
  const again = seededRandom(42);
  assert.deepEqual(Array.from({ length: 4 }, () => Math.floor(again.next() * 1000)), drawn);
  assert.deepEqual(drawn, [128, 33, 75, 706]);
});

test("random: numbers stay in range and names in the safe alphabet", () => {
  fc.assert(fc.property(fc.integer(), fc.integer({ min: 1, max: 60 }), (seed, length) => {
    const random = seededRandom(seed);
    const number = between(random, 3, 5);
    assert.ok(number >= 3 && number <= 5 && Number.isInteger(number));
    const text = safeText(random, length);
    assert.equal(text.length, length);
    assert.ok([...text].every((character) => SAFE_ALPHABET.includes(character)));
    assert.match(uuid(random), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }));
});

test("random: picking from nothing says so", () => {
  assert.throws(() => pick(seededRandom(1), []), RangeError);
});

test("backoff: delays double up to the limit, and jitter only shortens", () => {
  fc.assert(fc.property(fc.nat(100), fc.integer(), (attempt, seed) => {
    const options = { firstMs: 5, maxMs: 1000, jitter: 0.2 };
    const full = delayOf({ ...options, jitter: 0 }, attempt);
    const some = delayOf(options, attempt, seededRandom(seed));
    assert.ok(full <= 1000 && full >= 5);
    assert.ok(some <= full && some >= full * 0.8);
  }));
});

test("backoff: a success forgets the failures", () => {
  const backoff = new Backoff({ firstMs: 5, maxMs: 100 });
  assert.deepEqual([backoff.next(), backoff.next(), backoff.next()], [5, 10, 20]);
  backoff.reset();
  assert.equal(backoff.next(), 5);
});
