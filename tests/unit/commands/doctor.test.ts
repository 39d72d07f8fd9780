/** The doctor's command line, where there is no cluster to look at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "../../../src/commands/doctor.ts";
import { DOCTOR_OPTIONS } from "../../../src/commands/doctor_options.ts";
import { machine } from "../../support/machine.ts";

test("wrong use: 2, and what is meant", async () => {
  const io = machine();
  assert.equal(await run(["--name-space=a"], io), 2);
  assert.match(io.err(), /--name-space; is --namespace meant\?/);
  assert.equal(io.out(), "");
});

test("help names every flag, and how it is called in the controller's pod", async () => {
  const io = machine();
  assert.equal(await run(["--help"], io), 0);
  for (const { flag } of Object.values(DOCTOR_OPTIONS)) assert.ok(io.out().includes(`--${flag}`), flag);
  assert.match(io.out(), /kubectl -n arc-systems exec/);
});

test("no way to a cluster is a finding like any other, also for programs", async () => {
  const io = machine();
  assert.equal(await run(["--json"], io), 1);
  const [found, ...others] = JSON.parse(io.out()) as Record<string, string>[];
  assert.deepEqual(others, []);
  assert.deepEqual([found!.check, found!.state], ["api-server", "fix"]);
  assert.match(found!.message!, /kubeconfig/);
  assert.match(found!.wayOut!, /--kubeconfig/);
});
