/** The shipped `arc doctor` on a real API server: a system that is well, and one that is not. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DEPLOYMENTS } from "../../src/doctor/kinds.ts";
import { pathOf, ROLE_BINDINGS, ROLES, SECRETS } from "../../src/k8s/resource.ts";
import { HttpKubeClient } from "../../src/k8s/http_client.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { nodeTransports } from "../../src/lib/http_node.ts";
import { silentLog } from "../../src/lib/log.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { LABELS } from "../../src/api/names.ts";
import { writeMount } from "../../src/sim/kubelet/exec_files.ts";
import { Cluster } from "../support/cluster.ts";
import { CONTROLLER } from "../support/cluster_objects.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { controllerDeployment, type Told } from "../support/doctor.ts";
import { type Ran, runDoctor } from "../support/doctor_run.ts";
import { eventually } from "../support/eventually.ts";

const why = whyNoControlPlane();
const skip = why ?? false;
const NAMESPACE = "arc-runners";
const RELEASE = "linux-gha-rs";
const FLAGS = ["--enable-leader-election", "--leader-election-id=arc-test"];
/** The machine may be busy: what is slow is not what is tested. */
const PATIENT = "--timeout=60s";
/** The charts give these only when they are asked to. */
const EXTRAS = /may not: patch pods, (create|patch) events/;

let cluster: Cluster;
let folder = "";

