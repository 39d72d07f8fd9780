/** The fields, columns and names of the four kinds: docs/compatibility.md. Texts here are by hand, not generated. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { customResourceDefinitions } from "../../src/api/crd.ts";
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
} from "../../src/api/kinds.ts";
import { at, fieldLines, NOT_OURS, schemaOf } from "../support/crd_fields.ts";
import { table } from "../support/table.ts";

const definitions = new Map(customResourceDefinitions().map((it) => [it.spec.names.kind, it]));
const definition = (kind: string) => definitions.get(kind)!;

const lines = (text: string) => text.trim().split("\n").map((line) => line.trim());
const under = (prefix: string, text: string) => lines(text).map((line) => `${prefix}${line}`);

const ROOT = lines(`
  apiVersion: string
  kind: string
  metadata: object
  spec: object
  status: object
`);
const META = (...fields: string[]) =>
  fields.flatMap((field) =>
    under(
      `spec.${field}`,
      `
      : object
      .labels: object
      .labels{}: string
      .annotations: object
      .annotations{}: string
    `,
    )
  );
const PROXY = (path: string) =>
  under(
    path,
    `
    : object
    .http: object
    .http.url: string
    .http.credentialSecretRef: string
    .https: object
    .https.url: string
    .https.credentialSecretRef: string
    .noProxy: array
    .noProxy[]: string
  `,
  );
const CONNECTION = (path: string) => [
  ...PROXY(`${path}.proxy`),
  ...under(
    `${path}.githubServerTLS`,
    `
    : object
    .certificateFrom: object
    .certificateFrom.configMapKeyRef: object
    .certificateFrom.configMapKeyRef.key: string, required
    .certificateFrom.configMapKeyRef.name: string, default ""
    .certificateFrom.configMapKeyRef.optional: boolean
  `,
  ),
  ...under(
    `${path}.vaultConfig`,
    `
    : object
    .type: string
    .azureKeyVault: object
    .azureKeyVault.url: string, required
    .azureKeyVault.tenantId: string, required
    .azureKeyVault.clientId: string, required
    .azureKeyVault.certificatePath: string, required
  `,
  ),
  ...PROXY(`${path}.vaultConfig.proxy`),
];
const POLICY = under(
  "spec.runnerPolicy",
  `
    : object
    .maxIdleSeconds: integer, minimum 60
    .maxLifetimeSeconds: integer, minimum 60
    .pendingTimeoutSeconds: integer, minimum 30
    .maxFailures: integer, minimum 1
    .failureBackoffSeconds: integer, minimum 1
    .scaleDownDelaySeconds: integer, minimum 0
    .historyLimit: integer, minimum 0
  `,
);
const METRICS = (field: string) =>
  under(
    `spec.${field}`,
    `
    : object
    .counters: object
    .counters{}: object
    .counters{}.labels: array, required
    .counters{}.labels[]: string
    .gauges: object
    .gauges{}: object
    .gauges{}.labels: array, required
    .gauges{}.labels[]: string
    .histograms: object
    .histograms{}: object
    .histograms{}.labels: array, required
    .histograms{}.labels[]: string
    .histograms{}.buckets: array
    .histograms{}.buckets[]: number
  `,
  );
const RUNNER = (path: string) => [
  ...under(
    path,
    `
    .githubConfigUrl: string, required
    .githubConfigSecret: string, required
    .runnerScaleSetId: integer, required
    .proxySecretRef: string
    .metadata: object
    .spec: object
  `,
  ),
  ...CONNECTION(path),
  ...META(`${path}.ephemeralRunnerConfigSecretMetadata`.slice("spec.".length)),
];
const KSTATUS = lines(`
  status.observedGeneration: integer, int64
  status.conditions: array
  status.conditions[]: object
  status.conditions[].type: string, required
  status.conditions[].status: string, required
  status.conditions[].reason: string, required
  status.conditions[].message: string, required
  status.conditions[].observedGeneration: integer, int64
  status.conditions[].lastTransitionTime: string, date-time, required
`);
const COUNTS = lines(`
  status.pendingEphemeralRunners: integer
  status.runningEphemeralRunners: integer
  status.failedEphemeralRunners: integer
  status.finishedEphemeralRunners: integer
  status.deletingEphemeralRunners: integer
  status.phase: string
`);

table<string[]>("fields", {
  AutoscalingRunnerSet: [
    ...ROOT,
    ...under(
      "spec.",
      `
        githubConfigUrl: string
        githubConfigSecret: string
        runnerGroup: string
        runnerScaleSetName: string
        runnerScaleSetLabels: array
        runnerScaleSetLabels[]: string
        template: object
        listenerTemplate: object
        maxRunners: integer, minimum 0
        minRunners: integer, minimum 0
        paused: boolean
        scheduledOverrides: array
        scheduledOverrides[]: object
        scheduledOverrides[].schedule: string, required
        scheduledOverrides[].timeZone: string
        scheduledOverrides[].duration: string, required
        scheduledOverrides[].minRunners: integer, minimum 0
        scheduledOverrides[].maxRunners: integer, minimum 0
        disruption: object
        disruption.protectBusy: boolean
      `,
    ),
    ...POLICY,
    ...CONNECTION("spec"),
    ...METRICS("listenerMetrics"),
    ...META("autoscalingListener", "listenerServiceAccountMetadata", "listenerRoleMetadata"),
    ...META("listenerRoleBindingMetadata", "listenerConfigSecretMetadata", "ephemeralRunnerSetMetadata"),
    ...META("ephemeralRunnerMetadata", "ephemeralRunnerConfigSecretMetadata"),
    "status.currentRunners: integer",
    ...under(
      "status.",
      `
        effectiveMinRunners: integer
        effectiveMaxRunners: integer
        activeOverride: object
        activeOverride.schedule: string, required
        activeOverride.timeZone: string, required
        activeOverride.until: string, date-time, required
        activeOverride.minRunners: integer
        activeOverride.maxRunners: integer
      `,
    ),
    ...COUNTS,
    ...KSTATUS,
  ],
  AutoscalingListener: [
    ...ROOT,
    ...under(
      "spec.",
      `
        githubConfigUrl: string
        githubConfigSecret: string
        runnerScaleSetId: integer
        autoscalingRunnerSetNamespace: string
        autoscalingRunnerSetName: string
        ephemeralRunnerSetName: string
        maxRunners: integer, minimum 0
        minRunners: integer, minimum 0
        image: string
        imagePullSecrets: array
        imagePullSecrets[]: object
        imagePullSecrets[].name: string, default ""
        template: object
      `,
    ),
    ...CONNECTION("spec"),
    ...METRICS("metrics"),
    ...META("configSecretMetadata", "serviceAccountMetadata", "roleMetadata", "roleBindingMetadata"),
    ...KSTATUS,
  ],
  EphemeralRunnerSet: [
    ...ROOT,
    ...under(
      "spec.",
      `
        replicas: integer
        patchID: integer, required
        runningJobs: integer
        missingScaleSetId: integer
        listenerReport: object
        listenerReport.reason: string
        listenerReport.message: string
        listenerReport.phantomDemand: integer
        sessionId: string
        ephemeralRunnerSpec: object, required
      `,
    ),
    ...POLICY,
    ...RUNNER("spec.ephemeralRunnerSpec"),
    ...META("ephemeralRunnerMetadata"),
    "status.currentReplicas: integer, required",
    ...COUNTS,
    ...KSTATUS,
  ],
  EphemeralRunner: [
    ...ROOT,
    ...RUNNER("spec"),
    ...under(
      "status.",
      `
        ready: boolean
        phase: string
        reason: string
        message: string
        runnerId: integer
        runnerName: string
        failures: object
        failures{}: string, date-time
        jobRequestId: integer, int64
        jobId: string
        jobRepositoryName: string
        jobWorkflowRef: string
        workflowRunId: integer, int64
        jobDisplayName: string
        jobSetGeneration: integer, int64
      `,
    ),
    ...KSTATUS,
  ],
}, (fields, kind) => {
  assert.deepEqual(fieldLines(schemaOf(definition(kind)), NOT_OURS).sort(), fields.sort());
});

/** `Name | jsonPath | type`, in their order. */
table<string>("printed columns", {
  AutoscalingRunnerSet: `
    Minimum Runners | .spec.minRunners | integer
    Maximum Runners | .spec.maxRunners | integer
    Current Runners | .status.currentRunners | integer
    Phase | .status.phase | string
    Pending Runners | .status.pendingEphemeralRunners | integer
    Running Runners | .status.runningEphemeralRunners | integer
    Finished Runners | .status.finishedEphemeralRunners | integer
    Deleting Runners | .status.deletingEphemeralRunners | integer`,
  EphemeralRunnerSet: `
    DesiredReplicas | .spec.replicas | integer
    CurrentReplicas | .status.currentReplicas | integer
    Pending Runners | .status.pendingEphemeralRunners | integer
    Running Runners | .status.runningEphemeralRunners | integer
    Finished Runners | .status.finishedEphemeralRunners | integer
    Deleting Runners | .status.deletingEphemeralRunners | integer
    Phase | .status.phase | string`,
  EphemeralRunner: `
    GitHub Config URL | .spec.githubConfigUrl | string
    RunnerId | .status.runnerId | number
    Phase | .status.phase | string
    JobRepository | .status.jobRepositoryName | string
    JobWorkflowRef | .status.jobWorkflowRef | string
    WorkflowRunId | .status.workflowRunId | number
    JobDisplayName | .status.jobDisplayName | string
    JobId | .status.jobId | string
    Message | .status.message | string
    Age | .metadata.creationTimestamp | date`,
  AutoscalingListener: `
    GitHub Configure URL | .spec.githubConfigUrl | string
    AutoscalingRunnerSet Namespace | .spec.autoscalingRunnerSetNamespace | string
    AutoscalingRunnerSet Name | .spec.autoscalingRunnerSetName | string`,
}, (columns, kind) => {
  const found = definition(kind).spec.versions[0]!.additionalPrinterColumns;
  const always = found.filter(({ priority }) => !priority);
  assert.deepEqual(always.map((it) => `${it.name} | ${it.jsonPath} | ${it.type}`), lines(columns));
});

