/** What is asked of the service when runners of a set are let go, beside what their own controller does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { retire } from "../../../../src/controllers/ephemeral_runner_set/calls.ts";
import { RunnerBook } from "../../../../src/controllers/shared/runner_book.ts";
import type { ActionsService } from "../../../../src/github/service.ts";
import { runner } from "../../../support/builders.ts";
import { serviceError } from "../../../support/memory_service.ts";

const UID = "runner-1";

/** A service that knows registration 14; `during` is what happens while that is removed. */
function world(during: (book: RunnerBook) => void = () => {}, refused: readonly number[] = []) {
  const book = new RunnerBook();
  const removed: number[] = [];
  const unmarked: number[] = [];
  const service = {
    findRunner: (name: string) => Promise.resolve({ id: 14, name, scaleSetId: 7 }),
    removeRunner: (id: number) => {
      removed.push(id);
      if (!book.isAsked(UID)) unmarked.push(id);
      if (id === 14) during(book);
      return refused.includes(id) ? Promise.reject(serviceError("JobStillRunning")) : Promise.resolve();
    },
  } as Partial<ActionsService> as ActionsService;
  const services = { of: () => Promise.resolve(service), refresh: () => {} };
  const ask = () => retire({ do: "retire", runners: [runner()] }, { services, book });
  return { book, removed, unmarked, ask };
}

/** The runner's own controller asks for another registration, in the place of the one that it finds. */
function registerAnew(book: RunnerBook): void {
  book.registered(UID);
  book.registered(UID, 26);
}

test("a registration that nobody here made is found by its name", async () => {
  const { book, removed, ask } = world();
  assert.deepEqual(await ask(), { gone: [UID], busy: [], failed: [] });
  assert.deepEqual(removed, [14]);
  assert.ok(book.isReleased(UID));
});

test("one that is replaced while it is removed: the new one goes too", async () => {
  const { book, removed, unmarked, ask } = world(registerAnew);
  assert.deepEqual((await ask()).gone, [UID]);
  assert.deepEqual(removed, [14, 26]);
  assert.deepEqual(unmarked, [], "the end of its program is what was asked for");
  assert.ok(book.isReleased(UID));
});

test("and where the new one has a job, the runner stays", async () => {
  const { book, ask } = world(registerAnew, [26]);
  assert.deepEqual((await ask()).busy, [UID]);
  assert.equal(book.isReleased(UID), false);
  assert.equal(book.isAsked(UID), false);
});
