import { Buffer } from "node:buffer";
import { CONFIG_MAPS, type ConfigMap, type Pod, type Secret, SECRETS } from "../../k8s/resource.ts";
import { type KubeletApi, KubeletApiError } from "./api.ts";

type Container = NonNullable<Pod["spec"]>["containers"][number];

/** A secret or config map that a container needs is not there, or lacks a key. */
export class ContainerConfigError extends Error {
  override readonly name = "ContainerConfigError";
}

/** The environment of a container, its references resolved: secretKeyRef, configMapKeyRef, fieldRef, envFrom. */
export async function environmentOf(api: KubeletApi, pod: Pod, container: Container): Promise<Record<string, string>> {
  const namespace = pod.metadata?.namespace ?? "";
  const env: Record<string, string> = {};
  for (const source of container.envFrom ?? []) {
    const data = source.secretRef
      ? await secretData(api, namespace, source.secretRef.name, source.secretRef.optional)
      : await configData(api, namespace, source.configMapRef?.name, source.configMapRef?.optional);
    for (const [key, value] of Object.entries(data ?? {})) env[`${source.prefix ?? ""}${key}`] = value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (!valueFrom) env[name] = value ?? "";
    else if (valueFrom.fieldRef) env[name] = podField(pod, valueFrom.fieldRef.fieldPath);
    else {
      const ref = valueFrom.secretKeyRef ?? valueFrom.configMapKeyRef;
      const read = valueFrom.secretKeyRef ? secretData : configData;
      const found = (await read(api, namespace, ref?.name, ref?.optional))?.[ref?.key ?? ""];
      if (found !== undefined) env[name] = found;
      else if (!ref?.optional) {
        throw new ContainerConfigError(`couldn't find key ${ref?.key} in ${namespace}/${ref?.name}`);
      }
    }
  }
  return env;
}

/** The files that a container's secret and config map volumes give it, by absolute path. */
export async function filesOf(api: KubeletApi, pod: Pod, container: Container): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const namespace = pod.metadata?.namespace ?? "";
  for (const mount of container.volumeMounts ?? []) {
    const volume = pod.spec?.volumes?.find((candidate) => candidate.name === mount.name);
    const { secret, configMap } = volume ?? {};
    if (!secret && !configMap) continue;
    const data = secret
      ? await secretData(api, namespace, secret.secretName, secret.optional)
      : await configData(api, namespace, configMap?.name, configMap?.optional);
    const items = (secret ?? configMap)?.items ?? Object.keys(data ?? {}).map((key) => ({ key, path: key }));
    for (const { key, path } of items) {
      const value = data?.[key];
      if (value !== undefined) files.set(`${mount.mountPath.replace(/\/$/, "")}/${path}`, value);
    }
  }
  return files;
}

async function secretData(
  api: KubeletApi,
  namespace: string,
  name: string | undefined,
  optional: boolean | undefined,
): Promise<Record<string, string> | undefined> {
  const secret = await found(() => api.get<Secret>(SECRETS, namespace, name ?? ""), `secret "${name}"`, optional);
  const entries = Object.entries(secret?.data ?? {});
  return secret &&
    Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]));
}

async function configData(
  api: KubeletApi,
  namespace: string,
  name: string | undefined,
  optional: boolean | undefined,
): Promise<Record<string, string> | undefined> {
  const map = await found(
    () => api.get<ConfigMap>(CONFIG_MAPS, namespace, name ?? ""),
    `configmap "${name}"`,
    optional,
  );
  return map?.data ?? (map && {});
}

async function found<T>(get: () => Promise<T>, what: string, optional: boolean | undefined): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if (!(error instanceof KubeletApiError) || error.status !== 404) throw error;
    if (optional) return undefined;
    throw new ContainerConfigError(`${what} not found`);
  }
}

function podField(pod: Pod, path: string): string {
  const fields: Record<string, string | undefined> = {
    "metadata.name": pod.metadata?.name,
    "metadata.namespace": pod.metadata?.namespace,
    "metadata.uid": pod.metadata?.uid,
    "spec.nodeName": pod.spec?.nodeName,
    "spec.serviceAccountName": pod.spec?.serviceAccountName,
    "status.podIP": "10.1.0.1",
    "status.hostIP": "10.0.0.1",
  };
  return fields[path] ?? "";
}
