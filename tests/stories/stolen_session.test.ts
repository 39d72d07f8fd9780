/** Somebody else takes the scale set's session: it is left alone, waited for, and taken again when it has ended. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { story } from "../support/story.ts";

const THIEF = "somebody-else";
const IDLE_MS = 20_000;
/** The longest back-off is 30 s; the rest is for a busy machine. */
const RECOVERY_SECONDS = 60;

story("the session is stolen", { seed: 81, behaviour: { sessionIdleMs: IDLE_MS } }, async (it) => {
  const { cluster } = it;
  const { sessions } = cluster.service.ledger;
  it.work();
  await it.flow();
  const id = it.setId();
  const began = Date.now();
  cluster.service.controls.stealSession(id, THIEF);
  const stolen = sessions.at(-1)!;
  assert.equal(stolen.owner, THIEF);
  await eventually("the listener has its session again", async () => sessions.at(-1) !== stolen, 90_000);
  const heldMs = stolen.closedAt! - stolen.openedAt;
  assert.ok(heldMs >= IDLE_MS, `the other's session was ended after ${heldMs} ms`);
  it.note("the other's session lived for", `${heldMs / 1000} s`);
  const deaf = it.secondsSince(began);
  it.note("nobody counted for", `${deaf} s`);
  assert.ok(deaf <= IDLE_MS / 1000 + RECOVERY_SECONDS, `${deaf} s`);
  it.note("tries meanwhile", cluster.service.ledger.refused.get("session.open 409"));
  const log = cluster.listenerLog(cluster.listeners[0]!.pod);
  assert.match(log, /another session of this scale set lives/);
  assert.match(log, new RegExp(THIEF), "the log says whose it is");
  it.note("five more jobs started after", `${await it.flow()} s`);
  assert.equal(cluster.listeners.length, 1, "the listener has lived through it");
});
