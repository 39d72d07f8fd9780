/** GitHub does not answer for a minute while jobs come: nothing is lost, nobody hammers, and it goes on by itself. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { textReply } from "../../src/sim/http.ts";
import { type Story, story } from "../support/story.ts";

const DOWN_MS = 60_000;
/** The longest back-off is 30 s, the rest is a runner's start on a busy machine. */
const RECOVERY_SECONDS = 60;

/** @param kinds the calls that came meanwhile, where they can be seen */
async function outage(it: Story, shut: () => void, open: () => void): Promise<void> {
  it.work({ durationMs: [1000, 6000] });
  await it.flow();
  it.burst(10);
  shut();
  await delay(DOWN_MS);
  open();
  const seconds = await it.flow(1);
  it.note("the first job started after GitHub's return by", `${seconds} s`);
  assert.ok(seconds <= RECOVERY_SECONDS, `${seconds} s`);
  it.note("ten more jobs", `${await it.flow(10, 120_000)} s`);
  assert.equal(it.controller.end, undefined, "the controller has lived through it");
  assert.equal(it.cluster.listeners.length, 1, "and so has the listener");
}

story("GitHub refuses connections for a minute", { seed: 71, doors: true }, async (it) => {
  const { github } = it.doors!;
  await outage(it, () => github.set("refused"), () => github.set("open"));
});

story("GitHub answers 503 for a minute", { seed: 72 }, async (it) => {
  const { cluster } = it;
  const calls = new Map<string, number>();
  const shut = () => {
    cluster.intercept = (request) => {
      const kind = `${request.method} ${new URL(request.url).pathname.replace(/\d+(?=\/|$)/g, "N")}`;
      calls.set(kind, (calls.get(kind) ?? 0) + 1);
      return Promise.resolve(textReply(503, "Service Unavailable"));
    };
  };
  await outage(it, shut, () => cluster.intercept = undefined);
  it.note("calls in that minute", Object.fromEntries(calls));
  const total = [...calls.values()].reduce((sum, count) => sum + count, 0);
  // 30 runners at most that wait for their registration, each trying less and less often
  assert.ok(total <= 400, `${total} calls to a GitHub that is down`);
});