table<[plural: string, resource: { kind: string; plural: string }]>("names", {
  AutoscalingRunnerSet: ["autoscalingrunnersets", AUTOSCALING_RUNNER_SETS],
  AutoscalingListener: ["autoscalinglisteners", AUTOSCALING_LISTENERS],
  EphemeralRunnerSet: ["ephemeralrunnersets", EPHEMERAL_RUNNER_SETS],
  EphemeralRunner: ["ephemeralrunners", EPHEMERAL_RUNNERS],
}, ([plural, resource], kind) => {
  const { metadata, spec } = definition(kind);
  assert.equal(metadata.name, `${plural}.actions.github.com`);
  const { shortNames: _additive, ...names } = spec.names;
  assert.deepEqual(names, { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() });
  assert.deepEqual([spec.group, spec.scope, spec.versions.length], ["actions.github.com", "Namespaced", 1]);
  const [version] = spec.versions;
  assert.deepEqual([version?.name, version?.served, version?.storage], ["v1alpha1", true, true]);
  assert.deepEqual(version?.subresources, { status: {} });
  assert.deepEqual([resource.kind, resource.plural], [kind, plural], "the descriptor in kinds.ts");
});

table<string[]>("pod template's metadata", {
  AutoscalingRunnerSet: ["spec", "template"],
  AutoscalingListener: ["spec", "template"],
  EphemeralRunnerSet: ["spec", "ephemeralRunnerSpec"],
  EphemeralRunner: ["spec"],
}, (path, kind) => {
  const metadata = at(schemaOf(definition(kind)), ...path, "metadata");
  assert.deepEqual(fieldLines(metadata, []).sort(), [
    "annotations: object",
    "annotations{}: string",
    "finalizers: array",
    "finalizers[]: string",
    "labels: object",
    "labels{}: string",
    "name: string",
    "namespace: string",
  ]);
});

