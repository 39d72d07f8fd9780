/** Finding, adopting, making and changing a scale set at the service. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  makeCall,
  type RegisterCall,
  type WantedScaleSet,
} from "../../../../src/controllers/autoscaling_runner_set/scale_set_calls.ts";
import { RunnerGroupNotFound } from "../../../../src/controllers/shared/problems.ts";
import { ServiceError } from "../../../../src/github/errors.ts";
import { MemoryService, serviceError } from "../../../support/memory_service.ts";
import { table } from "../../../support/table.ts";

const call = (wanted: Partial<WantedScaleSet> = {}, id?: number): RegisterCall => ({
  do: "register",
  source: { namespace: "ns" },
  wanted: { name: "linux", labels: ["linux"], ...wanted },
  ...(id !== undefined && { id }),
  fresh: false,
  generation: 1,
});

function service(...sets: { id: number; name?: string; labels?: string[]; group?: number }[]): MemoryService {
  const there = new MemoryService();
  for (const { id, name = "linux", labels = ["linux"], group = 1 } of sets) {
    const runnerGroupName = group === 1 ? "Default" : "gpu";
    there.scaleSets.set(id, { id, name, labels, runnerGroupId: group, runnerGroupName });
  }
  return there;
}

table<{ there?: MemoryService; call: RegisterCall; calls: string[]; facts: object }>("register", {
  "makes what is not there": {
    call: call(),
    calls: ["find linux", "create linux"],
    facts: { id: 7, name: "linux", group: "Default" },
  },
  "takes what is there": {
    there: service({ id: 3 }),
    call: call(),
    calls: ["find linux"],
    facts: { id: 3, name: "linux", group: "Default" },
  },
  "looks for it in its group": {
    there: service({ id: 3 }, { id: 4, group: 5 }),
    call: call({ group: "gpu" }),
    calls: ["group gpu", "find linux"],
    facts: { id: 4, name: "linux", group: "gpu" },
  },
  "changes the labels of what is there": {
    there: service({ id: 3 }),
    call: call({ labels: ["linux", "x"] }),
    calls: ["find linux", "update 3"],
    facts: { id: 3, name: "linux", group: "Default" },
  },
  "asks once for what it knows": {
    there: service({ id: 3 }),
    call: call({}, 3),
    calls: ["get 3"],
    facts: { id: 3, name: "linux", group: "Default" },
  },
  "renames and moves in one PATCH": {
    there: service({ id: 3 }),
    call: call({ name: "big", labels: ["big"], group: "gpu" }, 3),
    calls: ["group gpu", "get 3", "update 3"],
    facts: { id: 3, name: "big", group: "gpu" },
  },
  "makes anew what is lost": {
    call: call({}, 3),
    calls: ["get 3", "find linux", "create linux"],
    facts: { id: 7, name: "linux", group: "Default" },
  },
}, async ({ there = service(), call, calls, facts }) => {
  assert.deepEqual(await makeCall(there, call), facts);
  assert.deepEqual(there.calls, calls);
  const made = there.scaleSets.get((facts as { id: number }).id);
  assert.deepEqual([made?.name, made?.labels], [call.wanted.name, call.wanted.labels]);
});

test("a group that is not there is said by name", async () => {
  await assert.rejects(makeCall(service(), call({ group: "none" })), (error) => {
    assert.ok(error instanceof RunnerGroupNotFound);
    assert.match(error.message, /"none"/);
    return true;
  });
});

test("one that came into being meanwhile is adopted when it is alike, and else left alone", async () => {
  for (const [labels, adopted] of [[["linux"], true], [["theirs"], false]] as const) {
    const there = service();
    there.refuse = (name) => {
      if (!name.startsWith("create")) return;
      there.scaleSets.set(9, { id: 9, name: "linux", runnerGroupId: 1, runnerGroupName: "Default", labels });
      throw serviceError("ScaleSetExists");
    };
    const made = makeCall(there, call());
    if (adopted) assert.equal((await made)?.id, 9);
    else await assert.rejects(made, (error) => ServiceError.is(error, "ScaleSetExists"));
    assert.deepEqual(there.scaleSets.get(9)?.labels, labels);
  }
});

test("a fresh call has the source read again first; deleting takes the id", async () => {
  const there = service({ id: 3 });
  await makeCall(there, { do: "unregister", source: { namespace: "ns" }, id: 3, fresh: true });
  assert.equal(there.refreshed.length, 1);
  assert.equal(there.scaleSets.size, 0);
});
