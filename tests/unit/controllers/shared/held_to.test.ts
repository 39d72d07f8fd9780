/** Which status patches hold on to the version that was seen. */
import assert from "node:assert/strict";
import type { Condition } from "../../../../src/api/kinds.ts";
import { heldTo } from "../../../../src/controllers/shared/conditions.ts";
import { table } from "../../../support/table.ts";

const says = (type: string, status: Condition["status"], message = ""): Condition => ({
  type,
  status,
  reason: "Told",
  message,
  lastTransitionTime: "2026-01-01T12:00:00Z",
});

interface Case {
  /** Undefined: the object has none. */
  readonly before: readonly Condition[] | undefined;
  readonly wanted: readonly Condition[];
  readonly held: boolean;
}

table<Case>("a status patch holds on to the version that was seen", {
  "a condition becomes another": {
    before: [says("Ready", "True")],
    wanted: [says("Ready", "False")],
    held: true,
  },
  "a condition is new": {
    before: [says("Ready", "True")],
    wanted: [says("Ready", "True"), says("PhantomDemand", "True")],
    held: true,
  },
  "only its message is another: its time stays, whoever writes": {
    before: [says("Ready", "False", "a")],
    wanted: [says("Ready", "False", "b")],
    held: false,
  },
  "conditions are dropped by this API server, or there were none yet": {
    before: undefined,
    wanted: [says("Ready", "False")],
    held: false,
  },
}, ({ before, wanted, held }) => {
  const object = { metadata: { resourceVersion: "7" }, status: before && { conditions: before } };
  assert.deepEqual(heldTo(object, { conditions: wanted }), held ? { metadata: { resourceVersion: "7" } } : {});
});