test("pod template: what Kubernetes requires is required, and nothing else has a default", () => {
  const template = at(schemaOf(definition("AutoscalingRunnerSet")), "spec", "template");
  const all = fieldLines(template, []);
  for (const field of ["spec.containers", "spec.containers[].name", "spec.containers[].ports[].containerPort"]) {
    assert.ok(all.some((line) => line.startsWith(`${field}: `) && line.includes("required")), field);
  }
  assert.deepEqual(all.filter((line) => line.includes("default ")).sort(), [
    'spec.containers[].ports[].protocol: string, default "TCP"',
    'spec.ephemeralContainers[].ports[].protocol: string, default "TCP"',
    'spec.imagePullSecrets[].name: string, default ""',
    'spec.initContainers[].ports[].protocol: string, default "TCP"',
  ]);
});

test("no set of values and no pattern is closed, but for settings that the reference does not have", () => {
  const open = [...definitions.values()].map(({ spec: { versions: [version] } }) => {
    const schema = structuredClone(version!.schema.openAPIV3Schema);
    for (const setting of ["scheduledOverrides", "runnerPolicy"]) delete at(schema, "spec").properties![setting];
    return schema;
  });
  assert.doesNotMatch(JSON.stringify(open), /"(enum|pattern|oneOf|anyOf|maximum|x-kubernetes-validations)"/);
});
