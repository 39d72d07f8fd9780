/**
 * The executable says no secret: controller and listeners as processes at log level debug, in a world whose tokens, keys,
 * runner configurations and passwords are marked, with servers that quote what they refuse; and at its very end, when it
 * crashes with secrets in its hands. The same search as in the simulated worlds of tests/scenario.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { customResourceDefinitions } from "../../src/api/crd.ts";
import { AUTOSCALING_RUNNER_SETS } from "../../src/api/kinds.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { HttpKubeClient } from "../../src/k8s/http_client.ts";
import { type Secret, SECRETS } from "../../src/k8s/resource.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { nodeTransports } from "../../src/lib/http_node.ts";
import { silentLog } from "../../src/lib/log.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { enterpriseServer } from "../../src/sim/actions_service/hosts.ts";
import { execProgram } from "../../src/sim/kubelet/exec.ts";
import { kubeconfigText } from "../../src/sim/kubelet/exec_files.ts";
import { Kubelet } from "../../src/sim/kubelet/kubelet.ts";
import { World, type WorldPorts } from "../../src/sim/world.ts";
import { eventually } from "../support/eventually.ts";
import { executable } from "../support/executable.ts";
import { type OpenServers, openServers } from "../support/loopback.ts";
import { Marked, markWorld } from "../support/marked.ts";
import { Program } from "../support/program.ts";

const SYSTEMS = "arc-systems";
const RUNNERS = "arc-runners";
/** A classic token, which looks like any other text: only who knows it can hide it. */
const PAT = "5ec4e7ab5ec4e7ab5ec4e7ab5ec4e7ab5ec4e7ab";
const WRONG_PAT = "ghp_MARKEDtokenThatIsRefused98765432";
const PROXY_PASSWORD = "MARKED p@ss/word of the proxy";
const WRONG_PASSWORD = "MARKED password that the proxy refuses";
const ENV_PASSWORD = "MARKEDpasswordOfTheEnvironment";
const ADMIN_TOKEN = "MARKED-bearer-of-the-api-server-0123";
const APP = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
/** Where GitHub is for those who go through the proxy. */
const HIDDEN = "ghes.test";

/** Loaded before the program: a fault of it, when the test wants one, with what it had in its hands. */
const CRASH = `
const { readFileSync } = require("node:fs");
process.on("SIGUSR2", () => {
  const text = readFileSync(process.env.CRASH_TEXT, "utf8");
  const error = new Error("it broke: " + text, { cause: new Error("for " + encodeURIComponent(text)) });
  if (process.env.CRASH_KIND === "rejection") Promise.reject(error);
  else throw error;
});`;

const marked = new Marked();
const named = { PAT, WRONG_PAT, PROXY_PASSWORD, WRONG_PASSWORD, ENV_PASSWORD, ADMIN_TOKEN, KEY: APP.privateKey };
for (const [name, value] of Object.entries(named)) marked.add(name, value);

let program = "";
let folder = "";
let world: World;
let ports: WorldPorts;
let servers: OpenServers;
let kubelet: Kubelet;
let controller: Program;
const listeners: { readonly pid: number; readonly pod: string }[] = [];
const said: string[] = [];

const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};
const setOf = (name: string) => world.service.scaleSets().find((set) => set.name === name);

/** What a process has in its hands when it crashes. */
function crashWith(...secrets: readonly string[]): void {
  const text = secrets.join(" and ");
  assert.equal(marked.in(text).length, secrets.length, "they are secrets");
  file("crash.txt", text);
}

/** For every process: it can be made to crash, and its environment has a password. */
function environment(kind: "exception" | "rejection"): Record<string, string> {
  return {
    NODE_OPTIONS: `--require ${file("crash.cjs", CRASH)}`,
    CRASH_TEXT: join(folder, "crash.txt"),
    CRASH_KIND: kind,
    https_proxy: `http://me:${ENV_PASSWORD}@127.0.0.1:9`,
    HOME: folder,
  };
}

