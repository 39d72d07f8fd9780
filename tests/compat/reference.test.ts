/** What both reference versions define, against what we define; and that a strange key on a runner set is found. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadAll } from "js-yaml";
import { customResourceDefinitions } from "../../src/api/crd.ts";
import { AuditLog } from "../support/audit.ts";
import { ADDITIVE } from "../support/additive.ts";
import { fieldLines, NOT_OURS, schemaOf } from "../support/crd_fields.ts";
import { undecodable } from "../support/decode.ts";
import { REFERENCE, REFERENCE_VERSIONS, referenceCrds, referenceSchema } from "../support/reference_crds.ts";
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
    }
  });
}

const RUNNER_SET = referenceSchema("0.14.2", "EphemeralRunnerSet");
const GITHUB = { githubConfigUrl: "https://github.com/acme", githubConfigSecret: "github", runnerScaleSetId: 7 };

table<{ object: object; says: string[] }>("a strict reader", {
  "is content": { object: { spec: { patchID: 1, replicas: 2, ephemeralRunnerSpec: GITHUB } }, says: [] },
  "passes over what is known to be ours": { object: { spec: { patchID: 1, runningJobs: "x" } }, says: [] },
  "misses what must be there": {
    object: { spec: {}, status: { phase: "Running" } },
    says: ["spec.patchID: not there", "status.currentReplicas: not there"],
  },
  "stumbles on another type": { object: { spec: { patchID: "1" } }, says: ["spec.patchID: no integer"] },
  "stumbles on a field that it does not know, deep down": {
    object: {
      spec: { patchID: 1, ephemeralRunnerSpec: { ...GITHUB, spec: { containers: [{ name: "a", imago: "b" }] } } },
    },
    says: ["spec.ephemeralRunnerSpec.spec.containers[].imago: unknown"],
  },
  "stumbles on null": { object: { spec: null }, says: ["spec: no object"] },
}, ({ object, says }) => assert.deepEqual(undecodable(object, RUNNER_SET, ["spec.runningJobs"]), says));

for (const version of REFERENCE_VERSIONS) {
  test(`the fixtures of ${version} are what it can read itself`, () => {
    const texts = ["scale_set.yaml", "runners.yaml"].map((file) =>
      readFileSync(join(REFERENCE, version, file), "utf8")
    );
    const filled = texts.join("\n---\n").replace(/\$\{uid:[^}]+\}?\}/g, "u").replace(/\$\{[^}]+\}/g, "7");
    const objects = (loadAll(filled) as { kind?: string; apiVersion?: string }[]).filter((object) => object);
    const custom = objects.filter(({ apiVersion }) => apiVersion?.startsWith("actions.github.com/"));
    assert.deepEqual([objects.length, custom.length], [29, 11]);
    const wrong = custom.flatMap((object) =>
      undecodable(object, referenceSchema(version, object.kind ?? "")).map((why) => `${object.kind}: ${why}`)
    );
    // Numbers stand for texts here.
    assert.deepEqual(wrong.filter((why) => !/githubConfigUrl: no text/.test(why)), []);
    assert.doesNotMatch(
      filled,
      /runner-revision|job-completed|listener-spec|runningJobs|conditions/,
      "nothing of ours",
    );
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
