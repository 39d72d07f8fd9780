/** Resource quotas: counts of objects. Quotas of cpu, memory and storage are stored but limit nothing. */
import { QUOTAS } from "./kinds.ts";
import { forbidden } from "./status.ts";
import type { Storage } from "./storage.ts";
import { asObject, at, type Json, type Kind, type Obj, resourceName, same, textAt } from "./types.ts";

/** The names under which a quota may limit a kind. */
function quotaNames(kind: Kind): string[] {
  const counted = `count/${resourceName(kind)}`;
  const plain = ["pods", "secrets", "configmaps", "resourcequotas"];
  return kind.group === "" && plain.includes(kind.plural) ? [kind.plural, counted] : [counted];
}

function used(storage: Storage, kind: Kind, namespace: string, name: string): number {
  const entries = storage.table(kind).entries(`${namespace}/`);
  if (name !== "pods") return entries.length;
  // only pods that are not over count
  return entries.filter(({ object }) => !["Succeeded", "Failed"].includes(textAt(object, "status", "phase"))).length;
}

/** @throws StatusError 403 when one more object of the kind is one too many */
export function refuseOverQuota(storage: Storage, kind: Kind, object: Obj): void {
  const namespace = object.metadata.namespace;
  if (namespace === undefined || storage.table(QUOTAS).size === 0) return;
  for (const { object: quota } of storage.table(QUOTAS).entries(`${namespace}/`)) {
    const hard = asObject(at(quota, "spec", "hard")) ?? {};
    for (const name of quotaNames(kind)) {
      if (hard[name] === undefined) continue;
      const count = used(storage, kind, namespace, name);
      if (count + 1 <= Number(hard[name])) continue;
      const why = `exceeded quota: ${quota.metadata.name}, requested: ${name}=1, used: ${name}=${count}, ` +
        `limited: ${name}=${String(hard[name])}`;
      throw forbidden(kind, object.metadata.name, why);
    }
  }
}

/** A quota's status as it should be now, or undefined when it is so already. */
export function quotaStatus(storage: Storage, kinds: readonly Kind[], quota: Obj): Json | undefined {
  const hard = asObject(at(quota, "spec", "hard")) ?? {};
  const counts: Record<string, string> = {};
  for (const kind of kinds) {
    for (const name of quotaNames(kind)) {
      if (hard[name] === undefined || !kind.namespaced) continue;
      counts[name] = String(used(storage, kind, quota.metadata.namespace ?? "", name));
    }
  }
  const status = { hard, used: counts };
  return same(asObject(quota.status), status) ? undefined : status;
}
