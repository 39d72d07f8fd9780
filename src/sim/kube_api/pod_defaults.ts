/** What the API server fills into pods. */
import { asArray, asObject, at, type Json, type Obj, same, textAt } from "./types.ts";

const UNREADY_TOLERATIONS = ["not-ready", "unreachable"].map((condition) => ({
  key: `node.kubernetes.io/${condition}`,
  operator: "Exists",
  effect: "NoExecute",
  tolerationSeconds: 300,
}));
/** Fields that are left out when they say no. */
const FLAGS = ["hostNetwork", "hostPID", "hostIPC"];

/** A pod that is to be created, with what the server fills in. */
export function preparedPod(pod: Obj): Obj {
  const spec = defaultedSpec(asObject(pod.spec) ?? {});
  return { ...pod, spec, status: { phase: "Pending", qosClass: qosClass(spec) } };
}

function defaultedSpec(given: Json): Json {
  const spec: Record<string, unknown> = { ...given };
  for (const name of FLAGS) if (spec[name] === false) delete spec[name];
  if (spec.restartPolicy === "") delete spec.restartPolicy;
  const hasPriority = typeof spec.priority === "number";
  return {
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    securityContext: {},
    schedulerName: "default-scheduler",
    enableServiceLinks: true,
    preemptionPolicy: "PreemptLowerPriority",
    ...(hasPriority ? {} : { priority: 0 }),
    ...spec,
    ...(spec.serviceAccountName ? { serviceAccount: spec.serviceAccountName } : {}),
    tolerations: withDefaultTolerations(asArray(spec.tolerations)),
    ...defaultedContainers(spec, "containers"),
    ...defaultedContainers(spec, "initContainers"),
    ...defaultedVolumes(spec),
  };
}

function withDefaultTolerations(given: readonly unknown[]): readonly unknown[] {
  const tolerated = (key: string) =>
    given.some((item) => {
      const own = textAt(item, "key");
      const effect = textAt(item, "effect");
      return (own === key || own === "") && (effect === "" || effect === "NoExecute");
    });
  return [...given, ...UNREADY_TOLERATIONS.filter(({ key }) => !tolerated(key))];
}

function defaultedContainers(spec: Json, field: string): Json {
  const list = spec[field];
  if (!Array.isArray(list)) return {};
  return { [field]: list.map((item) => defaultedContainer(asObject(item) ?? {})) };
}

const PROBES = ["livenessProbe", "readinessProbe", "startupProbe"];

function defaultedContainer(container: Json): Json {
  const image = textAt(container, "image");
  const tag = /:([^/@:]+)$/.exec(image)?.[1];
  const latest = !image.includes("@") && (tag === undefined || tag === "latest");
  const { ports, env } = container;
  const probes = PROBES.filter((name) => asObject(container[name])).map((
    name,
  ) => [name, defaultedProbe(container[name])]);
  return {
    ...container,
    ...(Array.isArray(ports) ? { ports: ports.map((port) => ({ protocol: "TCP", ...asObject(port) })) } : {}),
    ...(Array.isArray(env) ? { env: env.map(defaultedVariable) } : {}),
    ...Object.fromEntries(probes),
    resources: withRequests(asObject(container.resources) ?? {}),
    terminationMessagePath: container.terminationMessagePath ?? "/dev/termination-log",
    terminationMessagePolicy: container.terminationMessagePolicy ?? "File",
    imagePullPolicy: container.imagePullPolicy ?? (latest ? "Always" : "IfNotPresent"),
  };
}

function defaultedVariable(variable: unknown): unknown {
  const { value, ...rest } = asObject(variable) ?? {};
  const from = asObject(rest.valueFrom);
  const field = asObject(from?.fieldRef);
  if (field) return { ...rest, valueFrom: { ...from, fieldRef: { apiVersion: "v1", ...field } } };
  return value === undefined || value === "" ? rest : variable;
}

function defaultedProbe(probe: unknown): Json {
  const given = asObject(probe) ?? {};
  const http = asObject(given.httpGet);
  const numbers = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
  return { ...numbers, ...given, ...(http ? { httpGet: { scheme: "HTTP", ...http } } : {}) };
}

function withRequests(resources: Json): Json {
  const limits = asObject(resources.limits);
  return limits ? { ...resources, requests: { ...limits, ...asObject(resources.requests) } } : resources;
}

/** Files of these volumes are readable by all unless said otherwise. */
const MODES = ["secret", "configMap", "downwardAPI", "projected"];

function defaultedVolumes(spec: Json): Json {
  if (!Array.isArray(spec.volumes)) return {};
  return { volumes: spec.volumes.map((item) => defaultedVolume(asObject(item) ?? {})) };
}

function defaultedVolume(volume: Json): Json {
  const name = MODES.find((field) => asObject(volume[field]) !== undefined);
  if (name !== undefined) return { ...volume, [name]: { defaultMode: 0o644, ...asObject(volume[name]) } };
  const hostPath = asObject(volume.hostPath);
  if (hostPath) return { ...volume, hostPath: { type: "", ...hostPath } };
  return Object.keys(volume).length === 1 ? { ...volume, emptyDir: {} } : volume;
}

function qosClass(spec: Json): string {
  const all = [...asArray(spec.containers), ...asArray(spec.initContainers)];
  const resources = all.map((container) => ({
    limits: asObject(at(container, "resources", "limits")) ?? {},
    requests: asObject(at(container, "resources", "requests")) ?? {},
  }));
  const named = ["cpu", "memory"];
  if (resources.every(({ limits, requests }) => named.every((name) => !(name in limits) && !(name in requests)))) {
    return "BestEffort";
  }
  const full = resources.every(({ limits, requests }) =>
    named.every((name) => name in limits && same(limits[name], requests[name]))
  );
  return full ? "Guaranteed" : "Burstable";
}

/** A pod's status with the fields that are always written; its class of service stays as it was. */
export function preparedPodStatus(before: Obj, pod: Obj): Obj {
  const qosClass = at(before, "status", "qosClass");
  const status = { ...asObject(pod.status), ...(qosClass === undefined ? {} : { qosClass }) };
  const { conditions, containerStatuses, initContainerStatuses }: Json = status;
  const withStates = (list: unknown) => asArray(list).map((item) => ({ state: {}, lastState: {}, ...asObject(item) }));
  return {
    ...pod,
    status: {
      ...status,
      ...(conditions === undefined ? {} : {
        conditions: asArray(conditions).map((item) => ({
          lastProbeTime: null,
          lastTransitionTime: null,
          ...asObject(item),
        })),
      }),
      ...(containerStatuses === undefined ? {} : { containerStatuses: withStates(containerStatuses) }),
      ...(initContainerStatuses === undefined ? {} : { initContainerStatuses: withStates(initContainerStatuses) }),
    },
  };
}
