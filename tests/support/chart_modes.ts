/** What the container modes put into a runner's pod, as plain data. */
export const IMAGE = "ghcr.io/actions/actions-runner:latest";
export const COMMAND = ["/home/runner/run.sh"];

export const WORK = { name: "work", mountPath: "/home/runner/_work" };
export const DIND_ENV = [
  { name: "DOCKER_HOST", value: "unix:///var/run/docker.sock" },
  { name: "RUNNER_WAIT_FOR_DOCKER_IN_SECONDS", value: "120" },
];
export const DIND_MOUNTS = [WORK, { name: "dind-sock", mountPath: "/var/run" }];
export const COPIER = {
  name: "init-dind-externals",
  image: IMAGE,
  command: ["cp"],
  args: ["-r", "/home/runner/externals/.", "/home/runner/tmpDir/"],
  volumeMounts: [{ name: "dind-externals", mountPath: "/home/runner/tmpDir" }],
};
export const DIND = {
  name: "dind",
  image: "docker:dind",
  args: ["dockerd", "--host=unix:///var/run/docker.sock", "--group=$(DOCKER_GROUP_GID)"],
  env: [{ name: "DOCKER_GROUP_GID", value: "123" }],
  securityContext: { privileged: true },
  volumeMounts: [WORK, { name: "dind-sock", mountPath: "/var/run" }, {
    name: "dind-externals",
    mountPath: "/home/runner/externals",
  }],
};
export const NATIVE = {
  ...DIND,
  restartPolicy: "Always",
  startupProbe: {
    exec: { command: ["docker", "info"] },
    initialDelaySeconds: 0,
    periodSeconds: 5,
    failureThreshold: 24,
  },
};
export const EMPTY = (...names: string[]) => names.map((name) => ({ name, emptyDir: {} }));
export const DIND_VOLUMES = EMPTY("dind-sock", "dind-externals", "work");
export const hooks = (file: string) => [
  { name: "ACTIONS_RUNNER_CONTAINER_HOOKS", value: file },
  { name: "ACTIONS_RUNNER_POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
  { name: "ACTIONS_RUNNER_REQUIRE_JOB_CONTAINER", value: "true" },
];
export const HOOKS = hooks("/home/runner/k8s/index.js");
export const NOVOLUME = [
  ...hooks("/home/runner/k8s-novolume/index.js"),
  { name: "ACTIONS_RUNNER_IMAGE", value: IMAGE },
];
export const claim = (of: Record<string, unknown>) => ({
  name: "work",
  ephemeral: { volumeClaimTemplate: { spec: of } },
});
export const DEFAULT_CLAIM = claim({ accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } });
