/** crds/ on a real API server: accepted, explained, and nothing of a pod template is lost or refused. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { type CustomResourceDefinition, customResourceDefinitions } from "../../src/api/crd.ts";
import * as kinds from "../../src/api/kinds.ts";
import { type KubeObject, pathOf, type Resource } from "../../src/k8s/resource.ts";
import { type ControlPlane, controlPlane, whyNoControlPlane } from "../support/control_plane.ts";
import { fieldsOf, NOT_OURS, schemaOf } from "../support/crd_fields.ts";
import { eventually } from "../support/eventually.ts";
import { type EveryLeaf, everyLeaf } from "../support/every_leaf.ts";

const why = whyNoControlPlane();
const kubectlIsHere = spawnSync("kubectl", ["version", "--client"]).status === 0;
const FOLDER = fileURLToPath(new URL("../../crds/", import.meta.url));
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

const SET = kinds.AUTOSCALING_RUNNER_SETS;
const LISTENER = kinds.AUTOSCALING_LISTENERS;
const RUNNER_SET = kinds.EPHEMERAL_RUNNER_SETS;
const RUNNER = kinds.EPHEMERAL_RUNNERS;

const GITHUB = { githubConfigUrl: "https://github.com/acme", githubConfigSecret: "github", runnerScaleSetId: 7 };
const POD = { spec: { containers: [{ name: "runner" }] } };

let plane: ControlPlane;
let template: EveryLeaf;

/** One call, and what was answered. */
async function call<T>(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: T; text: string }> {
  const { status, text } = await plane.call(method, path, body);
  return { status, text, body: JSON.parse(text) as T };
}

function create<T extends KubeObject>(kind: Resource<T>, name: string, spec: unknown) {
  const body = { apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, metadata: { name }, spec };
  return call<T>("POST", `${pathOf(kind, "default")}?fieldValidation=Strict`, body);
}

interface Explained {
  components: { schemas: Record<string, Parameters<typeof fieldsOf>[0]> };
}

before(async () => {
  if (why !== undefined) return;
  if (!kubectlIsHere) console.log("there is no kubectl on the PATH: what it makes of crds/ is not tested");
  plane = await controlPlane();
  for (const file of readdirSync(FOLDER)) {
    const made = await call("POST", `${CRDS}?fieldValidation=Strict`, load(readFileSync(FOLDER + file, "utf8")));
    assert.equal(made.status, 201, `${file}: ${made.text}`);
  }
  for (const definition of customResourceDefinitions()) {
    await eventually(`${definition.metadata.name} is served`, served(definition));
  }
  const core = await call<Parameters<typeof everyLeaf>[0]>("GET", "/openapi/v3/api/v1");
  template = everyLeaf(core.body, "io.k8s.api.core.v1.PodTemplateSpec");
});

after(() => plane?.stop());

const served = (definition: CustomResourceDefinition) => async () => {
  const { group, names } = definition.spec;
  return (await plane.call("GET", `/apis/${group}/v1alpha1/${names.plural}`)).status === 200;
};

/** A test that needs the control plane. */
function onCluster(name: string, check: () => Promise<void>): void {
  test(`custom resource definitions: ${name}`, { skip: why ?? false }, check);
}

onCluster("all four are accepted as they are", async () => {
  type Found = CustomResourceDefinition & {
    status: { conditions: { type: string; status: string; message: string }[] };
  };
  for (const definition of customResourceDefinitions()) {
    const { body } = await call<Found>("GET", `${CRDS}/${definition.metadata.name}`);
    const conditions = body.status.conditions.map(({ type, status }) => `${type} ${status}`).sort();
    // A schema that is not structural would have a condition NonStructuralSchema.
    assert.deepEqual(conditions, ["Established True", "NamesAccepted True"], JSON.stringify(body.status));
    assert.deepEqual(body.spec.versions[0]?.schema, JSON.parse(JSON.stringify(definition.spec.versions[0]?.schema)));
  }
});