before(async () => {
  program = await executable();
  folder = mkdtempSync(join(tmpdir(), "arc-secrets-"));
  servers = openServers();
  world = new World({
    seed: 5,
    clock: systemClock,
    crds: customResourceDefinitions(),
    namespaces: [SYSTEMS, RUNNERS],
    adminToken: ADMIN_TOKEN,
    credentials: { pats: [PAT], apps: [{ ids: ["12345"], installationId: 678, publicKey: APP.publicKey }] },
  });
  ports = await world.listen();
  // The world's own kubelet is in its network: listeners that are processes need a real address.
  kubelet = new Kubelet({
    kube: {
      baseUrl: ports.kubeUrl,
      transport: nodeTransports({}),
      authorization: () => Promise.resolve(`Bearer ${ADMIN_TOKEN}`),
    },
    clock: systemClock,
    service: world.service,
    listener: execProgram({
      clock: systemClock,
      command: [program, "listener"],
      env: { PATH: process.env.PATH ?? "", ...environment("exception") },
      folder,
      onStart: (pid, pod) => listeners.push({ pid, pod }),
      onLine: (line, pod) => said.push(`${pod}: ${line}`),
    }),
  });
  kubelet.start();
  await makeScaleSets();
  controller = new Program({
    name: "controller",
    command: [program, "controller", "--auto-scaling-runner-set-only", "--log-level=debug", "--metrics-addr=0"],
    env: {
      ...environment("rejection"),
      KUBECONFIG: file("kubeconfig", kubeconfigText(ports.kubeUrl, file("token", ADMIN_TOKEN), SYSTEMS)),
      CONTROLLER_MANAGER_POD_NAMESPACE: SYSTEMS,
      CONTROLLER_MANAGER_CONTAINER_IMAGE: "arc:test",
    },
    logFile: join(folder, "controller.log"),
  });
});

