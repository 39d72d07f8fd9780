/** What a process knows of its runners' registrations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RunnerBook } from "../../../../src/controllers/shared/runner_book.ts";

test("a registration that comes while a former one of the runner is let go is still to be let go", () => {
  const book = new RunnerBook();
  book.registered("uid"); // asked for; the answer gets lost, and it is asked for again
  book.asked("uid"); // the set finds the former registration by its name
  book.released("uid");
  assert.equal(book.isReleased("uid"), true);
  book.registered("uid", 9);
  assert.deepEqual([book.isReleased("uid"), book.isAsked("uid"), book.registrationOf("uid")], [false, false, 9]);
});

test("a registration that is told again after it has been let go stays let go", () => {
  const book = new RunnerBook();
  book.registered("uid", 9);
  book.released("uid");
  book.registered("uid", 9);
  book.registered("uid");
  assert.equal(book.isReleased("uid"), true);
});

test("an id that a new process reads from a runner's secret is no new registration", () => {
  const book = new RunnerBook();
  book.asked("uid");
  book.released("uid");
  book.registered("uid", 9);
  assert.deepEqual([book.isReleased("uid"), book.isAsked("uid")], [true, true]);
});
