/** A scale set that the service does not know any more: who is told, and how often. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MissingReport } from "../../../src/listener/missing.ts";
import { logOf } from "../../../src/lib/log.ts";
import type { KubeClient } from "../../../src/k8s/client.ts";
import { kubeRefuses, refuse, World } from "./world.ts";

const RUNNER_SET = { namespace: "arc-runners", name: "linux" };

/** A listener of scale set 7, whose reports go to `kube`. */
function listener(kube: KubeClient) {
  const world = new World();
  const { clock } = world;
  const log = logOf((level, message, fields) => world.lines.push({ level, message, fields }));
  const report = new MissingReport({ kube, runnerSet: RUNNER_SET, scaleSetId: 7, clock, log });
  const process = world.start({ onMissing: (signal) => report.send(signal) });
  return { world, process };
}

function runnerSet(drops = false) {
  const sent: unknown[] = [];
  const faults: Error[] = [];
  const patch = (_kind: unknown, _ref: unknown, body: { spec: { missingScaleSetId: number } }) => {
    const fault = faults.shift();
    if (fault) return Promise.reject(fault);
    sent.push(body);
    return Promise.resolve({
      metadata: { name: "linux", uid: "u", resourceVersion: "2" },
      spec: drops ? {} : body.spec,
    });
  };
  return { sent, faults, kube: { patch } as unknown as KubeClient };
}

const gone = (times: number) => Array.from({ length: times }, () => refuse("ScaleSetNotFound"));

test("missing: the controller is told once, and again after a minute if nothing came of it", async () => {
  const { sent, kube } = runnerSet();
  const { world, process } = listener(kube);
  world.github.fail("open", ...gone(100));
  await world.pass(55_000);
  assert.deepEqual(sent, [{ spec: { missingScaleSetId: 7 } }]);
  await world.pass(245_000);
  assert.ok(sent.length >= 4 && sent.length <= 5, `${sent.length} reports in 5 minutes`);
  process.stop();
  await world.pass(60_000);
});

test("missing: a disturbance of another kind tells nobody", async () => {
  const { sent, kube } = runnerSet();
  const { world, process } = listener(kube);
  world.github.fail("open", refuse("Unavailable"), refuse("Unauthorized"), refuse("SessionConflict"));
  await world.pass(120_000);
  assert.deepEqual(sent, []);
  process.stop();
  await world.pass(60_000);
});

test("missing: a report that fails is made the next time, and nothing ends by it", async () => {
  const { sent, faults, kube } = runnerSet();
  const { world, process } = listener(kube);
  faults.push(kubeRefuses("Unavailable"), kubeRefuses("Forbidden"));
  world.github.fail("open", ...gone(100));
  await world.pass(20_000);
  assert.equal(sent.length, 1);
  assert.equal(process.ended.is, false);
  assert.equal(world.lines.filter(({ message }) => /could not be told that the scale set/.test(message)).length, 2);
  process.stop();
  await world.pass(60_000);
});

test("missing: where the definitions drop it, it is sent once and never again", async () => {
  const { sent, kube } = runnerSet(true);
  const { world, process } = listener(kube);
  world.github.fail("open", ...gone(200));
  await world.pass(1_800_000);
  assert.equal(sent.length, 1);
  process.stop();
  await world.pass(60_000);
});
