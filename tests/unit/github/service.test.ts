import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceError, type ServiceErrorKind } from "../../../src/github/errors.ts";
import type { ActionsService } from "../../../src/github/service.ts";
import { table } from "../../support/table.ts";
import { type Answer, json, SERVICE_URL, Wire } from "./wire.ts";

const STATISTICS = {
  totalAvailableJobs: 1,
  totalAcquiredJobs: 2,
  totalAssignedJobs: 3,
  totalRunningJobs: 4,
  totalRegisteredRunners: 5,
  totalBusyRunners: 6,
  totalIdleRunners: 7,
};
const WIRE_SET = {
  id: 7,
  name: "linux",
  runnerGroupId: 1,
  runnerGroupName: "Default",
  labels: [{ id: 1, type: "System", name: "linux" }, { type: "System", name: "linux" }, {
    type: "System",
    name: "gpu",
  }],
  RunnerSetting: { disableUpdate: true },
  createdOn: "2026-01-01T00:00:00Z",
  statistics: STATISTICS,
};
const SET = {
  id: 7,
  name: "linux",
  runnerGroupId: 1,
  runnerGroupName: "Default",
  labels: ["linux", "gpu"],
  statistics: STATISTICS,
};
const ALWAYS = { RunnerSetting: { disableUpdate: true }, createdOn: "0001-01-01T00:00:00Z" };
const SETS = "_apis/runtime/runnerscalesets";
const AGENTS = "_apis/distributedtask/pools/0/agents";
const NO_AGENT = { typeName: "Microsoft.TeamFoundation.AgentNotFoundException, X", message: "no agent" };

interface Call {
  readonly call: (service: ActionsService) => Promise<unknown>;
  readonly sends: string;
  readonly body?: unknown;
  readonly answer: Answer;
  readonly gives?: unknown;
  readonly fails?: ServiceErrorKind;
}

