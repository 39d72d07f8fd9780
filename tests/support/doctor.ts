/** `arc doctor` in a simulated system, from its arguments to what it prints. */
import assert from "node:assert/strict";
import { DOCTOR_OPTIONS } from "../../src/commands/doctor_options.ts";
import { doctorProcess } from "../../src/commands/doctor_process.ts";
import type { CheckName, State } from "../../src/doctor/checks/finding.ts";
import { type Deployment, DEPLOYMENTS } from "../../src/doctor/kinds.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { sleepOn } from "../../src/lib/clock.ts";
import { parseOptions } from "../../src/lib/options.ts";
import { KUBE_URL } from "../../src/sim/world.ts";
import { machine } from "./machine.ts";
import type { SimSystem } from "./sim_system.ts";
import { CONTROLLER_NAMESPACE } from "./sim_view.ts";

/** A finding as `--json` prints it. */
export interface Told {
  readonly check: CheckName;
  readonly object: string;
  readonly state: State;
  readonly message: string;
  readonly wayOut: string | null;
}

export interface Visit {
  readonly findings: readonly Told[];
  readonly exitCode: number;
  /** All that was printed. */
  readonly text: string;
}

export interface VisitOptions {
  readonly args?: readonly string[];
  /** How far this machine's clock is ahead of the world's. */
  readonly aheadMs?: number;
  /** As the controller's container sees it. */
  readonly inPod?: boolean;
}

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
export const KUBECONFIG = JSON.stringify({
  clusters: [{ name: "world", cluster: { server: KUBE_URL } }],
  users: [{ name: "admin", user: { token: "let-me-in" } }],
  contexts: [{ name: "world", context: { cluster: "world", user: "admin" } }],
  "current-context": "world",
});

/** Runs the doctor; the output is JSON unless `text` is asked for. */
export async function visit(
  system: SimSystem,
  options: VisitOptions = {},
  as: "json" | "text" = "json",
): Promise<Visit> {
  const { args = [], aheadMs = 0, inPod = false } = options;
  const io = machine({
    files: inPod
      ? { [`${ACCOUNT}/token`]: "a-token", [`${ACCOUNT}/ca.crt`]: "", [`${ACCOUNT}/namespace`]: CONTROLLER_NAMESPACE }
      : { "/home/me/.kube/config": KUBECONFIG },
    env: inPod
      ? {
        KUBERNETES_SERVICE_HOST: new URL(KUBE_URL).host,
        CONTROLLER_MANAGER_POD_NAMESPACE: CONTROLLER_NAMESPACE,
        CONTROLLER_MANAGER_CONTAINER_IMAGE: "arc:simulated",
      }
      : {},
  });
  const version = { version: "0.14.2", commit: "simulated" };
  const parsed = parseOptions("arc doctor", DOCTOR_OPTIONS, [...args, ...(as === "json" ? ["--json"] : [])], io.env);
  assert.ok(parsed.kind === "values", JSON.stringify(parsed));
  const runtime = { ...io, clock: shifted(system.clock, aheadMs), version };
  const exitCode = await system.done(doctorProcess(parsed.values, runtime, system.world.transports));
  assert.equal(io.err(), "");
  const text = io.out();
  return { exitCode, text, findings: as === "json" ? JSON.parse(text) as Told[] : [] };
}

function shifted(clock: Clock, aheadMs: number): SimSystem["clock"] {
  const own: Clock = {
    now: () => clock.now() + aheadMs,
    monotonic: () => clock.monotonic(),
    after: (ms, action) => clock.after(ms, action),
    sleep: (ms, signal) => sleepOn(own, ms, signal),
  };
  return own as SimSystem["clock"];
}

/** The findings of a check, of the objects whose names have `object` in them. */
export function of({ findings }: Visit, check: CheckName, object = ""): Told[] {
  return findings.filter((finding) => finding.check === check && finding.object.includes(object));
}

/** `state message` of the only finding of a check about an object. */
export function only(visited: Visit, check: CheckName, object = ""): Told {
  const found = of(visited, check, object);
  assert.equal(found.length, 1, `one finding of ${check} ${object}: ${JSON.stringify(visited.findings, undefined, 1)}`);
  return found[0]!;
}

/** The Deployment that the chart makes, with its pods ready. */
export function controllerDeployment(
  { replicas = 1, ready = replicas, args = [], labels = {} }: {
    readonly replicas?: number;
    readonly ready?: number;
    readonly args?: readonly string[];
    readonly labels?: Readonly<Record<string, string>>;
  } = {},
): Deployment {
  const name = "arc-gha-rs-controller";
  const selector = { "app.kubernetes.io/name": "gha-rs-controller" };
  return {
    metadata: {
      namespace: CONTROLLER_NAMESPACE,
      name,
      labels: {
        "app.kubernetes.io/version": "0.14.2",
        "actions.github.com/controller-service-account-name": name,
        "actions.github.com/controller-service-account-namespace": CONTROLLER_NAMESPACE,
        ...labels,
      },
    },
    spec: {
      replicas,
      ...{ selector: { matchLabels: selector } },
      template: {
        ...{ metadata: { labels: selector } },
        spec: { serviceAccountName: name, containers: [{ name: "manager", image: "arc:simulated", args }] },
      },
    },
    status: { readyReplicas: ready, updatedReplicas: replicas },
  };
}

/** Puts the Deployment there, as the chart and the cluster would. */
export async function deploy(
  system: SimSystem,
  options: Parameters<typeof controllerDeployment>[0] = {},
): Promise<void> {
  const deployment = controllerDeployment(options);
  await system.done(system.kubectl.create(DEPLOYMENTS, deployment));
  const ref = { namespace: CONTROLLER_NAMESPACE, name: deployment.metadata!.name! };
  const { status } = deployment;
  await system.done(system.kubectl.patch(DEPLOYMENTS, ref, { status }, { subresource: "status" }));
}
