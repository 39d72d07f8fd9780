/** What the chart of a scale set makes in its namespace, for clusters without helm. */
import { AUTOSCALING_RUNNER_SETS } from "../../src/api/kinds.ts";
import { FINALIZERS } from "../../src/api/names.ts";
import { apiVersionOf, type KubeObject, pathOf, SECRETS, SERVICE_ACCOUNTS } from "../../src/k8s/resource.ts";
import { type Creatable, extraRights, scaleSetRights } from "./rbac.ts";

export interface ScaleSetOptions {
  readonly name: string;
  /** Default `arc-runners`. */
  readonly namespace?: string;
  readonly min?: number;
  /** Without it there is no limit. */
  readonly max?: number;
  readonly runnerGroup?: string;
  /** Default: what the simulated service lets in. */
  readonly secret?: Readonly<Record<string, string>>;
  /** Default: the cluster's service, organisation `acme`. */
  readonly configUrl?: string;
  /** The controller has the rights of `rbac.extra`. Default: the original's alone. */
  readonly extraRights?: boolean;
  /** More of the AutoscalingRunnerSet's spec. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** The version of the charts that these objects are of. */
const CHART_VERSION = "0.14.2";

/** The controller's account. */
export const CONTROLLER = { namespace: "arc-systems", name: "arc-gha-rs-controller" };

/** Everything of one scale set's release, in an order in which it can be made. */
export function scaleSetObjects(options: ScaleSetOptions, configUrl: string): Creatable[] {
  const { name, namespace = "arc-runners" } = options;
  const release = `${name}-gha-rs`;
  const common = labelsOf(name, namespace);
  const isProtected = (object: Record<string, unknown>): Record<string, unknown> => ({
    ...object,
    metadata: {
      ...(object as KubeObject).metadata,
      namespace,
      labels: common,
      finalizers: [FINALIZERS.cleanupProtection],
    },
  });
  const rights = scaleSetRights(namespace, CONTROLLER, `${release}-manager`);
  const secret = { metadata: { name: `${release}-github-secret` }, data: encoded(options.secret) };
  const account = { metadata: { name: `${release}-no-permission` } };
  return [
    ...rights.map(({ path, object }) => ({ path, object: isProtected(object) })),
    ...(options.extraRights ? extraRights(namespace, CONTROLLER, `${release}-manager-extra`) : []),
    { path: pathOf(SECRETS, namespace), object: isProtected(secret) },
    { path: pathOf(SERVICE_ACCOUNTS, namespace), object: isProtected(account) },
    { path: pathOf(AUTOSCALING_RUNNER_SETS, namespace), object: scaleSet(options, release, configUrl) },
  ];
}

function scaleSet(options: ScaleSetOptions, release: string, configUrl: string): Record<string, unknown> {
  const { name, namespace = "arc-runners", min, max, runnerGroup } = options;
  const runner = {
    name: "runner",
    image: "ghcr.io/actions/actions-runner:latest",
    command: ["/home/runner/run.sh"],
  };
  return {
    apiVersion: apiVersionOf(AUTOSCALING_RUNNER_SETS),
    kind: AUTOSCALING_RUNNER_SETS.kind,
    metadata: {
      name,
      namespace,
      labels: { ...labelsOf(name, namespace), "app.kubernetes.io/component": "autoscaling-runner-set" },
      annotations: {
        "actions.github.com/cleanup-github-secret-name": `${release}-github-secret`,
        "actions.github.com/cleanup-manager-role-binding": `${release}-manager`,
        "actions.github.com/cleanup-manager-role-name": `${release}-manager`,
        "actions.github.com/cleanup-no-permission-service-account-name": `${release}-no-permission`,
      },
    },
    spec: {
      githubConfigUrl: options.configUrl ?? configUrl,
      githubConfigSecret: `${release}-github-secret`,
      ...(min === undefined ? {} : { minRunners: min }),
      ...(max === undefined ? {} : { maxRunners: max }),
      ...(runnerGroup === undefined ? {} : { runnerGroup }),
      template: {
        spec: {
          restartPolicy: "Never",
          serviceAccountName: `${release}-no-permission`,
          containers: [runner],
        },
      },
      ...options.spec,
    },
  };
}

function labelsOf(name: string, namespace: string): Record<string, string> {
  return {
    "helm.sh/chart": `gha-rs-${CHART_VERSION}`,
    "app.kubernetes.io/name": name,
    "app.kubernetes.io/instance": name,
    "app.kubernetes.io/version": CHART_VERSION,
    "app.kubernetes.io/managed-by": "Helm",
    "app.kubernetes.io/part-of": "gha-rs",
    "actions.github.com/scale-set-name": name,
    "actions.github.com/scale-set-namespace": namespace,
  };
}

function encoded(secret: Readonly<Record<string, string>> = { github_token: "ghp_simulated" }): Record<string, string> {
  return Object.fromEntries(
    Object.entries(secret).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
}
