import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CONTROLLER_OPTIONS,
  LISTENER_OPTIONS,
  SANDBOX_OPTIONS,
  VERSION_OPTIONS,
} from "../../../src/commands/options.ts";
import { startOf } from "../../../src/commands/parse.ts";
import { run as version } from "../../../src/commands/version.ts";
import { type OptionTable, parseOptions } from "../../../src/lib/options.ts";
import { machine } from "../../support/machine.ts";
import { table } from "../../support/table.ts";

const ENV = { CONTROLLER_MANAGER_POD_NAMESPACE: "arc-systems", CONTROLLER_MANAGER_CONTAINER_IMAGE: "arc:1" };

function controller(...args: string[]) {
  const parsed = parseOptions("arc controller", CONTROLLER_OPTIONS, args, ENV);
  assert.ok(parsed.kind === "values", JSON.stringify(parsed));
  return parsed;
}

test("the controller's defaults are the reference's", () => {
  const { values, given, warnings } = controller();
  assert.equal(values.podNamespace, "arc-systems");
  assert.equal(values.containerImage, "arc:1");
  assert.equal(values.enableLeaderElection, false);
  assert.equal(values.leaderElectionId, "actions-runner-controller");
  assert.equal(values.logLevel, "debug");
  assert.equal(values.logFormat, "text");
  assert.equal(values.watchSingleNamespace, "");
  assert.equal(values.runnerMaxConcurrentReconciles, 2);
  assert.equal(values.listenerMetricsAddr, ":8080");
  assert.equal(values.listenerMetricsEndpoint, "/metrics");
  assert.equal(values.metricsAddr, ":8080");
  assert.equal(values.healthAddr, "");
  assert.equal(values.syncPeriod, 60_000);
  assert.equal(values.clientQps, 20);
  assert.equal(values.clientBurst, 30);
  assert.equal(values.updateStrategy, "immediate");
  assert.equal(values.listenerMode, "pod");
  assert.deepEqual(values.imagePullSecrets, []);
  assert.deepEqual(values.excludeLabelPrefixes, []);
  assert.equal(given.has("clientQps"), false);
  assert.deepEqual(warnings, []);
});

test("the arguments that the reference's chart passes are all taken, without a warning", () => {
  const { values, given, warnings } = controller(
    "--auto-scaling-runner-set-only",
    "--enable-leader-election",
    "--leader-election-id=rel-gha-rs-controller",
    "--auto-scaler-image-pull-secrets=one",
    "--auto-scaler-image-pull-secrets=two",
    "--log-level=debug",
    "--log-format=json",
    "--watch-single-namespace=demo",
    "--runner-max-concurrent-reconciles=2",
    "--update-strategy=immediate",
    "--listener-metrics-addr=0",
    "--listener-metrics-endpoint=",
    "--metrics-addr=0",
    "--health-probe-bind-address=:8081",
    "--exclude-label-propagation-prefix=argocd.argoproj.io/",
    "--exclude-label-propagation-prefix=team/",
    "--k8s-client-rate-limiter-qps=50",
    "--k8s-client-rate-limiter-burst=100",
    "--workqueue-rate-limiter=typed_rate_limiter",
    "--pprof-addr=:6060",
    "--sync-period=10m",
    "--port=9443",
  );
  assert.deepEqual(values.imagePullSecrets, ["one", "two"]);
  assert.deepEqual(values.excludeLabelPrefixes, ["argocd.argoproj.io/", "team/"]);
  assert.equal(values.watchSingleNamespace, "demo");
  assert.equal(values.syncPeriod, 600_000);
  assert.equal(values.clientQps, 50);
  assert.ok(given.has("clientQps"));
  assert.deepEqual(warnings, []);
});

test("flags of the legacy mode are taken, with one warning that holds no value", () => {
  const { warnings } = controller(
    "--runner-image=x",
    "--docker-image=x",
    "--docker-gid=1",
    "--runner-image-pull-secret=x",
    "--docker-registry-mirror=x",
    "--github-token=s3cret",
    "--github-enterprise-url=x",
    "--github-app-id=1",
    "--github-app-installation-id=1",
    "--github-app-private-key=s3cret",
    "--github-url=x",
    "--github-upload-url=x",
    "--github-basicauth-username=x",
    "--github-basicauth-password=s3cret",
    "--runner-github-url=x",
    "--runner-status-update-hook",
    "--default-scale-down-delay=10m",
    "--common-runner-labels=a,b",
  );
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /--github-token.*legacy mode/);
  assert.doesNotMatch(warnings[0]!, /s3cret/);
});

