/**
 * The listener dies without a word, twice: its session lives on at GitHub, which lets nobody else listen meanwhile. The
 * next one knows the session's id and ends it, so that jobs wait for seconds and not until the session has idled out.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { eventually } from "../support/eventually.ts";
import { story } from "../support/story.ts";

/** From the kill to another session. GitHub ends a session that nobody polls after 60 s here. */
const LIMIT_SECONDS = 30;

story("the listener is killed twice", { seed: 41 }, async (it) => {
  const { cluster } = it;
  const { sessions } = cluster.service.ledger;
  it.work();
  await it.flow();
  for (const time of ["first", "second"]) {
    it.burst(10);
    const before = sessions.length;
    const began = Date.now();
    process.kill(cluster.listeners.at(-1)!.pid, "SIGKILL");
    const limit = LIMIT_SECONDS * 1000;
    await eventually("there is another session", async () => sessions.length > before, limit);
    it.note(`${time} time: nobody counted for`, `${it.secondsSince(began)} s`);
    const next = it.job();
    await eventually("a job that came since has started", async () => {
      return cluster.service.ledger.jobs.get(next)?.startedAt !== undefined;
    });
    it.note(`${time} time: a job that came then started after`, `${it.secondsSince(began)} s`);
  }
  assert.equal(cluster.service.ledger.refused.get("session.open 409") ?? 0, 0, "nobody waited for a session's end");
  const ends = cluster.kubelet.ledger.started("listener").map(({ exitCode }) => exitCode);
  assert.deepEqual(ends, [137, 137, undefined]);
});
