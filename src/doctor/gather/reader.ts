/** Reads of the cluster whose failure is a fact, too. Nothing is ever written: reviews of access store nothing. */
import type { KubeClient, Selection } from "../../k8s/client.ts";
import { KubeError } from "../../k8s/errors.ts";
import type { KubeObject, ObjectRef, Resource, Stored } from "../../k8s/resource.ts";
import { messageOf } from "../../lib/errors.ts";
import { known, type Seen, unknown } from "../checks/finding.ts";
import { ACCESS, type ResourceAttributes, SELF, SELF_ACCESS } from "../kinds.ts";

const PAGE = 500;

/** The API server, for one who only looks. */
export class Reader {
  readonly #kube: KubeClient;
  readonly #signal: AbortSignal;

  constructor(kube: KubeClient, signal: AbortSignal) {
    this.#kube = kube;
    this.#signal = signal;
  }

  /** Undefined: there is none. */
  async get<T extends KubeObject>(kind: Resource<T>, ref: ObjectRef): Promise<Seen<Stored<T> | undefined>> {
    try {
      return known(await this.#kube.get(kind, ref, { signal: this.#signal }));
    } catch (error) {
      if (KubeError.is(error, "NotFound")) return known(undefined);
      return this.#why(error, "get", kind, ref.namespace);
    }
  }

  /** All pages. */
  async list<T extends KubeObject>(kind: Resource<T>, selection: Selection = {}): Promise<Seen<readonly Stored<T>[]>> {
    try {
      const items: Stored<T>[] = [];
      let next: string | undefined;
      do {
        const page = await this.#kube.list(kind, { ...selection, limit: PAGE, continue: next, signal: this.#signal });
        items.push(...page.items);
        next = page.continue;
      } while (next !== undefined);
      return known(items);
    } catch (error) {
      // A kind that is not served has no objects: that it is not is another check's matter.
      if (KubeError.is(error, "NotFound")) return known([]);
      return this.#why(error, "list", kind, selection.namespace);
    }
  }

  /** Whether discovery names a resource. */
  async serves(kind: Resource): Promise<Seen<boolean>> {
    try {
      const path = `/apis/${kind.group}/${kind.version}`;
      const answer = await this.#kube.raw(path, { signal: this.#signal }) as { resources?: { name?: string }[] };
      return known(answer.resources?.some(({ name }) => name === kind.plural) ?? false);
    } catch (error) {
      if (KubeError.is(error, "NotFound")) return known(false);
      return this.#why(error, "get", kind, undefined);
    }
  }

  /** Whether somebody may do something: we ourselves, or the service account that `of` names. */
  async may(
    attributes: ResourceAttributes,
    of?: { readonly namespace: string; readonly name: string },
  ): Promise<Seen<boolean>> {
    const kind = of ? ACCESS : SELF_ACCESS;
    const whose = of
      ? {
        user: `system:serviceaccount:${of.namespace}:${of.name}`,
        groups: ["system:serviceaccounts", `system:serviceaccounts:${of.namespace}`, "system:authenticated"],
      }
      : {};
    try {
      const review = { spec: { resourceAttributes: attributes, ...whose } };
      const { status } = await this.#kube.create(kind, review, { signal: this.#signal });
      return known(status?.allowed === true);
    } catch (error) {
      return this.#why(error, "create", kind, undefined);
    }
  }

  /** The user that the API server takes us for; undefined where it does not say (before Kubernetes 1.28). */
  async self(): Promise<string | undefined> {
    try {
      const { status } = await this.#kube.create(SELF, {}, { signal: this.#signal });
      return status?.userInfo?.username;
    } catch (error) {
      if (KubeError.is(error)) return undefined;
      throw error;
    }
  }

  #why(error: unknown, verb: string, { plural }: Resource, namespace: string | undefined) {
    this.#signal.throwIfAborted();
    if (KubeError.is(error, "Forbidden")) {
      return unknown(
        `no right to ${verb} ${plural} ${namespace === undefined ? "in all namespaces" : `in namespace ${namespace}`}`,
      );
    }
    return unknown(`${verb} ${plural}: ${messageOf(error)}`);
  }
}
