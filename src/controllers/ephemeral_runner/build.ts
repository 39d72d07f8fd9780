/** The objects that are made for a runner: its secret and its pod. Pure. */
import { Buffer } from "node:buffer";
import { EPHEMERAL_RUNNERS, type EphemeralRunner } from "../../api/kinds.ts";
import { withMeta } from "../../api/labels.ts";
import { ANNOTATIONS, LABELS, podTemplateHash } from "../../api/names.ts";
import { controlledBy, type Pod, type Secret, type Stored } from "../../k8s/resource.ts";
import { REVISION_ANNOTATION } from "../shared/revision.ts";
import { setUidOf } from "../shared/runner_state.ts";
import { RUNNER_CONTAINER } from "./outcome.ts";

/** What the service said at registration. Secret: `encoded` goes nowhere but into the runner's secret. */
export interface JitFacts {
  readonly runnerId: number;
  readonly runnerName: string;
  readonly scaleSetId: number;
  readonly encoded: string;
}

type Container = NonNullable<NonNullable<Pod["spec"]>["containers"]>[number];
type EnvVar = NonNullable<Container["env"]>[number];

/** The container of the template in which the runner runs, if there is one. */
export function runnerContainerOf(runner: EphemeralRunner): Container | undefined {
  return runner.spec?.spec?.containers?.find(({ name }) => name === RUNNER_CONTAINER) as Container | undefined;
}

/** The work folder to register with: what the runner's container says, or "", which leaves it to the service. */
export function workFolderOf(runner: EphemeralRunner): string {
  return runnerContainerOf(runner)?.workingDir ?? "";
}

/** Whether container hooks make pods and secrets for this runner, which then go with it. */
export function hasContainerHooks(runner: EphemeralRunner): boolean {
  return runnerContainerOf(runner)?.env?.some(({ name }) => name === "ACTIONS_RUNNER_CONTAINER_HOOKS") ?? false;
}

/** The secret with what the runner needs to register itself, once. It bears the runner's name. */
export function jitSecretOf(runner: Stored<EphemeralRunner>, jit: JitFacts): Secret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: runner.metadata.name,
      namespace: runner.metadata.namespace,
      ...withMeta(runner.spec?.ephemeralRunnerConfigSecretMetadata),
      ownerReferences: [controlledBy(EPHEMERAL_RUNNERS, runner)],
    },
    type: "Opaque",
    data: {
      jitToken: base64(jit.encoded),
      runnerName: base64(jit.runnerName),
      runnerId: base64(String(jit.runnerId)),
      scaleSetId: base64(String(jit.scaleSetId)),
    },
  };
}

/** The runner id in a secret of {@link jitSecretOf}; undefined when it holds none. */
export function runnerIdOf(secret: Secret): number | undefined {
  const id = Number(Buffer.from(secret.data?.["runnerId"] ?? "", "base64").toString());
  return Number.isInteger(id) && id > 0 ? id : undefined;
}

/** The runner's pod: the template of the runner, and what the runner needs to find its way. */
export function podOf(runner: Stored<EphemeralRunner>, version: string): Pod {
  const { metadata: template, spec } = runner.spec ?? {};
  const { [ANNOTATIONS.jobCompleted]: _mark, [REVISION_ANNOTATION]: _revision, ...annotations } =
    runner.metadata.annotations ?? {};
  const merged = withMeta(
    withMeta({ labels: runner.metadata.labels, annotations }, {
      labels: template?.labels,
      annotations: template?.annotations,
    }),
    {
      labels: {
        [LABELS.ephemeralRunner]: "True",
        [LABELS.podTemplateHash]: podTemplateHash({ template, spec }),
      },
    },
  );
  const containers = (spec?.containers ?? []) as Container[];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: runner.metadata.name,
      namespace: runner.metadata.namespace,
      ...merged,
      ownerReferences: [controlledBy(EPHEMERAL_RUNNERS, runner)],
    },
    spec: {
      ...spec as Pod["spec"],
      restartPolicy: spec?.restartPolicy || "Never",
      containers: containers.map((container) =>
        container.name === RUNNER_CONTAINER
          ? { ...container, env: [...container.env ?? [], ...environmentOf(runner, version)] }
          : container
      ),
    },
  };
}

/** What is added to the environment of the runner's container, in the order that others know. */
function environmentOf(runner: Stored<EphemeralRunner>, version: string): EnvVar[] {
  const { proxy, proxySecretRef } = runner.spec ?? {};
  const fromProxy = (key: string): EnvVar => fromSecret(key, proxySecretRef ?? "", key);
  return [
    fromSecret("ACTIONS_RUNNER_INPUT_JITCONFIG", runner.metadata.name, "jitToken"),
    { name: "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT", value: `actions-runner-controller/${version}` },
    { name: "ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE", value: "1" },
    ...(proxySecretRef
      ? [
        ...(proxy?.http ? [fromProxy("http_proxy")] : []),
        ...(proxy?.https ? [fromProxy("https_proxy")] : []),
        ...(proxy?.noProxy?.length ? [fromProxy("no_proxy")] : []),
      ]
      : []),
  ];
}

/** What a pod is told of the job that its runner has been given: people and autoscalers read it. */
export function jobAnnotationsOf({ status }: EphemeralRunner): Record<string, string> {
  const facts: readonly (readonly [string, string | number | undefined])[] = [
    ["actions.github.com/job-repository", status?.jobRepositoryName],
    ["actions.github.com/job-workflow-ref", status?.jobWorkflowRef],
    ["actions.github.com/job-run-id", status?.workflowRunId],
    ["actions.github.com/job-id", status?.jobId],
    ["actions.github.com/job-name", status?.jobDisplayName],
  ];
  return {
    ...Object.fromEntries(facts.flatMap(([key, value]) => value ? [[key, String(value)]] : [])),
    "karpenter.sh/do-not-disrupt": "true",
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
  };
}

/** The label by which the disruption budget of its set holds a pod while its runner has a job. */
export function busyLabelsOf(runner: EphemeralRunner): Record<string, string> {
  return { [LABELS.busy]: setUidOf(runner) ?? "" };
}

function fromSecret(name: string, secret: string, key: string): EnvVar {
  return { name, valueFrom: { secretKeyRef: { name: secret, key } } };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
