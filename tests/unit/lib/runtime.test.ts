import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { FileError, nodeRuntime } from "../../../src/lib/runtime.ts";

const io = nodeRuntime(new AbortController().signal);

test("a file that can't be read is named, with the reason", async () => {
  const missing = join(tmpdir(), "arc-no-such-file");
  await assert.rejects(io.readText(missing), (error: unknown) => {
    assert.ok(error instanceof FileError);
    assert.equal(error.missing, true);
    assert.equal(error.message, `${missing} can't be read: there is no such file`);
    return true;
  });
  await assert.rejects(io.readText(tmpdir()), (error: unknown) => {
    assert.ok(error instanceof FileError);
    assert.equal(error.missing, false);
    assert.match(error.message, /it is a folder$/);
    return true;
  });
});

test("the version is that of package.json, and the engine has a name", () => {
  assert.match(io.version.version, /^\d+\.\d+\.\d+/);
  assert.match(io.engine, /^(node|deno) \d+\.\d+\.\d+ \w+\/\w+$/);
});

test("`self` starts the same runtime again", () => {
  const [executable] = io.self;
  assert.equal(executable, process.execPath);
});

/** Runs the program as a user does. */
function arc(...args: string[]) {
  const main = join(import.meta.dirname ?? "", "../../../src/main.ts");
  const runner = process.versions["deno"] ? ["run", "-A"] : [];
  const { CONTROLLER_MANAGER_POD_NAMESPACE: _, ...env } = process.env;
  return spawnSync(process.execPath, [...runner, main, ...args], { encoding: "utf8", env });
}

test("the program from outside: help, version, errors in one line, exit codes", () => {
  const help = arc();
  assert.deepEqual([help.status, help.stderr], [0, ""]);
  assert.match(help.stdout, /Usage: arc COMMAND/);

  const version = arc("version", "--json");
  assert.equal(version.status, 0);
  assert.deepEqual(JSON.parse(version.stdout), { ...io.version, runtime: io.engine });

  const wrong = arc("contrller");
  assert.deepEqual([wrong.status, wrong.stdout], [2, ""]);
  assert.equal(wrong.stderr, 'arc: there is no command "contrller"; is controller meant? (see arc --help)\n');

  const flag = arc("sandbox", "--log-lvel=debug");
  assert.deepEqual([flag.status, flag.stdout], [2, ""]);
  assert.match(flag.stderr, /^arc sandbox: there is no flag --log-lvel; is --log-level meant\? .*\n$/);
});

test("a long output into a pipe is not cut off at the end of the process", () => {
  const { stdout, status } = arc("controller", "--help");
  assert.equal(status, 0);
  assert.match(stdout, /--common-runner-labels\n$/);
});
