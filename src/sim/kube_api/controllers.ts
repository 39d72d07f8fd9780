/** The cluster's own controllers: namespaces end, default accounts come, CRDs are served, quotas and budgets are counted. */
import { rfc3339 } from "../../lib/clock.ts";
import { remove } from "./deletes.ts";
import { BUDGET_DELAY_MS, countBudgets } from "./disruption.ts";
import { BUDGETS, CRDS, kindOfCrd, NAMESPACES, PODS, QUOTAS, SERVICE_ACCOUNTS } from "./kinds.ts";
import { newMeta } from "./meta.ts";
import { quotaStatus } from "./quota.ts";
import type { Entry, StoredChange } from "./storage.ts";
import { keyOfEntry } from "./storage.ts";
import { asObject, type Kind, type Obj } from "./types.ts";
import type { World } from "./world.ts";
import { isDone } from "./writes.ts";

/** How often a namespace that is going is looked at again while something holds its content. */
const NAMESPACE_RETRY_MS = 1_000;
/** How late a quota's status follows the objects. */
const QUOTA_DELAY_MS = 100;

export interface ControllerDelays {
  /** From the deletion of a namespace to the deletion of its content. */
  readonly namespaceMs: number;
}

type After = (ms: number, action: () => void) => void;

/** Reacts to changes, later, on the clock. */
export class Controllers {
  readonly #world: World;
  readonly #delays: ControllerDelays;
  readonly #after: After;
  readonly #ending = new Set<string>();
  #countingQuotas = false;
  #countingBudgets = false;

  constructor(world: World, delays: ControllerDelays, after: After) {
    this.#world = world;
    this.#delays = delays;
    this.#after = after;
  }

  /** To be called after every change of the storage. */
  changed(change: StoredChange): void {
    if (change.kind === NAMESPACES) this.#namespaceChanged(change);
    else if (change.kind === CRDS) this.#crdChanged(change);
    this.#countQuotas();
    if (change.kind === PODS || change.kind === BUDGETS) this.#countBudgets();
  }

  #namespaceChanged({ key, before, after }: StoredChange): void {
    if (!after) return;
    if (!before) this.#after(0, () => this.#defaultAccount(key));
    if (after.object.metadata.deletionTimestamp === undefined || this.#ending.has(key)) return;
    this.#ending.add(key);
    this.#after(this.#delays.namespaceMs, () => this.#endNamespace(key));
  }

  #defaultAccount(namespace: string): void {
    const { storage, random, clock } = this.#world;
    const state = storage.table(NAMESPACES).get(namespace)?.object.metadata;
    const key = `${namespace}/default`;
    if (!state || state.deletionTimestamp !== undefined || storage.table(SERVICE_ACCOUNTS).get(key)) return;
    const metadata = newMeta(SERVICE_ACCOUNTS, namespace, { name: "default" }, random, clock.now());
    storage.put(SERVICE_ACCOUNTS, { kind: "ServiceAccount", apiVersion: "v1", metadata });
  }

  #endNamespace(name: string): void {
    const { storage } = this.#world;
    const entry = storage.table(NAMESPACES).get(name);
    if (!entry) {
      this.#ending.delete(name);
      return;
    }
    let left = 0;
    for (const table of [...storage.tables()]) {
      if (table.kind.namespaced) left += this.#deleteAll(table.kind, table.entries(`${name}/`));
    }
    if (left > 0) return this.#after(NAMESPACE_RETRY_MS, () => this.#endNamespace(name));
    this.#ending.delete(name);
    const after: Obj = { ...entry.object, spec: { ...asObject(entry.object.spec), finalizers: [] } };
    if (isDone(after)) storage.remove(NAMESPACES, entry, after);
    else storage.put(NAMESPACES, after);
  }

  /** How many stay for now. */
  #deleteAll(kind: Kind, entries: readonly Entry[]): number {
    let left = 0;
    for (const { object } of entries) {
      const { namespace = "", name, uid } = object.metadata;
      const { gone } = remove(this.#world, { kind, namespace, name }, {
        uid,
        propagation: "Background",
        dryRun: false,
      });
      if (!gone) left++;
    }
    return left;
  }

  #crdChanged({ before, after, last }: StoredChange): void {
    const { registry, storage } = this.#world;
    const served = before ? kindOfCrd(before.object) : undefined;
    if (served) registry.remove(served);
    const kind = kindOfCrd(last.object);
    if (!kind) return;
    if (!after) return storage.drop(kind);
    registry.add(kind);
    storage.table(kind);
    if (after.object.metadata.deletionTimestamp !== undefined) this.#after(0, () => this.#endCrd(after, kind));
    else if (after.object.status === undefined) this.#establish(after, kind);
  }

  #establish(crd: Entry, kind: Kind): void {
    const { storage, clock } = this.#world;
    const now = rfc3339(clock.now());
    const condition = (type: string, reason: string, message: string) => ({
      type,
      status: "True",
      lastTransitionTime: now,
      reason,
      message,
    });
    const names = {
      plural: kind.plural,
      singular: kind.singular,
      ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
      kind: kind.kind,
      listKind: kind.listKind,
      ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    };
    const status = {
      conditions: [
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
      ],
      acceptedNames: names,
      storedVersions: [kind.version],
    };
    const finalizers = ["customresourcecleanup.apiextensions.k8s.io"];
    storage.put(CRDS, { ...crd.object, metadata: { ...crd.object.metadata, finalizers }, status });
  }

  #endCrd(crd: Entry, kind: Kind): void {
    const { storage } = this.#world;
    const current = storage.table(CRDS).get(keyOfEntry(CRDS, crd));
    if (!current) return;
    const left = this.#deleteAll(kind, storage.table(kind).entries());
    if (left > 0) return this.#after(NAMESPACE_RETRY_MS, () => this.#endCrd(current, kind));
    const { finalizers: _, ...metadata } = current.object.metadata;
    storage.remove(CRDS, current, { ...current.object, metadata });
  }

  #countBudgets(): void {
    if (this.#countingBudgets || this.#world.storage.table(BUDGETS).size === 0) return;
    this.#countingBudgets = true;
    this.#after(BUDGET_DELAY_MS, () => {
      this.#countingBudgets = false;
      countBudgets(this.#world);
    });
  }

  #countQuotas(): void {
    const { storage, registry } = this.#world;
    if (this.#countingQuotas || storage.table(QUOTAS).size === 0) return;
    this.#countingQuotas = true;
    this.#after(QUOTA_DELAY_MS, () => {
      this.#countingQuotas = false;
      for (const { object } of storage.table(QUOTAS).entries()) {
        const status = quotaStatus(storage, registry.all(), object);
        if (status) storage.put(QUOTAS, { ...object, status });
      }
    });
  }
}
