/** The doctor's process: from its options to what it prints and its exit code. */
import type { Finding } from "../doctor/checks/finding.ts";
import { fix } from "../doctor/checks/finding.ts";
import { diagnose } from "../doctor/doctor.ts";
import { exitCodeOf, reportJson, reportText } from "../doctor/report.ts";
import { ConfigError, serverOf } from "../k8s/config.ts";
import { HttpKubeClient } from "../k8s/http_client.ts";
import { messageOf } from "../lib/errors.ts";
import type { TransportFactory } from "../lib/http.ts";
import { nodeTransports } from "../lib/http_node.ts";
import { silentLog } from "../lib/log.ts";
import type { Values } from "../lib/options.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { DOCTOR_OPTIONS } from "./doctor_options.ts";
import { throughProxyOf } from "./transports.ts";
import { vaultsOf } from "./vaults.ts";

/** Looks and tells. @returns the exit code */
export async function doctorProcess(
  values: Values<typeof DOCTOR_OPTIONS>,
  io: Runtime,
  transports: TransportFactory = nodeTransports,
): Promise<number> {
  const { secrets } = io;
  try {
    const findings = await findingsOf(values, io, transports);
    io.stdout.write(secrets.hide(values.json ? reportJson(findings) : reportText(findings)));
    return exitCodeOf(findings);
  } catch (error) {
    io.stderr.write(`arc doctor: ${secrets.hide(messageOf(error))}\n`);
    return 1;
  }
}

async function findingsOf(
  values: Values<typeof DOCTOR_OPTIONS>,
  io: Runtime,
  transports: TransportFactory,
): Promise<Finding[]> {
  const { namespace, scaleSets, controllerNamespace, leaderElectionId, timeout: timeoutMs, secretFiles } = values;
  const { clock, random, version, env, stop, secrets } = io;
  let server;
  try {
    server = await serverOf(values, { machine: io, transports, secrets });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [
      fix(
        "api-server",
        "kubeconfig",
        messageOf(error),
        "--kubeconfig and --context, or KUBECONFIG, say where the cluster is",
      ),
    ];
  }
  const userAgent = `arc-doctor/${version.version}`;
  const kube = new HttpKubeClient({ server, clock, random, log: silentLog, userAgent, deadlineMs: timeoutMs });
  const inPod = !values.kubeconfig && !values.context && !env["KUBECONFIG"] && Boolean(env["KUBERNETES_SERVICE_HOST"]);
  return await diagnose({
    server,
    kube,
    transports: throughProxyOf(env, transports),
    clock,
    random,
    version,
    secrets,
    signal: stop,
    forceServer: env["GITHUB_ACTIONS_FORCE_GHES"] !== undefined,
    vaults: { vaults: vaultsOf(io, transports, silentLog), secretFiles },
    question: {
      namespace: namespace || undefined,
      names: scaleSets,
      controllerNamespace: controllerNamespace || undefined,
      leaseName: leaderElectionId || undefined,
      timeoutMs,
      inPod,
      // The charts give these two to the controller's container alone.
      isController: inPod &&
        Boolean(env["CONTROLLER_MANAGER_POD_NAMESPACE"] && env["CONTROLLER_MANAGER_CONTAINER_IMAGE"]),
    },
  });
}
