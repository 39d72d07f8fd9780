/** The executable's doctor on the executable's sandbox: one that is well, and one without its secret. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathOf, SECRETS } from "../../src/k8s/resource.ts";
import { runDoctor } from "../support/doctor_run.ts";
import { eventually } from "../support/eventually.ts";
import { executable } from "../support/executable.ts";
import { ask } from "../support/http.ts";
import { Program } from "../support/program.ts";

let program = "";
let folder = "";
let sandbox: Program;
let kubeconfig = "";
let server = "";

before(async () => {
  program = await executable();
  folder = mkdtempSync(join(tmpdir(), "arc-doctor-smoke-"));
  sandbox = new Program({
    name: "sandbox",
    command: [program, "sandbox", "--keep", "--jobs=2", "--min=1"],
    env: { HOME: folder, TMPDIR: folder },
    logFile: join(folder, "sandbox.log"),
  });
  await eventually("the sandbox's jobs are done", async () => {
    if (sandbox.end) throw new Error(`the sandbox has ended: ${sandbox.logTail()}`);
    return sandbox.log().includes("All jobs are done");
  }, 120_000);
  kubeconfig = /export KUBECONFIG=(\S+)/.exec(sandbox.log())?.[1] ?? "";
  server = /API server +(\S+)/.exec(sandbox.log())?.[1] ?? "";
});
after(async () => {
  await sandbox?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const doctor = (...args: string[]) => runDoctor(program, args, { HOME: folder, KUBECONFIG: kubeconfig });

test("the sandbox is well: nothing needs a person", async () => {
  const { code, out, err } = await doctor();
  assert.equal(code, 0, out + err);
  assert.match(out, /^ok +scale-set +arc-runners\/sandbox: sandbox, id 1/m);
  assert.match(out, /^ok +listener +arc-runners\/sandbox: its pod arc-systems\/\S+ is ready$/m);
  assert.match(out, /^nothing needs a person: \d+ checks/m);
  assert.doesNotMatch(out + err, /ghp_/);
});

test("its secret is gone: a person is needed, and told what to do", async () => {
  const path = pathOf(SECRETS, "arc-runners", "github");
  assert.equal((await ask(`${server}${path}`, { method: "DELETE" })).status, 200);
  const { code, findings } = await doctor("--json", "--namespace=arc-runners");
  assert.equal(code, 1);
  const [found] = findings.filter(({ state }) => state === "fix");
  assert.equal(found?.check, "secret");
  assert.match(found?.wayOut ?? "", /^kubectl -n arc-runners create secret generic github /);
});

test("wrong use ends with 2 and says what is meant", async () => {
  const { code, out, err } = await doctor("--jsn");
  assert.equal(code, 2);
  assert.match(out + err, /--jsn; is --json meant\?/);
});
