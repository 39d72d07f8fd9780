/**
 * The runner's image can't be pulled: the runner fails when its time is over, and says why; the set makes others, one
 * at a time and ever more slowly, and has a condition for it. When the image is there all is well by itself.
 */
import assert from "node:assert/strict";
import { AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { NORMAL, type PodFate } from "../../src/sim/kubelet/fate.ts";
import { runnerPods } from "../support/figures.ts";
import { eventually } from "../support/eventually.ts";
import { story } from "../support/story.ts";

const REASON = "ImagePullBackOff";
const MESSAGE = 'Back-off pulling image "ghcr.io/actions/actions-runner:latest": not found';
const PATIENCE_SECONDS = 30;
const BACKOFF_SECONDS = 5;

story("the runner's image is missing", {
  seed: 121,
  sets: [{
    name: "story",
    max: 3,
    spec: {
      runnerPolicy: { pendingTimeoutSeconds: PATIENCE_SECONDS, maxFailures: 1, failureBackoffSeconds: BACKOFF_SECONDS },
    },
  }],
}, async (it) => {
  const { cluster } = it;
  const missing: PodFate = { kind: "waiting", reason: REASON, message: MESSAGE };
  cluster.kubelet.fateOf = (_pod, role) => role === "runner" ? missing : NORMAL;
  const failing = async () => {
    const [set] = await cluster.list(AUTOSCALING_RUNNER_SETS);
    return set?.status?.conditions?.find(({ type }) => type === "RunnersFailing");
  };
  const began = Date.now();
  it.burst(3);
  const condition = await eventually("the scale set says it", async () => {
    const said = await failing();
    return said?.status === "True" && said;
  }, 90_000);
  const seconds = it.secondsSince(began);
  it.note("runners failed after", `${seconds} s`);
  assert.ok(seconds >= PATIENCE_SECONDS - 1, `after ${seconds} s nobody could know`);
  assert.equal(condition.reason, REASON);
  assert.match(condition.message ?? "", /not found/);
  const failed = await eventually("all three have failed", async () => {
    const found = (await cluster.list(EPHEMERAL_RUNNERS)).filter(({ status }) => status?.phase === "Failed");
    return found.length === 3 && found;
  });
  for (const { status } of failed) {
    assert.equal(status?.reason, REASON);
    assert.match(status?.message ?? "", /not found/);
  }
  const fourth = await eventually("one more is tried", async () => runnerPods(cluster)[3]);
  assert.equal(runnerPods(cluster).length, 4, "one at a time");
  const ends = runnerPods(cluster).slice(0, 3).map(({ toldToEndAt = Infinity }) => toldToEndAt);
  it.note("the next was tried after", `${(fourth.seenAt - Math.max(...ends)) / 1000} s more`);
  assert.ok(fourth.seenAt - Math.max(...ends) >= (BACKOFF_SECONDS - 1) * 1000, "not at once");
  await eventually("it fails as well", async () => fourth.toldToEndAt !== undefined, 60_000);
  cluster.kubelet.fateOf = () => NORMAL;
  it.note("the image was there: all jobs had runners after", `${await it.flow(3, 120_000)} s more`);
  const fifth = runnerPods(cluster)[4]!;
  const pause = (fifth.seenAt - fourth.toldToEndAt!) / 1000;
  it.note("of which the set waited", `${pause} s`);
  assert.ok(pause >= 2 * BACKOFF_SECONDS - 1, "twice as long as before");
  assert.ok(runnerPods(cluster).length <= 8, `${runnerPods(cluster).length} runners were made`);
  await eventually("the condition is taken back", async () => (await failing())?.status === "False", 60_000);
});
