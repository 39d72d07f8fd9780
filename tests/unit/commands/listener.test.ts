import assert from "node:assert/strict";
import { test } from "node:test";
import type { ListenerDeps } from "../../../src/commands/listener.ts";
import { ConfigError } from "../../../src/k8s/config.ts";
import type { ServiceBehaviour } from "../../../src/sim/actions_service/behaviour.ts";
import { table } from "../../support/table.ts";
import { Process } from "./process.ts";

table("jobs from queue to end, over the wire", {
  "the service offers jobs": {},
  "it assigns them by itself": { needsAcquire: false },
  "its request ids are 0": { needsAcquire: false, zeroRequestIds: true },
  "its statistics are those of a message's creation": { statisticsAt: "creation" },
} as Record<string, Partial<ServiceBehaviour>>, async (behaviour) => {
  const process = new Process(behaviour);
  await process.start();
  assert.equal(process.told, "0/0");
  for (let i = 0; i < 3; i++) process.sim.queueJob({ labels: ["linux"], durationMs: 5000 });
  await process.clock.advance(1000);
  assert.equal(process.told, "3/0");

  const links = [];
  for (const name of ["runner-1", "runner-2", "runner-3"]) {
    process.cluster.addRunners(name);
    const jit = process.github().generateJitConfig(process.id, { name, workFolder: "_work" });
    await process.clock.advance(100);
    const connection = process.sim.connectRunner((await jit).encoded);
    if (connection.kind === "connected") links.push(connection.link);
  }
  await process.clock.advance(1000);
  assert.equal(process.told, "3/3");
  const jobs = [...process.cluster.runners.values()].map(({ status }) => status["jobId"]);
  assert.equal(new Set(jobs).size, 3);
  assert.ok(!jobs.includes(undefined));

  for (const link of links) link.finish("succeeded");
  await process.clock.advance(60_000);
  assert.equal(process.told, "0/0");
  assert.equal(process.cluster.spec.patchID, 0);
  const [scaleSet] = process.sim.scaleSets();
  assert.equal(scaleSet?.messages, 0);
  assert.match(scaleSet?.sessionOwner ?? "", /^host-[a-z0-9]{5}$/);

  process.stop.abort(new Error("SIGTERM"));
  await process.clock.advance(1000);
  assert.equal(process.exitCode, 0);
  assert.equal(process.sim.scaleSets()[0]?.sessionOwner, undefined);
  process.sim.close();
  assert.equal(process.clock.pendingTimers, 0);
});

test("changed limits are taken up in the same session", async () => {
  const process = new Process();
  await process.start();
  const owner = process.sim.scaleSets()[0]?.sessionOwner;
  await process.rewrite({ min_runners: 4, future_field: true });
  assert.equal(process.told, "4/0");
  assert.equal(process.sim.scaleSets()[0]?.sessionOwner, owner);
});

test("rotated credentials are taken up, by the file or at once when the old ones are refused", async () => {
  const process = new Process();
  await process.start();
  process.sim.controls.revokePat("ghp_first");
  process.sim.controls.expireTokens("admin");
  process.sim.controls.expireTokens("queue");
  process.config.github_token = "ghp_second";
  await process.clock.advance(120_000);
  process.sim.queueJob({ labels: ["linux"], durationMs: 5000 });
  await process.clock.advance(1000);
  assert.equal(process.told, "1/0");
  assert.equal(process.exitCode, undefined);
});

test("a changed config that can't be used changes nothing, and is said", async () => {
  const process = new Process();
  await process.start();
  await process.rewrite({ min_runners: 5, max_runners: 2 });
  assert.equal(process.told, "0/0");
  assert.ok(process.lines.some((line) => line.startsWith("error") && line.includes("max_runners is 2")));
  await process.rewrite({ max_runners: 6 });
  assert.equal(process.told, "5/0");
});

test("another scale set: the work begins anew in the same process", async () => {
  const process = new Process();
  await process.start();
  const made = process.github().createScaleSet({ name: "gpu", runnerGroupId: 1, labels: ["gpu"] });
  await process.clock.advance(100);
  await process.rewrite({ runner_scale_set_id: (await made).id, runner_scale_set_name: "gpu", min_runners: 2 });
  await process.clock.advance(1000);
  const owners = process.sim.scaleSets().map(({ name, sessionOwner }) => [name, sessionOwner !== undefined]);
  assert.deepEqual(owners, [["linux", false], ["gpu", true]]);
  assert.equal(process.told, "2/0");
  assert.equal(process.exitCode, undefined);
});

table("a config that can't be used at the start", {
  "no JSON": { configText: async () => "{", says: "arc listener: config.json is not JSON" },
  "no file": {
    configText: () => Promise.reject(new Error("/etc/gha-listener/config.json can't be read: there is no such file")),
    says: "arc listener: /etc/gha-listener/config.json can't be read: there is no such file",
  },
  "an authority that is none": {
    configText: undefined,
    transports: () => {
      throw new Error("the certificate can't be read");
    },
    says: "arc listener: the certificate can't be read",
  },
} as Record<string, Partial<ListenerDeps> & { says: string }>, async ({ says, configText, transports }) => {
  const process = new Process();
  // There is no cluster either, but that is not asked before the config is known to be good.
  const kube = () => Promise.reject(new ConfigError("there is no kubeconfig"));
  await process.start({ kube, ...(configText ? { configText } : {}), ...(transports ? { transports } : {}) });
  assert.equal(process.exitCode, 2);
  assert.deepEqual(process.complaints, [says]);
});

test("a good config and no way to the API server ends with 1", async () => {
  const process = new Process();
  await process.start({ kube: () => Promise.reject(new ConfigError("there is no kubeconfig")) });
  assert.equal(process.exitCode, 1);
  assert.deepEqual(process.complaints, ["arc listener: there is no kubeconfig"]);
});

test("metrics and readiness are served; an address that can't be had stops nothing", async () => {
  const process = new Process();
  await process.start();
  const [parts] = process.served;
  assert.equal(parts?.metrics?.path, "/metrics");
  assert.match(await parts!.metrics!.source.text(), /gha_assigned_jobs\{name="linux",namespace="arc-runners"/);
  assert.equal(await parts!.health!.ready[0]!.failing(), undefined);

  const other = new Process();
  await other.start({ serve: () => Promise.reject(new Error("another program does")) });
  assert.equal(other.told, "0/0");
  assert.ok(other.lines.some((line) => line.startsWith("error metrics are not served")));
});

test("no log line holds a credential, and the log's guard knows them", async () => {
  const process = new Process();
  await process.start();
  process.sim.controls.revokePat("ghp_first");
  process.sim.controls.expireTokens("admin");
  process.sim.controls.expireTokens("queue");
  await process.clock.advance(300_000);
  assert.ok(process.lines.some((line) => line.includes("401")), "it was told about");
  assert.ok(!process.lines.some((line) => /ghp_|eyJ/.test(line)));
  assert.equal(process.secrets.hide("x ghp_first y"), "x *** y");
});