after(async () => {
  await controller?.stop("SIGKILL");
  await kubelet?.stop();
  await world?.close();
  await ports?.close();
  await servers?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function makeScaleSets(): Promise<void> {
  const admin = new HttpKubeClient({
    server: world.kubeServer(RUNNERS),
    clock: systemClock,
    random: seededRandom(1),
    log: silentLog,
    userAgent: "kubectl",
  });
  const secrets: Record<string, Record<string, string>> = {
    token: { github_token: `${PAT}\n` },
    app: { github_app_id: "12345", github_app_installation_id: "678", github_app_private_key: APP.privateKey },
    refused: { github_token: WRONG_PAT },
    door: { username: "arc", password: PROXY_PASSWORD },
    "wrong-door": { username: "arc", password: WRONG_PASSWORD },
  };
  for (const [name, stringData] of Object.entries(secrets)) {
    await admin.create(SECRETS, { metadata: { namespace: RUNNERS, name }, stringData });
  }
  const github = new URL(ports.githubUrl);
  const hidden = `http://${HIDDEN}:${github.port}`;
  world.service.addHost(enterpriseServer(hidden));
  world.network.route(hidden, "github", world.service.handle);
  const authorization = `Basic ${Buffer.from(`arc:${PROXY_PASSWORD}`).toString("base64")}`;
  const proxy = await servers.proxy({ authorization });
  const through = (credentialSecretRef: string) => ({
    githubConfigUrl: `${hidden}/acme`,
    githubConfigSecret: "token",
    proxy: { http: { url: `http://127.0.0.1:${proxy.port}`, credentialSecretRef } },
  });
  const container = {
    name: "runner",
    image: "ghcr.io/actions/actions-runner:latest",
    command: ["/home/runner/run.sh"],
  };
  const sets: Record<string, object> = {
    token: { githubConfigSecret: "token", minRunners: 1 },
    app: { githubConfigSecret: "app" },
    refused: { githubConfigSecret: "refused" },
    proxied: through("door"),
    "not-let-through": through("wrong-door"),
  };
  for (const [name, spec] of Object.entries(sets)) {
    const template = { spec: { containers: [container] } };
    await admin.create(AUTOSCALING_RUNNER_SETS, {
      metadata: { namespace: RUNNERS, name },
      spec: {
        githubConfigUrl: `${ports.githubUrl}/acme`,
        githubConfigSecret: "token",
        maxRunners: 5,
        template,
        ...spec,
      },
    });
  }
}

/** Gateways that quote what they refuse, before the program asks its next questions. */
function quote(server: "github" | "kube", status: number, first: "headers" | "body"): void {
  world.network.inject({
    name: `${server} quotes`,
    times: 6,
    matches: (request) => request.server.startsWith(server) && /^(gha|arc)/.test(request.client),
    effect: { kind: "quote", status, first },
  });
}

function leaks(): string[] {
  const { secrets } = world.kube.snapshot();
  markWorld(marked, world.service.tokens, (secrets ?? []) as unknown as readonly Secret[]);
  return [...said, ...controller.log().split("\n")].flatMap((line) => marked.in(line));
}

test("controller and listeners say no secret, at level debug, while gateways quote theirs", async () => {
  const works = ["token", "app", "proxied"];
  await eventually("three scale sets are listened for", async () => {
    assert.equal(controller.end, undefined, controller.logTail());
    return works.every((name) => setOf(name)?.sessionOwner !== undefined);
  }, 50_000);
  quote("github", 502, "headers");
  quote("kube", 503, "body");
  quote("github", 500, "body");
  const jobs = works.map((scaleSetName) => world.service.queueJob({ scaleSetName, durationMs: 500 }));
  await eventually("their jobs are done", async () => {
    leaks(); // what a runner's secret held must be known when that is gone
    return jobs.every((job) => world.service.ledger.jobs.get(job)?.completedAt !== undefined);
  }, 50_000).catch((error) => {
    throw new Error(`${error}\n${said.slice(-30).join("\n")}\n${controller.logTail()}`, { cause: error });
  });
  const log = controller.log();
  for (const name of ["refused", "not-let-through"]) assert.ok(log.includes(name), `${name} is spoken of`);
  assert.deepEqual(leaks(), []);
  assert.match(log, /DEBUG|debug/, "the controller says all that it has to say");
  assert.ok(said.some((line) => /debug/i.test(line)), "so do listeners");
  assert.ok(
    log.length > 10_000 && said.join("").length > 5_000,
    `${log.length} and ${said.join("").length} characters`,
  );
  assert.ok(marked.size > 12, `only ${marked.size} secrets`);
});

test("a listener that crashes with secrets in its hands does not show them", async () => {
  const { pid, pod } = listeners.find((one) => one.pod.startsWith("token-"))!;
  crashWith(PAT, ENV_PASSWORD, WRONG_PAT);
  process.kill(pid, "SIGUSR2");
  const told = () => said.filter((line) => line.startsWith(pod)).join("\n");
  await eventually("it says so", async () => told().includes("arc has crashed"), 20_000);
  await eventually("and why", async () => told().includes("cause: "), 5_000);
  assert.match(told(), /it broke: \*\*\*/);
  assert.deepEqual(leaks(), []);
});

test("a controller that crashes with secrets in its hands does not show them", async () => {
  crashWith(PAT, ENV_PASSWORD, WRONG_PAT, PROXY_PASSWORD, APP.privateKey);
  process.kill(controller.pid, "SIGUSR2");
  const { code } = await controller.ended;
  assert.equal(code, 1);
  assert.match(controller.log(), /arc has crashed, which is a fault of the program: Error: it broke: \*\*\*/);
  assert.match(controller.log(), /cause: for/);
  assert.deepEqual(leaks(), []);
});

for (const command of ["", ...Object.keys(COMMANDS)]) {
  test(`the help ${command && `of ${command} `}shows nothing of the environment`, () => {
    const args = [...(command ? [command] : []), "--help"];
    const env = { ...environment("exception"), GITHUB_TOKEN: PAT, LISTENER_CONFIG_PATH: join(folder, "crash.txt") };
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", env });
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: arc/m);
    assert.deepEqual(marked.in(stdout + stderr), []);
  });
}