onCluster("the API server explains our fields", async () => {
  const id = (kind: string) => `com.github.actions.v1alpha1.${kind}`;
  const path = "/openapi/v3/apis/actions.github.com/v1alpha1";
  const { components } = await eventually("the document has all kinds", async () => {
    const { status, body } = await call<Explained>("GET", path);
    return status === 200 && customResourceDefinitions().every((it) =>
      body.components.schemas[id(it.spec.names.kind)]
    ) && body;
  });
  for (const definition of customResourceDefinitions()) {
    const { kind } = definition.spec.names;
    const says = new Map(
      fieldsOf(components.schemas[id(kind)]!, NOT_OURS).map((it) => [it.path, it.schema.description]),
    );
    for (const { path, schema } of fieldsOf(schemaOf(definition), NOT_OURS)) {
      if (schema.description !== undefined) assert.equal(says.get(path), schema.description, `${kind}.${path}`);
    }
  }
});

onCluster("a pod template keeps every leaf of PodTemplateSpec, in each place that has one", async () => {
  console.log(`PodTemplateSpec: ${template.leaves.length} leaves`);
  assert.ok(template.leaves.length > 600, `only ${template.leaves.length} leaves`);
  const { metadata, spec } = template.value;
  const places: [Resource, unknown][] = [
    [SET, { template: template.value, listenerTemplate: template.value }],
    [LISTENER, { template: template.value }],
    [RUNNER_SET, { patchID: 0, ephemeralRunnerSpec: { ...GITHUB, metadata, spec } }],
    [RUNNER, { ...GITHUB, metadata, spec }],
  ];
  for (const [kind, wanted] of places) {
    const made = await create(kind, "every-leaf", wanted);
    assert.equal(made.status, 201, made.text);
    const read = await call<{ spec: unknown }>("GET", pathOf(kind, "default", "every-leaf"));
    assert.deepEqual(read.body.spec, wanted, kind.kind);
  }
});

onCluster("a template without the fields that have defaults gets only those of list keys", async () => {
  const containers = [{
    name: "runner",
    ports: [{ containerPort: 80 }],
    resources: { limits: { cpu: 2, memory: "1Gi" } },
  }];
  const made = await create(SET, "plain", { template: { spec: { containers, imagePullSecrets: [{}] } } });
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(made.body.spec?.template?.spec, {
    containers: [{ ...containers[0], ports: [{ containerPort: 80, protocol: "TCP" }] }],
    imagePullSecrets: [{ name: "" }],
  });
});

onCluster("what must be there, and at least zero, is asked for", async () => {
  const refused: [Resource, unknown, RegExp][] = [
    [SET, { minRunners: -1 }, /spec\.minRunners/],
    [SET, { maxRunners: -1 }, /spec\.maxRunners/],
    [SET, { githubServerTLS: { certificateFrom: { configMapKeyRef: { name: "ca" } } } }, /configMapKeyRef\.key/],
    [SET, { listenerMetrics: { gauges: { gha_idle_runners: {} } } }, /labels/],
    [SET, { vaultConfig: { azureKeyVault: {} } }, /certificatePath/],
    [SET, { template: { spec: {} } }, /spec\.template\.spec\.containers/],
    [SET, { minRunner: 1 }, /unknown field "spec\.minRunner"/],
    [LISTENER, { minRunners: -1 }, /spec\.minRunners/],
    [RUNNER_SET, { ephemeralRunnerSpec: GITHUB }, /spec\.patchID/],
    [RUNNER_SET, { patchID: 0, ephemeralRunnerSpec: {} }, /runnerScaleSetId/],
    [RUNNER, { githubConfigUrl: "x", runnerScaleSetId: 1 }, /githubConfigSecret/],
  ];
  for (const [kind, spec, says] of refused) {
    const { status, text } = await create(kind, "refused", spec);
    assert.ok(status === 422 || status === 400, `${kind.kind} ${JSON.stringify(spec)}: ${text}`);
    assert.match(text.replaceAll('\\"', '"'), says);
  }
});