const CALLS: Record<string, Call> = {
  "a runner group is found by name": {
    call: (service) => service.runnerGroup("gpu & pool"),
    sends: "GET _apis/runtime/runnergroups/?groupName=gpu%20%26%20pool",
    answer: json(200, { count: 1, value: [{ id: 3, name: "gpu & pool", size: 1, isDefaultGroup: false }] }),
    gives: { id: 3, name: "gpu & pool", isDefaultGroup: false },
  },
  "a runner group that there is not": {
    call: (service) => service.runnerGroup("none"),
    sends: "GET _apis/runtime/runnergroups/?groupName=none",
    answer: json(200, { count: 0, value: [] }),
    gives: undefined,
  },
  "a scale set is found by group and name": {
    call: (service) => service.findScaleSet(1, "linux"),
    sends: `GET ${SETS}?runnerGroupId=1&name=linux`,
    answer: json(200, { count: 1, value: [WIRE_SET] }),
    gives: SET,
  },
  "another scale set than the one asked for is none": {
    call: (service) => service.findScaleSet(1, "windows"),
    sends: `GET ${SETS}?runnerGroupId=1&name=windows`,
    answer: json(200, { count: 1, value: [WIRE_SET] }),
    gives: undefined,
  },
  "a scale set is read": {
    call: (service) => service.getScaleSet(7),
    sends: `GET ${SETS}/7`,
    answer: json(200, WIRE_SET),
    gives: SET,
  },
  "a scale set without labels and statistics": {
    call: (service) => service.getScaleSet(7),
    sends: `GET ${SETS}/7`,
    answer: json(200, { id: 7, name: "linux", runnerGroupId: 1, labels: null, statistics: null }),
    gives: { id: 7, name: "linux", runnerGroupId: 1, runnerGroupName: "", labels: [] },
  },
  "a scale set is created, each label once": {
    call: (service) => service.createScaleSet({ name: "linux", runnerGroupId: 1, labels: ["linux", "gpu", "linux"] }),
    sends: `POST ${SETS}`,
    body: {
      name: "linux",
      runnerGroupId: 1,
      labels: [{ type: "System", name: "linux" }, { type: "System", name: "gpu" }],
      ...ALWAYS,
    },
    answer: json(200, WIRE_SET),
    gives: SET,
  },
  "a scale set whose name is taken": {
    call: (service) => service.createScaleSet({ name: "linux", runnerGroupId: 1, labels: [] }),
    sends: `POST ${SETS}`,
    body: { name: "linux", runnerGroupId: 1, labels: [], ...ALWAYS },
    answer: json(400, { typeName: "GitHub.Actions.RunnerScaleSetExistsException, GitHub", message: "taken" }),
    fails: "ScaleSetExists",
  },
  "only the given fields of a scale set change": {
    call: (service) => service.updateScaleSet(7, { runnerGroupId: 2 }),
    sends: `PATCH ${SETS}/7`,
    body: { runnerGroupId: 2, ...ALWAYS },
    answer: json(200, WIRE_SET),
    gives: SET,
  },
  "a scale set that is gone is not changed": {
    call: (service) => service.updateScaleSet(7, {}),
    sends: `PATCH ${SETS}/7`,
    body: ALWAYS,
    answer: json(404, {}),
    fails: "ScaleSetNotFound",
  },
  "a scale set is deleted": {
    call: (service) => service.deleteScaleSet(7),
    sends: `DELETE ${SETS}/7`,
    answer: { status: 204 },
    gives: undefined,
  },
  "a scale set that is gone is deleted": {
    call: (service) => service.deleteScaleSet(7),
    sends: `DELETE ${SETS}/7`,
    answer: json(404, {}),
    gives: undefined,
  },
  "a JIT configuration": {
    call: (service) => service.generateJitConfig(7, { name: "r1", workFolder: "_work" }),
    sends: `POST ${SETS}/7/generatejitconfig`,
    body: { name: "r1", workFolder: "_work" },
    answer: json(200, { runner: { id: 42, name: "r1", runnerScaleSetId: 7 }, encodedJITConfig: "SECRET" }),
    gives: { runnerId: 42, runnerName: "r1", scaleSetId: 7, encoded: "SECRET" },
  },
  "a runner of that name exists": {
    call: (service) => service.generateJitConfig(7, { name: "r1", workFolder: "_work" }),
    sends: `POST ${SETS}/7/generatejitconfig`,
    body: { name: "r1", workFolder: "_work" },
    answer: json(409, { typeName: "GitHub.AgentExistsException, GitHub", message: "exists" }),
    fails: "RunnerExists",
  },
  "a JIT configuration of a scale set that is gone": {
    call: (service) => service.generateJitConfig(7, { name: "r1", workFolder: "_work" }),
    sends: `POST ${SETS}/7/generatejitconfig`,
    body: { name: "r1", workFolder: "_work" },
    answer: json(404, {}),
    fails: "ScaleSetNotFound",
  },
  "a runner is read": {
    call: (service) => service.getRunner(42),
    sends: `GET ${AGENTS}/42`,
    answer: json(200, { id: 42, name: "r1", runnerScaleSetId: 7 }),
    gives: { id: 42, name: "r1", scaleSetId: 7 },
  },
  "a runner that there is not": {
    call: (service) => service.getRunner(42),
    sends: `GET ${AGENTS}/42`,
    answer: json(404, NO_AGENT),
    gives: undefined,
  },
  "a router's 404 says nothing of a runner": {
    call: (service) => service.getRunner(42),
    sends: `GET ${AGENTS}/42`,
    answer: { status: 404, text: "404 page not found" },
    fails: "NotFound",
  },
  "a runner is found by name": {
    call: (service) => service.findRunner("r1"),
    sends: `GET ${AGENTS}?agentName=r1`,
    answer: json(200, { count: 1, value: [{ id: 42, name: "r1", runnerScaleSetId: 7 }] }),
    gives: { id: 42, name: "r1", scaleSetId: 7 },
  },
  "a runner is removed": {
    call: (service) => service.removeRunner(42),
    sends: `DELETE ${AGENTS}/42`,
    answer: { status: 204 },
    gives: undefined,
  },
  "a runner that is gone is removed": {
    call: (service) => service.removeRunner(42),
    sends: `DELETE ${AGENTS}/42`,
    answer: json(404, NO_AGENT),
    gives: undefined,
  },
  "a runner with a job is not removed": {
    call: (service) => service.removeRunner(42),
    sends: `DELETE ${AGENTS}/42`,
    answer: json(400, { typeName: "GitHub.JobStillRunningException, GitHub", message: "busy" }),
    fails: "JobStillRunning",
  },
  "a session of another one lives": {
    call: (service) => service.openSession(7, "me"),
    sends: `POST ${SETS}/7/sessions`,
    body: { sessionId: "00000000-0000-0000-0000-000000000000", ownerName: "me" },
    answer: json(409, { message: "owner: you" }),
    fails: "SessionConflict",
  },
  "no session of a scale set that is gone": {
    call: (service) => service.openSession(7, "me"),
    sends: `POST ${SETS}/7/sessions`,
    body: { sessionId: "00000000-0000-0000-0000-000000000000", ownerName: "me" },
    answer: json(404, {}),
    fails: "ScaleSetNotFound",
  },
  "a session that is gone is ended": {
    call: (service) => service.deleteSession(7, "s-1"),
    sends: `DELETE ${SETS}/7/sessions/s-1`,
    answer: json(404, {}),
    gives: undefined,
  },
};

table("calls", CALLS, async ({ call, sends, body, answer, gives, fails }) => {
  const wire = new Wire().script(answer);
  const work = call(wire.connect());
  if (fails) {
    const error = await wire.failure(work);
    assert.ok(ServiceError.is(error), String(error));
    assert.equal(error.kind, fails);
  } else {
    assert.deepEqual(await wire.result(work), gives);
  }
  const [request] = wire.calls;
  const path = request!.url.slice(SERVICE_URL.length + 1).replace(/[?&]api-version=6\.0-preview$/, "");
  assert.equal(`${request!.method} ${path}`, sends);
  assert.deepEqual(request!.body === undefined ? undefined : JSON.parse(request!.body), body);
  assert.equal(wire.calls.length, 1);
});

test("no error shows a JIT configuration that came in another shape", async () => {
  const wire = new Wire().script(json(200, { runner: { id: "x" }, encodedJITConfig: "TOPSECRET" }));
  const error = await wire.failure(wire.connect().generateJitConfig(7, { name: "r1", workFolder: "_work" }));
  assert.ok(ServiceError.is(error, "BadReply"));
  assert.match(error.message, /runner\.id/);
  assert.ok(!error.message.includes("TOPSECRET"));
});