before(async () => {
  if (why !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), "arc-doctor-"));
  cluster = await Cluster.start({ seed: 5 });
  const controller = await cluster.startController({ flags: FLAGS });
  await cluster.ready(controller);
  await cluster.createScaleSet({ name: "linux", min: 1, max: 5 });
  await eventually("a runner is idle", async () => cluster.service.controls.statistics(1).totalIdleRunners === 1);
  const { status, ...deployment } = controllerDeployment({ args: FLAGS });
  await cluster.create(pathOf(DEPLOYMENTS, CONTROLLER.namespace), deployment);
  await admin().patch(DEPLOYMENTS, CONTROLLER, { status: { replicas: 1, ...status } }, { subresource: "status" });
});
after(async () => {
  await cluster?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** The administrator. */
function admin(): HttpKubeClient {
  const { url, ca, adminToken } = cluster.plane;
  const server = {
    baseUrl: url,
    transport: nodeTransports({ ca, caOnly: true }),
    namespace: "default",
    authorization: () => Promise.resolve(`Bearer ${adminToken}`),
  };
  return new HttpKubeClient({
    server,
    clock: systemClock,
    random: seededRandom(1),
    log: silentLog,
    userAgent: "kubectl",
  });
}

/** As somebody with a kubeconfig. */
function asAdmin(...args: string[]): Promise<Ran> {
  return runDoctor(cluster.program, ["--json", PATIENT, `--kubeconfig=${cluster.plane.kubeconfigPath}`, ...args], {
    HOME: folder,
  });
}

/** As `kubectl exec` in the controller's pod runs it. */
async function inPod(): Promise<Ran> {
  const token = await cluster.plane.serviceAccountToken(CONTROLLER.namespace, CONTROLLER.name);
  const files = { token, "ca.crt": cluster.plane.ca, namespace: CONTROLLER.namespace };
  await writeMount(folder, new Map(Object.entries(files)));
  const { hostname, port } = new URL(cluster.plane.url);
  return await runDoctor(cluster.program, ["--json", PATIENT], {
    HOME: folder,
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
    ARC_SERVICE_ACCOUNT_DIR: folder,
    CONTROLLER_MANAGER_POD_NAMESPACE: CONTROLLER.namespace,
    CONTROLLER_MANAGER_CONTAINER_IMAGE: "ghcr.io/example/arc:test",
  });
}

const notOk = ({ findings }: Ran) => findings.filter(({ state }) => state !== "ok");
const linesOf = (findings: readonly Told[]) =>
  findings.map(({ state, check, message }) => `${state} ${check}: ${message}`);

test("doctor: a healthy system needs nobody, seen by an admin", { skip }, async () => {
  const mark = cluster.audit.mark();
  const ran = await asAdmin();
  assert.equal(ran.err, "");
  const notes = notOk(ran).filter(({ message }) => !EXTRAS.test(message));
  assert.deepEqual(notes.map(({ state, check }) => `${state} ${check}`), ["note lease"], linesOf(notes).join("\n"));
  assert.equal(ran.code, 0);
  const rights = ran.findings.filter(({ check }) => check === "rights");
  assert.ok(
    rights.every(({ object }) => object === `system:serviceaccount:${CONTROLLER.namespace}:${CONTROLLER.name}`),
  );
  const asked = cluster.audit.since(mark).filter(({ user }) => user === "admin");
  assert.ok(asked.length > 100, "it asks for the rights one by one");
  const writes = asked.filter(({ verb }) => !["get", "list"].includes(verb));
  assert.deepEqual([...new Set(writes.map(({ verb, resource }) => `${verb} ${resource}`))], [
    "create subjectaccessreviews",
  ]);
  assert.equal(cluster.service.ledger.sessions.length, 1, "the listener's session is the only one");
});

test("doctor: a healthy system needs nobody, seen from the controller's pod", { skip }, async () => {
  const ran = await inPod();
  assert.equal(ran.err, "");
  assert.equal(ran.code, 0, linesOf(notOk(ran)).join("\n"));
  const unchecked = notOk(ran).filter(({ state }) => state === "not checked").map(({ check }) => check);
  // The chart gives the controller no rights on definitions and Deployments, nor on all namespaces' secrets.
  assert.deepEqual([...new Set(unchecked)].sort(), ["controller", "crds"], linesOf(notOk(ran)).join("\n"));
  assert.ok(ran.findings.some(({ check, state }) => check === "secret" && state === "ok"));
});

test("doctor: a token in the output there is not", { skip }, async () => {
  for (const { out } of [await asAdmin(), await inPod()]) {
    assert.ok(!out.includes("ghp_simulated") && !out.includes(cluster.plane.adminToken));
  }
});

test("doctor: what is broken needs a person", { skip }, async () => {
  const ref = (name: string) => ({ namespace: NAMESPACE, name });
  await admin().patch(SECRETS, ref(`${RELEASE}-github-secret`), { data: { github_token: null } });
  const subjects = [{ kind: "ServiceAccount", name: "another", namespace: "default" }];
  await admin().patch(ROLE_BINDINGS, ref(`${RELEASE}-manager`), { subjects });
  const labels = {
    [LABELS.scaleSetName]: "old",
    [LABELS.listenerName]: "old-listener",
    [LABELS.listenerNamespace]: CONTROLLER.namespace,
  };
  await cluster.create(pathOf(ROLES, NAMESPACE), { metadata: { name: "old-listener", labels }, rules: [] });
  await eventually("the API server has taken the binding in", async () => {
    const ran = await asAdmin("--namespace=arc-runners");
    return ran.findings.some(({ check, state }) => check === "rights" && state === "fix");
  });
  const ran = await asAdmin();
  assert.equal(ran.code, 1);
  const told = new Map(
    ran.findings.filter(({ state }) => state === "fix").map(({ check, message }) => [check, message]),
  );
  assert.match(told.get("secret") ?? "", /has no credentials: it needs github_token/);
  assert.match(told.get("rights") ?? "", /may not: .*pods.* \(in arc-runners\)/);
  const text = await runDoctor(cluster.program, [`--kubeconfig=${cluster.plane.kubeconfigPath}`], { HOME: folder });
  assert.equal(text.code, 1);
  assert.match(
    text.out,
    /^fix +secret +arc-runners\/linux: .* -> kubectl -n arc-runners edit secret linux-gha-rs-github-secret/m,
  );
});

test("doctor: an API server that refuses us needs a person", { skip }, async () => {
  const kubeconfig = cluster.plane.kubeconfigFor("no-such-token");
  const ran = await runDoctor(cluster.program, ["--json", `--kubeconfig=${kubeconfig}`], { HOME: folder });
  assert.equal(ran.code, 1);
  assert.deepEqual(ran.findings.map(({ check, state }) => `${state} ${check}`), ["fix api-server"]);
  assert.match(ran.findings[0]!.message, /refuses our credentials \(401\)/);
});
