/**
 * Two controllers that listen themselves (`--listener-mode=embedded`). The leader dies without a word: the next one ends
 * the session that it left, and listens as soon as it leads.
 */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { story } from "../support/story.ts";

const EMBEDDED = { flags: ["--listener-mode=embedded", "--enable-leader-election", "--leader-election-id=arc-story"] };
/** The lease runs out after 17 s at most, the rest is two calls to GitHub; the machine may be busy. */
const LIMIT_SECONDS = 30;

story(
  "embedded listeners, and the leader is killed",
  { seed: 43, controllers: [EMBEDDED, EMBEDDED], restarts: true },
  async (it) => {
    const { cluster } = it;
    const { sessions } = cluster.service.ledger;
    it.work();
    await it.flow();
    it.burst(10);
    // Who was started first leads.
    const [leader] = cluster.controllers;
    const before = sessions.length;
    const began = Date.now();
    await leader!.stop("SIGKILL");
    await eventually("the next leader has a session", async () => sessions.length > before, 60_000);
    const seconds = it.secondsSince(began);
    it.note("nobody counted for", `${seconds} s`);
    assert.ok(seconds <= LIMIT_SECONDS, `${seconds} s`);
    it.note("five more jobs started after", `${await it.flow()} s`);
    assert.equal(cluster.service.ledger.refused.get("session.open 409") ?? 0, 0, "it did not wait for the old session");
    assert.equal(cluster.listeners.length, 0, "there are no listener pods");
  },
);
