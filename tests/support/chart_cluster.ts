/** A real API server for charts: rendered objects are tried on it, and nothing is kept. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import type { Pod } from "../../src/k8s/resource.ts";
import { type ControlPlane, controlPlane, whyNoControlPlane } from "./control_plane.ts";
import { eventually } from "./eventually.ts";
import { type HelmAnswer, type Manifest, runHelm, whyNoHelm } from "./charts.ts";
import type { Reply } from "./http.ts";

const CRDS = fileURLToPath(new URL("../../deploy/charts/gha-runner-scale-set-controller/crds/", import.meta.url));
const CLUSTER_WIDE = ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"];
/** Kinds of other projects, whose CRDs are not here. */
const FOREIGN = "monitoring.coreos.com/";
/** Plurals that are not the kind with an s. */
const PLURALS: Readonly<Record<string, string>> = { NetworkPolicy: "networkpolicies" };

/** One line when charts can't be tried on an API server here. */
export function whyNoChartCluster(): string | undefined {
  return whyNoHelm() ?? whyNoControlPlane();
}

export class ChartCluster {
  readonly plane: ControlPlane;

  private constructor(plane: ControlPlane) {
    this.plane = plane;
  }

  /** As a new cluster is. */
  static async startEmpty(): Promise<ChartCluster> {
    return new ChartCluster(await controlPlane());
  }

  /** With the CRDs that the controller's chart carries, and these namespaces. */
  static async start(...namespaces: readonly string[]): Promise<ChartCluster> {
    const cluster = new ChartCluster(await controlPlane());
    for (const file of readdirSync(CRDS)) await cluster.create(load(readFileSync(CRDS + file, "utf8")) as Manifest);
    for (const name of namespaces) await cluster.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    const path = "/apis/actions.github.com/v1alpha1/autoscalingrunnersets";
    await eventually("the CRDs are served", async () => (await cluster.plane.call("GET", path)).status === 200);
    return cluster;
  }

  /** @throws Error when the API server refuses it */
  async create(object: Manifest): Promise<void> {
    const { status, text } = await this.plane.call("POST", collectionOf(object), object);
    if (status !== 201) throw new Error(`${object.kind} ${object.metadata.name}: ${text}`);
  }

  /** What the API server would say; unknown and doubled fields are errors. */
  dryRun(object: Manifest): Promise<Reply> {
    return this.plane.call("POST", `${collectionOf(object)}?dryRun=All&fieldValidation=Strict`, object);
  }

  /** The same of the pod that a pod template makes. */
  dryRunPod(namespace: string, spec: Pod["spec"]): Promise<Reply> {
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "try", namespace }, spec };
    return this.dryRun(pod);
  }

  helm(args: readonly string[]): HelmAnswer {
    return runHelm([...args, "--kubeconfig", this.plane.kubeconfigPath]);
  }

  stop(): Promise<void> {
    return this.plane.stop();
  }
}

/** Whether this API server knows the kind. */
export function isKnown(object: Manifest): boolean {
  return !(object.apiVersion ?? "").startsWith(FOREIGN);
}

function collectionOf({ apiVersion = "", kind = "", metadata }: Manifest): string {
  const plural = PLURALS[kind] ?? `${kind.toLowerCase()}s`;
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const inCluster = metadata.namespace === undefined || CLUSTER_WIDE.includes(kind);
  return inCluster ? `${root}/${plural}` : `${root}/namespaces/${metadata.namespace}/${plural}`;
}
