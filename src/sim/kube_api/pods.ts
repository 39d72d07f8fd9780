/** What the API server knows of pods: defaults, refusals, and what may change. */
import { dnsLabelErrors } from "./meta.ts";
import { duplicate, type FieldError, forbiddenField, required, unsupported } from "./status.ts";
import { asArray, asObject, at, type Json, type Obj, same, textAt } from "./types.ts";

const UNREADY_TOLERATIONS = ["not-ready", "unreachable"].map((condition) => ({
  key: `node.kubernetes.io/${condition}`,
  operator: "Exists",
  effect: "NoExecute",
  tolerationSeconds: 300,
}));

/** A pod that is to be created, with what the server fills in. */
export function preparedPod(pod: Obj): Obj {
  const spec = defaultedSpec(asObject(pod.spec) ?? {});
  return { ...pod, spec, status: { phase: "Pending", qosClass: qosClass(spec) } };
}

function defaultedSpec(spec: Json): Json {
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

function defaultedContainer(container: Json): Json {
  const image = textAt(container, "image");
  const tag = /:([^/@:]+)$/.exec(image)?.[1];
  const latest = !image.includes("@") && (tag === undefined || tag === "latest");
  const ports = container.ports;
  return {
    ...container,
    ...(Array.isArray(ports) ? { ports: ports.map((port) => ({ protocol: "TCP", ...asObject(port) })) } : {}),
    resources: withRequests(asObject(container.resources) ?? {}),
    terminationMessagePath: container.terminationMessagePath ?? "/dev/termination-log",
    terminationMessagePolicy: container.terminationMessagePolicy ?? "File",
    imagePullPolicy: container.imagePullPolicy ?? (latest ? "Always" : "IfNotPresent"),
  };
}

function withRequests(resources: Json): Json {
  const limits = asObject(resources.limits);
  return limits ? { ...resources, requests: { ...limits, ...asObject(resources.requests) } } : resources;
}

/** Files of these volumes are readable by all unless said otherwise. */
const MODES = ["secret", "configMap", "downwardAPI", "projected"];

function defaultedVolumes(spec: Json): Json {
  if (!Array.isArray(spec.volumes)) return {};
  return {
    volumes: spec.volumes.map((item) => {
      const volume = asObject(item) ?? {};
      const source = MODES.find((name) => asObject(volume[name]) !== undefined);
      if (source !== undefined) {
        return { ...volume, [source]: { ...asObject(volume[source]), defaultMode: modeOf(volume[source]) } };
      }
      return Object.keys(volume).length === 1 ? { ...volume, emptyDir: {} } : volume;
    }),
  };
}

function modeOf(source: unknown): unknown {
  return at(source, "defaultMode") ?? 0o644;
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

/** What is wrong with a pod. */
export function podErrors(pod: Obj): FieldError[] {
  const errors: FieldError[] = [];
  const spec = asObject(pod.spec) ?? {};
  const containers = asArray(spec.containers);
  const volumes = new Set(asArray(spec.volumes).map((volume) => textAt(volume, "name")));
  const taken = new Set<string>();
  containerErrors("spec.containers", containers, volumes, taken, errors);
  containerErrors("spec.initContainers", asArray(spec.initContainers), volumes, taken, errors);
  if (containers.length === 0) errors.push(required("spec.containers"));
  asArray(spec.volumes).forEach((volume, index) => {
    const name = textAt(volume, "name");
    if (name === "") errors.push(required(`spec.volumes[${index}].name`));
    else errors.push(...dnsLabelErrors(`spec.volumes[${index}].name`, name));
  });
  const policies = ["Always", "OnFailure", "Never"];
  if (!policies.includes(textAt(spec, "restartPolicy"))) {
    errors.push(unsupported("spec.restartPolicy", spec.restartPolicy, policies));
  }
  return errors;
}

function containerErrors(
  path: string,
  containers: readonly unknown[],
  volumes: ReadonlySet<string>,
  taken: Set<string>,
  errors: FieldError[],
): void {
  containers.forEach((container, index) => {
    const field = `${path}[${index}]`;
    const name = textAt(container, "name");
    if (name === "") errors.push(required(`${field}.name`));
    else if (taken.has(name)) errors.push(duplicate(`${field}.name`, name));
    else errors.push(...dnsLabelErrors(`${field}.name`, name));
    taken.add(name);
    if (textAt(container, "image") === "") errors.push(required(`${field}.image`));
    asArray(at(container, "env")).forEach((variable, at) => {
      if (textAt(variable, "name") === "") errors.push(required(`${field}.env[${at}].name`));
    });
    asArray(at(container, "volumeMounts")).forEach((mount, at) => {
      const volume = textAt(mount, "name");
      if (volumes.has(volume)) return;
      const message = `Not found: ${JSON.stringify(volume)}`;
      errors.push({ field: `${field}.volumeMounts[${at}].name`, reason: "FieldValueNotFound", message });
    });
  });
}

const MAY_CHANGE =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`," +
  "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)," +
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/** What is wrong with a change of a pod: almost all of its spec is for ever. */
export function podUpdateErrors(before: Obj, after: Obj): FieldError[] {
  const old = asObject(before.spec) ?? {};
  const now = asObject(after.spec) ?? {};
  const errors: FieldError[] = [];
  if (asArray(old.containers).length !== asArray(now.containers).length) {
    return [forbiddenField("spec.containers", "pod updates may not add or remove containers")];
  }
  const kept = asArray(old.tolerations).every((item) => asArray(now.tolerations).some((other) => same(item, other)));
  if (!kept || !same(changeable(old), changeable(now))) errors.push(forbiddenField("spec", MAY_CHANGE));
  return errors;
}

/** The spec without what may change. */
function changeable(spec: Json): Json {
  const { activeDeadlineSeconds: _a, tolerations: _t, ...rest } = spec;
  const bare = (list: unknown) => asArray(list).map((item) => ({ ...asObject(item), image: "" }));
  return { ...rest, containers: bare(spec.containers), initContainers: bare(spec.initContainers) };
}

/** The grace that deletion gives a pod, in seconds: none to one that never started or is over. */
export function graceOf(pod: Obj, asked: number | undefined): number {
  if (textAt(pod, "spec", "nodeName") === "") return 0;
  if (["Succeeded", "Failed"].includes(textAt(pod, "status", "phase"))) return 0;
  const own = at(pod, "spec", "terminationGracePeriodSeconds");
  return Math.max(asked ?? (typeof own === "number" ? own : 30), 0);
}
