/** The token is replaced: the old one is refused before the new one is in the secret, and nothing need be restarted. */
import assert from "node:assert/strict";
import { AUTOSCALING_RUNNER_SETS } from "../../src/api/kinds.ts";
import { SECRETS } from "../../src/k8s/resource.ts";
import { edit } from "../support/edit.ts";
import { eventually } from "../support/eventually.ts";
import { story } from "../support/story.ts";

const OLD = "ghp_simulated";
const NEW = "ghp_its_successor";
const SECRET = "story-gha-rs-github-secret";
/**
 * Without the right to patch pods a listener sees its new configuration when its kubelet looks at the volume: once a
 * minute. The longest back-off of a registration comes on top, and a runner's start.
 */
const RECOVERY_SECONDS = 130;

story("the secret is rotated", { seed: 151, credentials: { pats: [OLD, NEW] } }, async (it) => {
  const { cluster } = it;
  const { controls } = cluster.service;
  const ready = async () => {
    const [set] = await cluster.list(AUTOSCALING_RUNNER_SETS);
    return set?.status?.conditions?.find(({ type }) => type === "Ready");
  };
  it.work({ everyMs: 1000, durationMs: [2000, 6000] });
  await it.flow();
  controls.revokePat(OLD);
  for (const kind of ["registration", "admin", "queue"] as const) controls.expireTokens(kind);
  const said = await eventually("the scale set says it", async () => {
    const condition = await ready();
    return condition?.status === "False" && condition;
  }, 60_000);
  it.note("while the old token is refused", `${said.reason}: ${said.message}`);
  assert.equal(said.reason, "Unauthorized");
  assert.match(said.message ?? "", /401/);
  const began = Date.now();
  await edit(cluster, SECRETS, { name: SECRET }, (secret) => {
    secret.data = { ...secret.data, github_token: Buffer.from(NEW).toString("base64") };
  });
  await it.flow(5, 150_000);
  const seconds = it.secondsSince(began);
  it.note("five jobs started after the new one by", `${seconds} s`);
  assert.ok(seconds <= RECOVERY_SECONDS, `${seconds} s`);
  await eventually("the scale set is ready", async () => (await ready())?.status === "True");
  assert.equal(cluster.listeners.length, 1, "the listener has lived through it");
  const logs = [it.controller.log(), cluster.listenerLog(cluster.listeners[0]!.pod)].join("\n");
  assert.doesNotMatch(logs, new RegExp(`${OLD}|${NEW}`), "no token is in a log");
});
