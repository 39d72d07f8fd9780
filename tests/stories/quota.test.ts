/** A quota for pods is too small for the jobs, and is raised: nothing fails, and what waits goes on by itself. */
import assert from "node:assert/strict";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { type KubeObject, pathOf, resource } from "../../src/k8s/resource.ts";
import { edit } from "../support/edit.ts";
import { eventually } from "../support/eventually.ts";
import { runnerPods } from "../support/figures.ts";
import { story } from "../support/story.ts";

interface Quota extends KubeObject {
  spec?: { hard: Record<string, string> };
  status?: { hard?: Record<string, string> };
}

const QUOTAS = resource<Quota>("", "v1", "ResourceQuota", "resourcequotas");
const NAMESPACE = "arc-runners";
const JOBS = 10;
const ROOM = 3;
/** The longest wait between two tries, with its jitter, and a runner's start. */
const RECOVERY_SECONDS = 45;

story("a quota is exceeded, then raised", { seed: 131 }, async (it) => {
  const { cluster } = it;
  const inForce = (pods: number) =>
    eventually("the quota is in force", async () => {
      const [quota] = await cluster.list(QUOTAS);
      return quota?.status?.hard?.["pods"] === String(pods);
    });
  const spec = { hard: { pods: String(ROOM) } };
  await cluster.create(pathOf(QUOTAS, NAMESPACE), { metadata: { name: "tight" }, spec });
  await inForce(ROOM);
  const mark = cluster.audit.mark();
  it.burst(JOBS, { durationMs: [20_000, 25_000] });
  await it.flow(ROOM);
  await eventually("each runner that waits says why", async () => {
    const waiting = (await cluster.list(EPHEMERAL_RUNNERS)).filter(({ status }) => status?.reason === "QuotaExceeded");
    return waiting.length === JOBS - ROOM &&
      waiting.every(({ status }) => /exceeded quota: tight/.test(status?.message ?? ""));
  });
  const runners = await cluster.list(EPHEMERAL_RUNNERS);
  assert.equal(runners.length, JOBS, "those that wait keep their slots");
  assert.deepEqual(runners.filter(({ status }) => status?.phase === "Failed"), [], "none has failed");
  assert.equal(it.started(), ROOM, "no more than there is room for");
  const began = Date.now();
  await edit(cluster, QUOTAS, { name: "tight" }, (quota) => quota.spec!.hard["pods"] = "50");
  await inForce(50);
  await it.flow(JOBS - ROOM);
  const seconds = it.secondsSince(began);
  it.note("all others had runners after the raise by", `${seconds} s`);
  assert.ok(seconds <= RECOVERY_SECONDS, `${seconds} s`);
  const refused = cluster.audit.since(mark).filter(({ verb, resource: what, status }) =>
    verb === "create" && what === "pods" && status === 403
  );
  it.note("pods that were refused", refused.length);
  assert.ok(refused.length <= 10 * (JOBS - ROOM), `${refused.length} tries`);
  assert.equal(runnerPods(cluster).length, JOBS, "one pod for each job");
  await cluster.plane.call("DELETE", pathOf(QUOTAS, NAMESPACE, "tight"));
});