onCluster("an empty spec of a scale set and of a listener is let in", async () => {
  for (const kind of [SET, LISTENER]) assert.equal((await create(kind, "empty", {})).status, 201, kind.kind);
});

onCluster("status has its own address, and a runner set's must count", async () => {
  const { body } = await create(RUNNER_SET, "counted", { patchID: 0, ephemeralRunnerSpec: { ...GITHUB, ...POD } });
  const path = pathOf(RUNNER_SET, "default", "counted", "status");
  const without = await call("PUT", path, { ...body, status: { failedEphemeralRunners: 1 } });
  assert.equal(without.status, 422, without.text);
  assert.match(without.text, /status\.currentReplicas: Required value/);
  const condition = {
    ...{ type: "Ready", status: "True", reason: "AsWanted", message: "3 runners." },
    ...{ observedGeneration: 1, lastTransitionTime: "2026-01-02T03:04:05Z" },
  };
  const status = {
    currentReplicas: 0,
    finishedEphemeralRunners: 1,
    deletingEphemeralRunners: 2,
    conditions: [condition],
  };
  const written = await call<kinds.EphemeralRunnerSet>("PUT", path, { ...body, spec: {}, status });
  assert.equal(written.status, 200, written.text);
  assert.deepEqual(written.body.status, status);
  assert.equal(written.body.spec?.patchID, 0, "a write of the status leaves the spec alone");
});

function kubectl(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("kubectl", ["--kubeconfig", plane.kubeconfigPath, ...args], {
    encoding: "utf8",
  });
  assert.equal(status, 0, `kubectl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

function withKubectl(name: string, check: () => Promise<void>): void {
  const skip = why ?? (kubectlIsHere ? false : "no kubectl");
  test(`custom resource definitions: ${name}`, { skip }, check);
}

withKubectl("client-side kubectl apply takes the files and reads in them what we wrote", async () => {
  kubectl("apply", "-f", FOLDER);
  for (const definition of customResourceDefinitions()) {
    const { body } = await call<KubeObject>("GET", `${CRDS}/${definition.metadata.name}`);
    assert.ok(body.metadata?.annotations?.["kubectl.kubernetes.io/last-applied-configuration"], "it is client-side");
    assert.equal(body.metadata?.generation, 1, `${definition.metadata.name}: kubectl reads another spec in the file`);
  }
});

withKubectl("kubectl explain shows our texts", async () => {
  for (const definition of customResourceDefinitions()) {
    const { plural } = definition.spec.names;
    const text = kubectl("explain", plural).replace(/\s+/g, " ");
    assert.ok(text.includes(schemaOf(definition).description!), text);
  }
  assert.match(kubectl("explain", "autoscalingrunnersets.spec.minRunners").replace(/\s+/g, " "), /wait for a job/);
});

withKubectl("kubectl get has the columns, and the short names", async () => {
  const lines = kubectl("get", "ers", "counted").split("\n");
  assert.match(
    lines[0]!,
    /^NAME +DESIREDREPLICAS +CURRENTREPLICAS +PENDING RUNNERS +RUNNING RUNNERS +FINISHED RUNNERS +DELETING/,
  );
  assert.match(lines[1]!, /^counted +0 +1 +2 *$/);
  assert.match(
    kubectl("get", "ars"),
    /^NAME +MINIMUM RUNNERS +MAXIMUM RUNNERS +CURRENT RUNNERS +PHASE +PENDING RUNNERS/,
  );
  assert.match(
    kubectl("get", "ephemeralrunners"),
    /^NAME +GITHUB CONFIG URL +RUNNERID +PHASE +JOBREPOSITORY +.*MESSAGE +AGE/,
  );
  assert.match(kubectl("get", "autoscalinglisteners"), /^NAME +GITHUB CONFIGURE URL +AUTOSCALINGRUNNERSET NAMESPACE/);
});
