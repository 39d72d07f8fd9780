/** The workflows for those who fork: what they may do, whom they trust, and that what they call is there. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { load } from "js-yaml";
import manifest from "../../package.json" with { type: "json" };

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly "timeout-minutes"?: number;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly needs?: string | readonly string[];
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const ROOT = join(import.meta.dirname ?? "", "../..");
const TEXTS = globSync(".github/workflows/*.yaml", { cwd: ROOT }).sort()
  .map((path) => [basename(path), readFileSync(join(ROOT, path), "utf8")] as const);
const WORKFLOWS = TEXTS.map(([name, text]) => [name, load(text) as Workflow] as const);
const STEPS = WORKFLOWS.flatMap(([name, { jobs }]) =>
  Object.entries(jobs).flatMap(([job, { steps }]) => steps.map((step) => ({ where: `${name} ${job}`, step })))
);

/** All that any job may do beyond reading the repository. */
const GRANTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "release.yaml image": { contents: "read", packages: "write" },
  "release.yaml charts": { contents: "write", packages: "write" },
};

test("there is one for every change and one for a release", () => {
  assert.deepEqual(WORKFLOWS.map(([name]) => name), ["ci.yaml", "release.yaml"]);
});

test("a workflow may read, and a job that publishes what it must", () => {
  for (const [name, { permissions, jobs }] of WORKFLOWS) {
    assert.deepEqual(permissions, { contents: "read" }, name);
    for (const [job, { permissions: own }] of Object.entries(jobs)) {
      assert.deepEqual(own, GRANTED[`${name} ${job}`], `${name} ${job}`);
    }
  }
});

test("actions are those of GitHub and Docker, each at a major version", () => {
  for (const { where, step } of STEPS) {
    if (step.uses !== undefined) assert.match(step.uses, /^(actions|docker)\/[a-z-]+@v\d+$/, where);
  }
});

test("a checkout leaves no token behind", () => {
  const checkouts = STEPS.filter(({ step }) => step.uses?.startsWith("actions/checkout"));
  assert.ok(checkouts.length >= 5);
  for (const { where, step } of checkouts) assert.equal(step.with?.["persist-credentials"], false, where);
});

test("no text of others becomes a part of a script", () => {
  for (const { where, step } of STEPS) assert.doesNotMatch(step.run ?? "", /\$\{\{/, where);
});

test("what is run exists, and every job ends some day", () => {
  for (const { where, step } of STEPS) {
    for (const [, script = ""] of (step.run ?? "").matchAll(/npm run ([\w:]+)/g)) {
      assert.ok(script in manifest.scripts, `${where}: npm run ${script}`);
    }
  }
  for (const [name, { jobs }] of WORKFLOWS) {
    for (const [job, { "timeout-minutes": limit, needs = [] }] of Object.entries(jobs)) {
      assert.ok(limit !== undefined && limit <= 60, `${name} ${job}`);
      assert.deepEqual([needs].flat().filter((one) => !(one in jobs)), [], `${name} ${job}`);
    }
  }
});

test("a change by a stranger gets no secret", () => {
  for (const [name, { on }] of WORKFLOWS) assert.ok(!("pull_request_target" in on), name);
  const ci = TEXTS.find(([name]) => name === "ci.yaml")?.[1] ?? "";
  assert.doesNotMatch(ci, /secrets\.|github\.token/);
});

test("the image is for both architectures, and its build is told what the labels say", () => {
  const build = WORKFLOWS.find(([name]) => name === "release.yaml")?.[1].jobs["image"]?.steps
    .find(({ uses }) => uses?.startsWith("docker/build-push-action"))?.with;
  assert.equal(build?.["platforms"], "linux/amd64,linux/arm64");
  const dockerfile = readFileSync(join(ROOT, String(build?.["file"])), "utf8");
  const told = String(build?.["build-args"]).trim().split("\n").map((line) => line.split("=")[0]!);
  assert.deepEqual(told, ["VERSION", "REVISION", "SOURCE"]);
  for (const name of told) assert.match(dockerfile, new RegExp(`^ARG ${name}=`, "m"));
});