test("the listener's config comes from the environment, or from --config", () => {
  const fromEnv = parseOptions("arc listener", LISTENER_OPTIONS, [], { LISTENER_CONFIG_PATH: "/etc/c.json" });
  assert.ok(fromEnv.kind === "values" && fromEnv.values.config === "/etc/c.json");
  const none = parseOptions("arc listener", LISTENER_OPTIONS, [], {});
  assert.match(JSON.stringify(none), /--config \(or the environment variable LISTENER_CONFIG_PATH\) is not set/);
});

table<OptionTable>("flags are named once, and every option says what it is", {
  controller: CONTROLLER_OPTIONS,
  listener: LISTENER_OPTIONS,
  sandbox: SANDBOX_OPTIONS,
  version: VERSION_OPTIONS,
}, (options) => {
  const flags = Object.values(options).flatMap(({ flag }) => flag ?? []);
  assert.equal(new Set(flags).size, flags.length);
  for (const option of Object.values(options)) {
    assert.ok(option.flag ?? option.env);
    assert.match(option.help, /^.+[.]$/);
    if (option.warn) assert.ok(option.noEffect);
  }
});

test("the help says of each default what holds, and nothing else", () => {
  const help = machine();
  startOf("arc controller", "X.", CONTROLLER_OPTIONS, ["--help"], help);
  // a flag's own paragraph, in one line
  const flag = (name: string) =>
    new RegExp(`--${name} .*\\n(( {6}.*\\n)+)`).exec(help.out())?.[1]?.replace(/\s+/g, " ") ?? "";
  assert.match(flag("runner-max-concurrent-reconciles"), /\(default 50 runners\)/);
  assert.match(flag("sync-period"), /\(default 10m\)/);
  assert.match(flag("k8s-client-rate-limiter-qps"), /\(default no limit; /);
  assert.match(flag("k8s-client-rate-limiter-burst"), /\(default no limit; /);
  for (const name of ["runner-max-concurrent-reconciles", "sync-period", "k8s-client-rate-limiter-qps"]) {
    assert.equal(flag(name).match(/default|without the flag/g)?.length, 1, flag(name));
  }
});

table<string[]>("an address to listen at that is none is known before anything is done", {
  "metrics": ["--metrics-addr", "foo"],
  "health": ["--health-probe-bind-address", "8081"],
  "the listeners' metrics": ["--listener-metrics-addr", "host:99999"],
}, ([flag, text]) => {
  const parsed = parseOptions("arc controller", CONTROLLER_OPTIONS, [flag!, text!], ENV);
  assert.ok(parsed.kind === "error");
  assert.ok(parsed.message.startsWith(`arc controller: ${flag}: "${text}" is no address to listen at: write`));
});

test("help goes to stdout with code 0, an error to stderr with code 2", () => {
  const help = machine();
  assert.deepEqual(startOf("arc x", "X.", VERSION_OPTIONS, ["--help"], help), { run: false, exitCode: 0 });
  assert.match(help.out(), /^Usage: arc x/);
  assert.equal(help.err(), "");
  const wrong = machine();
  assert.deepEqual(startOf("arc x", "X.", VERSION_OPTIONS, ["--jsn"], wrong), { run: false, exitCode: 2 });
  assert.equal(wrong.out(), "");
  assert.equal(wrong.err(), "arc x: there is no flag --jsn; is --json meant? (see arc x --help)\n");
});

test("arc version, for people and for programs", async () => {
  const people = machine();
  assert.equal(await version([], people), 0);
  assert.equal(people.out(), "arc 1.2.3 (abc1234, test 1)\n");
  const programs = machine();
  assert.equal(await version(["--json"], programs), 0);
  assert.deepEqual(JSON.parse(programs.out()), { version: "1.2.3", commit: "abc1234", runtime: "test 1" });
});
