/** What the API server refuses of pods, and what of them may change. */
import { dnsLabelErrors } from "./meta.ts";
import { duplicate, type FieldError, forbiddenField, invalidValue, required, unsupported } from "./status.ts";
import { asArray, asObject, at, type Json, type Obj, same, textAt } from "./types.ts";

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
  const named = new Set<string>();
  asArray(spec.volumes).forEach((volume, index) => {
    const name = textAt(volume, "name");
    const field = `spec.volumes[${index}].name`;
    if (name === "") errors.push(required(field));
    else if (named.has(name)) errors.push(duplicate(field, name));
    else errors.push(...dnsLabelErrors(field, name));
    named.add(name);
  });
  errors.push(...numberErrors("spec.activeDeadlineSeconds", spec.activeDeadlineSeconds, 1, 2 ** 31 - 1));
  const hostname = textAt(spec, "hostname");
  if (hostname !== "") errors.push(...dnsLabelErrors("spec.hostname", hostname));
  const policies = ["Always", "OnFailure", "Never"];
  if (!policies.includes(textAt(spec, "restartPolicy"))) {
    errors.push(unsupported("spec.restartPolicy", spec.restartPolicy, policies));
  }
  return errors;
}

function numberErrors(field: string, value: unknown, low: number, high: number): FieldError[] {
  if (typeof value !== "number" || (value >= low && value <= high)) return [];
  return [invalidValue(field, value, `must be between ${low} and ${high}, inclusive`)];
}

const PULL_POLICIES = ["Always", "IfNotPresent", "Never"];

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
    const policy = textAt(container, "imagePullPolicy");
    if (!PULL_POLICIES.includes(policy)) errors.push(unsupported(`${field}.imagePullPolicy`, policy, PULL_POLICIES));
    asArray(at(container, "ports")).forEach((port, index) => {
      errors.push(...numberErrors(`${field}.ports[${index}].containerPort`, at(port, "containerPort"), 1, 65535));
    });
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
