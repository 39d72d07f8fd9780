/** How the processes of a test's control plane are started. */
import { join } from "node:path";

export type ControlPlaneProcess = "etcd" | "kube-apiserver" | "kube-controller-manager";

export interface ControlPlaneOptions {
  /** Garbage collection, namespaces' ends, default service accounts, quotas. Off by default. */
  readonly controllerManager?: boolean;
  /** Writes each request to the audit log, JSON lines of level Metadata. Off by default. */
  readonly audit?: boolean;
  /** The ServiceAccount admission plugin: pods get their account and its token volume. Off by default. */
  readonly serviceAccountAdmission?: boolean;
  /** How long each process may take to be ready, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number;
  /** More flags for kube-apiserver. */
  readonly apiServerFlags?: readonly string[];
}

/** Where the processes find their files and each other. */
export interface Layout {
  readonly directory: string;
  readonly etcdUrl: string;
  readonly peerUrl: string;
  readonly apiPort: number;
}

const CONTROLLERS = [
  "garbage-collector-controller",
  "namespace-controller",
  "resourcequota-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
  "root-ca-certificate-publisher-controller",
  "clusterrole-aggregation-controller",
  "disruption-controller",
];

/** The command line of one process. */
export function flagsOf(which: ControlPlaneProcess, layout: Layout, options: ControlPlaneOptions): string[] {
  if (which === "etcd") return etcdFlags(layout);
  return which === "kube-apiserver" ? apiServerFlags(layout, options) : managerFlags(layout);
}

function etcdFlags({ directory, etcdUrl, peerUrl }: Layout): string[] {
  return [
    `--data-dir=${join(directory, "etcd")}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
  ];
}

function apiServerFlags({ directory, etcdUrl, apiPort }: Layout, options: ControlPlaneOptions): string[] {
  const flags = [
    `--etcd-servers=${etcdUrl}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${apiPort}`,
    "--endpoint-reconciler-type=none",
    `--cert-dir=${join(directory, "certs")}`, // it makes its own authority and certificate there
    `--token-auth-file=${join(directory, "tokens.csv")}`,
    `--service-account-key-file=${join(directory, "sa.pub")}`,
    `--service-account-signing-key-file=${join(directory, "sa.key")}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    "--authorization-mode=RBAC",
    "--service-cluster-ip-range=10.96.0.0/16",
    "--allow-privileged=true",
    "--profiling=false",
    ...(options.apiServerFlags ?? []),
  ];
  if (!options.serviceAccountAdmission) flags.push("--disable-admission-plugins=ServiceAccount");
  if (options.audit) {
    flags.push(`--audit-policy-file=${join(directory, "audit-policy.json")}`);
    flags.push(`--audit-log-path=${join(directory, "audit.log")}`, "--audit-log-format=json");
    flags.push("--audit-log-mode=blocking", "--audit-log-maxsize=1024");
  }
  return flags;
}

function managerFlags({ directory }: Layout): string[] {
  return [
    `--kubeconfig=${join(directory, "manager.kubeconfig")}`,
    "--leader-elect=false",
    "--secure-port=0",
    `--controllers=${CONTROLLERS.join(",")}`,
    "--use-service-account-credentials=true",
    `--service-account-private-key-file=${join(directory, "sa.key")}`,
    `--root-ca-file=${join(directory, "certs/apiserver.crt")}`,
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
    "--concurrent-gc-syncs=20",
    "--concurrent-namespace-syncs=20",
    "--resource-quota-sync-period=10s",
    "--profiling=false",
  ];
}
