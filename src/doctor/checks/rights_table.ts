/** The rights that a controller needs: those that its chart and the charts of its scale sets give it. Pure. */
import { GROUP } from "../../api/kinds.ts";

/** Where a right must hold, and how badly it is needed. */
export type RightScope =
  /** In all namespaces, or in the one that is watched. */
  | "watched"
  /** In the controller's namespace, for listener pods. */
  | "own"
  /** There, with a Lease. */
  | "leader"
  /** In each namespace of scale sets. */
  | "scale-sets"
  /** There, where a scale set has githubServerTLS. */
  | "certificates"
  /** In each namespace of scale sets; without it something is left out, and all else works. */
  | "extra";

export interface Right {
  readonly scope: RightScope;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verb: string;
}

const RBAC = "rbac.authorization.k8s.io";
const ALL = "create delete get list patch update watch";
const KINDS = ["autoscalingrunnersets", "autoscalinglisteners", "ephemeralrunnersets", "ephemeralrunners"] as const;

/** The rights of a scope; resources as `resource` or `resource/subresource`, verbs in one text. */
function rights(scope: RightScope, group: string, table: Readonly<Record<string, string>>): Right[] {
  return Object.entries(table).flatMap(([name, verbs]) => {
    const [resource = "", subresource] = name.split("/");
    return verbs.split(" ").map((verb): Right => ({
      scope,
      group,
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      verb,
    }));
  });
}

export const NEEDED_RIGHTS: readonly Right[] = [
  ...KINDS.flatMap((plural) =>
    rights("watched", GROUP, {
      [plural]: ALL,
      [`${plural}/status`]: "get patch update",
      [`${plural}/finalizers`]: "patch update",
    })
  ),
  ...rights("watched", "", { pods: "list watch", serviceaccounts: "list watch" }),
  ...rights("watched", RBAC, { rolebindings: "list watch", roles: "list watch patch" }),
  ...rights("own", "", {
    pods: "create delete get",
    "pods/status": "get",
    secrets: "create delete get patch update",
    serviceaccounts: "create delete get patch update",
  }),
  ...rights("leader", "coordination.k8s.io", { leases: "get watch list delete update create" }),
  ...rights("scale-sets", "", {
    pods: "create delete get",
    "pods/status": "get",
    secrets: "create delete get list patch update",
    serviceaccounts: "create delete get list patch update",
  }),
  ...rights("scale-sets", RBAC, {
    rolebindings: "create delete get patch update",
    roles: "create delete get patch update",
  }),
  ...rights("certificates", "", { configmaps: "get" }),
  ...rights("extra", "", { pods: "patch", events: "create patch" }),
  ...rights("extra", "policy", { poddisruptionbudgets: "create delete get patch" }),
];

/** `patch pods/status`, for people. */
export function rightText({ verb, resource, subresource, group }: Right): string {
  return `${verb} ${resource}${group && group !== GROUP ? `.${group}` : ""}${subresource ? `/${subresource}` : ""}`;
}
