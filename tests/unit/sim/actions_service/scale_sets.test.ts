import assert from "node:assert/strict";
import { test } from "node:test";
import { Fixture } from "./client.ts";

test("a scale set is made, found, changed and deleted", async () => {
  const world = new Fixture();
  const id = await world.scaleSet("gpu pool & co");
  const found = await world.call(
    "GET",
    `runtime/runnerscalesets?runnerGroupId=1&name=${encodeURIComponent("GPU pool & co")}`,
  );
  assert.equal(found.json["count"], 1);
  assert.equal(found.json["value"]![0]!["id"], id);
  assert.equal(found.text.charCodeAt(0), 0xfeff, "a reply begins with a byte order mark");
  const changed = await world.call("PATCH", `runtime/runnerscalesets/${id}`, { name: "gpu" });
  assert.equal(changed.json["name"], "gpu");
  assert.equal(changed.json["labels"]![0]!["name"], "gpu pool & co", "only what is given changes");
  assert.equal(changed.json["runnerGroupName"], "Default");
  assert.equal((await world.call("DELETE", `runtime/runnerscalesets/${id}`)).status, 204);
  const gone = await world.call("GET", `runtime/runnerscalesets/${id}`);
  assert.equal(gone.status, 404);
  assert.match(gone.json["typeName"]!, /RunnerScaleSetNotFoundException/);
  assert.ok(gone.headers["activityid"] && gone.headers["x-github-request-id"]);
});

test("a second scale set of that name in the group is refused", async () => {
  const world = new Fixture();
  await world.scaleSet("linux");
  const reply = await world.call("POST", "runtime/runnerscalesets", { name: "linux", runnerGroupId: 1, labels: [] });
  assert.equal(reply.status, 400);
  assert.match(reply.json["typeName"]!, /RunnerScaleSetExistsException/);
});

test("a runner group that does not exist is an empty list", async () => {
  const world = new Fixture();
  await world.login();
  assert.equal((await world.call("GET", "runtime/runnergroups/?groupName=nope")).json["count"], 0);
  world.service.controls.addRunnerGroup("big ones");
  const reply = await world.call("GET", "runtime/runnergroups/?groupName=big%20ones");
  assert.deepEqual(reply.json["value"], [{ id: 2, name: "big ones", size: 0, isDefaultGroup: false }]);
});

test("a runner's registration: made once a name, found, removed, no error when gone", async () => {
  const world = new Fixture();
  const id = await world.scaleSet();
  const runner = await world.register(id, "r-1");
  const again = await world.call("POST", `runtime/runnerscalesets/${id}/generatejitconfig`, { name: "r-1" });
  assert.equal(again.status, 409);
  assert.match(again.json["typeName"]!, /AgentExistsException/);
  const found = await world.call("GET", "distributedtask/pools/0/agents?agentName=r-1");
  assert.deepEqual(found.json["value"], [{ id: runner.id, name: "r-1", runnerScaleSetId: id }]);
  assert.equal((await world.call("DELETE", `distributedtask/pools/0/agents/${runner.id}`)).status, 204);
  assert.equal((await world.call("DELETE", `distributedtask/pools/0/agents/${runner.id}`)).status, 204);
  const gone = await world.call("GET", `distributedtask/pools/0/agents/${runner.id}`);
  assert.equal(gone.status, 404);
  assert.match(gone.json["typeName"]!, /AgentNotFoundException/);
});

test("a JIT configuration is good for one container", async () => {
  const world = new Fixture();
  const id = await world.scaleSet();
  const { jit } = await world.register(id, "r-1");
  assert.equal(world.service.connectRunner(jit).kind, "connected");
  assert.equal(world.service.connectRunner(jit).kind, "refused");
  assert.equal(world.service.ledger.violations.length, 1);
  assert.equal(world.service.connectRunner("nonsense").kind, "refused");
});

test("a runner whose registration is removed while it idles is told that nothing comes", async () => {
  const world = new Fixture();
  const id = await world.scaleSet();
  const runner = await world.register(id, "r-1");
  const connection = world.service.connectRunner(runner.jit);
  assert.ok(connection.kind === "connected");
  await world.call("DELETE", `distributedtask/pools/0/agents/${runner.id}`);
  assert.equal(await connection.link.job, undefined);
});

test("calls without an api version, and unknown calls, are refused", async () => {
  const world = new Fixture();
  await world.login();
  const bare = await world.send("GET", `${world.base}_apis/runtime/runnerscalesets`, `Bearer ${world.token}`);
  assert.equal(bare.status, 400);
  assert.equal((await world.call("GET", "runtime/nothing")).status, 404);
  assert.equal(world.service.ledger.refused.get("unknown 404"), 1);
});

test("a tenant does not see the scale sets of another", async () => {
  const world = new Fixture();
  const id = await world.scaleSet();
  await world.login("https://github.com/umbrella", "https://api.github.com", "orgs/umbrella");
  assert.equal((await world.call("GET", `runtime/runnerscalesets/${id}`)).status, 404);
  assert.equal((await world.call("GET", "runtime/runnerscalesets?runnerGroupId=1&name=linux")).json["count"], 0);
});
