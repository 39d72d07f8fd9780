/** The single executable from outside: what it prints and how it ends when nothing can be run. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import manifest from "../../package.json" with { type: "json" };
import { executable } from "../support/executable.ts";
import { freePort } from "../support/http.ts";
import { table } from "../support/table.ts";

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const POD = { CONTROLLER_MANAGER_POD_NAMESPACE: "arc-systems", CONTROLLER_MANAGER_CONTAINER_IMAGE: "arc:test" };
let program = "";
let folder = "";
/** Nobody answers there. */
let server = "";

before(async () => {
  program = await executable();
  server = `https://127.0.0.1:${await freePort()}`;
  folder = mkdtempSync(join(tmpdir(), "arc-smoke-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the program with nothing in its environment but a home without any file. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, path = program): Ran {
  const { status, stdout, stderr } = spawnSync(path, args, {
    encoding: "utf8",
    env: { HOME: folder, PATH: "/usr/bin:/bin", ...env },
    timeout: 50_000,
  });
  return { code: status, out: stdout, err: stderr };
}

/** The one line of an error. */
function oneLine({ out, err }: Ran): string {
  const lines = `${out}${err}`.trimEnd().split("\n");
  assert.equal(lines.length, 1, `one line is expected: ${out}${err}`);
  return lines[0]!;
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function kubeconfig(server: string): string {
  const config = {
    clusters: [{ name: "away", cluster: { server } }],
    users: [{ name: "me", user: { token: "t" } }],
    contexts: [{ name: "away", context: { cluster: "away", user: "me" } }],
    "current-context": "away",
  };
  return file("kubeconfig", JSON.stringify(config));
}

/** A listener that knows its cluster. */
function listener(config: string): Ran {
  return run(["listener"], { LISTENER_CONFIG_PATH: config, KUBECONFIG: kubeconfig(server) });
}

test("the executable says which build it is", () => {
  const { code, out } = run(["version", "--json"]);
  assert.equal(code, 0);
  const facts = JSON.parse(out) as Record<string, string>;
  assert.deepEqual(Object.keys(facts), ["version", "commit", "runtime"]);
  assert.equal(facts.version, manifest.version);
  assert.match(facts.commit!, /^([0-9a-f]{7,}|dev)$/);
});

table("help", {
  "of the program": {
    args: ["--help"],
    says: /^ {2}controller .*\n {2}listener .*\n {2}doctor .*\n {2}sandbox .*\n {2}version /m,
  },
  "of the controller": { args: ["controller", "--help"], says: /--enable-leader-election/ },
  "of the doctor": { args: ["doctor", "--help"], says: /--controller-namespace/ },
  "of the listener": { args: ["listener", "--help"], says: /LISTENER_CONFIG_PATH/ },
  "of the sandbox": { args: ["sandbox", "--help"], says: /--scale-sets/ },
  "of a command by its name": { args: ["help", "controller"], says: /^Usage: arc controller[^]*Examples:/ },
  "of the version": { args: ["version", "--help"], says: /--json/ },
}, ({ args, says }) => {
  const { code, out, err } = run(args);
  assert.equal(code, 0);
  assert.match(out, says);
  assert.equal(err, "");
});

table("called by the name of a program that it replaces", {
  "manager is the controller": { name: "manager", says: /^Usage: arc controller/ },
  "ghalistener is the listener": { name: "ghalistener", says: /^Usage: arc listener/ },
}, ({ name, says }) => {
  const link = join(folder, name);
  symlinkSync(program, link);
  const { code, out } = run(["--help"], {}, link);
  assert.equal(code, 0);
  assert.match(out, says);
});

interface Call {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly says: RegExp;
}

table<Call>("a call that nobody can mean ends with 2 and one line", {
  "a command that is not there": { args: ["controler"], env: {}, says: /"controler"; is controller meant\?/ },
  "a flag that is not there": { args: ["controller", "--log-levl=info"], env: POD, says: /--log-levl; is --log-level/ },
  "a value that is none": { args: ["controller", "--log-level=loud"], env: POD, says: /--log-level.*loud/ },
  "no namespace": {
    args: ["controller"],
    env: { CONTROLLER_MANAGER_CONTAINER_IMAGE: "arc:test" },
    says: /CONTROLLER_MANAGER_POD_NAMESPACE/,
  },
  "an address that is none": {
    args: ["controller", "--metrics-addr=foo", "--kubeconfig=/nowhere"],
    env: POD,
    says: /--metrics-addr: "foo" is no address to listen at/,
  },
  "a listener without a config": { args: ["listener"], env: {}, says: /LISTENER_CONFIG_PATH/ },
}, ({ args, env, says }) => {
  const ran = run(args, env);
  assert.equal(ran.code, 2);
  assert.match(oneLine(ran), says);
});

const CONFIG = {
  configure_url: "https://github.com/acme",
  github_token: "x",
  runner_scale_set_id: 1,
  ephemeral_runner_set_name: "a",
  ephemeral_runner_set_namespace: "b",
};

table("a listener with a broken config.json ends with 2 and names the field", {
  "no JSON": { text: "{", says: /config\.json/ },
  "a field that is missing": { text: JSON.stringify({ ...CONFIG, configure_url: undefined }), says: /configure_url/ },
  "a count that is a text": { text: JSON.stringify({ ...CONFIG, max_runners: "10" }), says: /max_runners/ },
}, ({ text, says }) => {
  const ran = listener(file("config.json", text));
  assert.equal(ran.code, 2, ran.out + ran.err);
  assert.match(oneLine(ran), says);
});

test("a listener whose config is not there ends with 2 and names the file", () => {
  const ran = listener(join(folder, "absent.json"));
  assert.equal(ran.code, 2, ran.out + ran.err);
  assert.match(oneLine(ran), /absent\.json/);
});

test("a listener with neither a config nor a cluster names the config", () => {
  const ran = run(["listener", "--config=/nope"]);
  assert.equal(ran.code, 2, ran.out + ran.err);
  assert.equal(oneLine(ran), "arc listener: /nope can't be read: there is no such file");
});

test("everything that is wrong with a call is told in one go", () => {
  const { code, err } = run(["controller", "--log-levl=info", "--metrics-addr=foo"]);
  assert.equal(code, 2);
  const told = [/--log-levl; is --log-level/, /POD_NAMESPACE/, /CONTAINER_IMAGE/, /--metrics-addr/];
  for (const what of told) assert.match(err, what);
  assert.equal(err.trimEnd().split("\n").length, told.length + 1);
});

test("a controller that knows no cluster ends with 1 and says where it looked", () => {
  const ran = run(["controller", "--log-level=error"], POD);
  assert.equal(ran.code, 1, ran.out + ran.err);
  assert.match(oneLine(ran), /kubeconfig/i);
});

test("a controller whose cluster does not answer ends with 1 and names its address", () => {
  const path = kubeconfig(server);
  const ran = run(["controller", "--log-level=error", `--kubeconfig=${path}`], POD);
  assert.equal(ran.code, 1, ran.out + ran.err);
  assert.match(oneLine(ran), new RegExp(server.slice("https://".length)));
  assert.doesNotMatch(ran.err, /\bBearer\b/);
});
