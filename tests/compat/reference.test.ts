/** What both reference versions define, against what we define; and that a strange key on a runner set is found. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { customResourceDefinitions } from "../../src/api/crd.ts";
import { AuditLog } from "../support/audit.ts";
import { ADDITIVE } from "../support/additive.ts";
import { fieldLines, NOT_OURS, schemaOf } from "../support/crd_fields.ts";
import { REFERENCE_VERSIONS, referenceCrds } from "../support/reference_crds.ts";
import { strangeKeysOfRunnerSets } from "../support/runner_set_keys.ts";
import { table } from "../support/table.ts";

for (const version of REFERENCE_VERSIONS) {
  test(`our definitions have every field of ${version}, and beyond it only what is known to be ours`, () => {
    const ours = new Map(customResourceDefinitions().map((crd) => [crd.spec.names.kind, crd]));
    const theirs = referenceCrds(version);
    assert.deepEqual(theirs.map(({ spec }) => spec.names.kind).sort(), [...ours.keys()].sort());
    for (const crd of theirs) {
      const { kind, plural, listKind, singular } = crd.spec.names;
      const own = ours.get(kind)!;
      const { shortNames: _, ...names } = own.spec.names;
      assert.deepEqual({ kind, plural, listKind, singular }, names);
      const fields = fieldLines(schemaOf(own), NOT_OURS);
      // An object without it can't come from ARC, which always writes it: it is what a runner set is for.
      const always = ["spec.ephemeralRunnerSpec: object, required"];
      const known = new Set(fields.map((line) => always.includes(line) ? line.replace(", required", "") : line));
      const lines = fieldLines(schemaOf(crd), NOT_OURS);
      assert.deepEqual(lines.filter((line) => !known.has(line)), [], kind);
      const more = [...known].filter((line) => !lines.includes(line)).map((line) => line.split(":")[0]!);
      const additive = ADDITIVE[kind] ?? [];
      assert.deepEqual(more.filter((path) => !additive.some((field) => path.startsWith(field))), [], kind);
      assert.deepEqual(additive.filter((field) => !more.includes(field)), [], `${kind}: what is called ours is there`);
    }
  });
}

const CONTROLLER = "system:serviceaccount:arc-systems:arc-gha-rs-controller";
const HASH = { "actions.github.com/runner-spec-hash": "6c8d" };

/** A write to an object, as the audit log has it. */
function write(resource: string, user: string, metadata: object): string {
  return JSON.stringify({
    auditID: "a",
    stage: "ResponseComplete",
    verb: "patch",
    user: { username: user },
    objectRef: { resource },
    responseStatus: { code: 200 },
    responseObject: { metadata: { uid: "1", name: "linux", ...metadata } },
  });
}

const onSet = (user: string, metadata: object) => write("ephemeralrunnersets", user, metadata);

table<{ lines: string[]; found: string[] }>("keys of a runner set", {
  "those of ARC": {
    lines: [onSet(CONTROLLER, { annotations: { "actions.github.com/runner-group-name": "Default" } })],
    found: [],
  },
  "a label of the scale set": {
    lines: [
      write("autoscalingrunnersets", "admin", { labels: { team: "a" } }),
      onSet(CONTROLLER, { labels: { team: "a" } }),
    ],
    found: [],
  },
  "one of ours": {
    lines: [onSet(CONTROLLER, { annotations: { "actions.github.com/job-completed": "1" } })],
    found: ["linux has actions.github.com/job-completed"],
  },
  "a label that nobody asked for": {
    lines: [onSet("system:serviceaccount:arc-systems:linux-listener", { labels: { team: "a" } })],
    found: ["linux has team"],
  },
  "a hash that ARC has put there": {
    lines: [onSet("admin", { annotations: HASH }), onSet(CONTROLLER, { annotations: HASH })],
    found: [],
  },
  "a hash that we have made up": {
    lines: [onSet(CONTROLLER, { annotations: HASH })],
    found: ["linux has actions.github.com/runner-spec-hash"],
  },
}, ({ lines, found }) => {
  const folder = mkdtempSync(join(tmpdir(), "arc-audit-"));
  const file = join(folder, "audit.log");
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
  try {
    assert.deepEqual(strangeKeysOfRunnerSets(new AuditLog(file)), found);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
