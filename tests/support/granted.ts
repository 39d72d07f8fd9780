/** Which rights the program is given: by the charts as helm renders them, and to listeners by the controller. */
import assert from "node:assert/strict";
import { roleOf } from "../../src/controllers/autoscaling_listener/build.ts";
import { CONTROLLER_CHART, type Manifest, render, type Rendered, SET_CHART, SET_VALUES } from "./charts.ts";
import type { Rule } from "./rbac.ts";
import type { Mode, UsedRight, Where } from "./rights.ts";

/** One verb of one rule. */
export interface GrantedRight {
  /** The template of the role; of a listener's, `listener`. */
  readonly role: RoleName;
  readonly who: UsedRight["who"];
  /** API group, "" for the core. */
  readonly group: string;
  /** With its subresource. */
  readonly resource: string;
  readonly verb: string;
  readonly where: Where;
  /** The role is there in this mode only. */
  readonly mode?: Mode;
}

/** The roles, with where they hold. */
const ROLES = {
  manager_cluster_role: { who: "controller", where: "all", mode: "cluster" },
  manager_single_namespace_controller_role: { who: "controller", where: "own", mode: "single" },
  manager_single_namespace_watch_role: { who: "controller", where: "sets", mode: "single" },
  manager_listener_role: { who: "controller", where: "own" },
  leader_election_role: { who: "controller", where: "own" },
  controller_extra_role: { who: "controller", where: "own" },
  manager_role: { who: "controller", where: "sets" },
  set_extra_role: { who: "controller", where: "sets" },
  listener: { who: "listener", where: "sets" },
} as const satisfies Readonly<Record<string, Omit<GrantedRight, "role" | "group" | "resource" | "verb">>>;

export type RoleName = keyof typeof ROLES;

/** Those of the chart that are for the runners' own pods: hooks in them use these, not the program. */
const OF_RUNNERS = ["kube_mode_role"];

/** A right as text, for messages and lists. */
export function textOf({ role, verb, group, resource }: Omit<GrantedRight, "who" | "where">): string {
  return `${role}: ${verb} ${group === "" ? resource : `${group}/${resource}`}`;
}

/** Everything that is granted. @throws Error when a chart has a role that is not known here */
export function grantedRights(): GrantedRight[] {
  const wide = render(CONTROLLER_CHART, { values: { replicaCount: 2 } });
  const single = render(CONTROLLER_CHART, { values: { flags: { watchSingleNamespace: "arc-runners" } } });
  const set = render(SET_CHART, {
    values: {
      ...SET_VALUES,
      containerMode: { type: "kubernetes-novolume" },
      githubServerTLS: { certificateFrom: { configMapKeyRef: { name: "authority", key: "ca.crt" } } },
    },
  });
  const found = new Map<RoleName, readonly Rule[]>();
  for (const [chart, rendered] of [["controller", wide], ["controller", single], ["set", set]] as const) {
    for (const [name, rules] of rolesIn(rendered, chart)) found.set(name, rules);
  }
  const metadata = { name: "listener", namespace: "arc-systems" };
  found.set("listener", roleOf({ metadata }).rules as Rule[]);
  assert.deepEqual([...found.keys()].sort(), Object.keys(ROLES).sort(), "every role is rendered");
  return [...found].flatMap(([role, rules]) => rules.flatMap((rule) => rightsIn(role, rule)));
}

function rolesIn(rendered: Rendered, chart: string): [RoleName, readonly Rule[]][] {
  return [...rendered].flatMap(([file, [object]]) => {
    if (!["Role", "ClusterRole"].includes(object?.kind ?? "") || OF_RUNNERS.includes(file)) return [];
    const name = file === "manager_extra_role" ? `${chart}_extra_role` : file;
    if (!isRole(name)) throw new Error(`${file} of the ${chart} chart: no role of this name is known here`);
    assert.equal(object!.kind === "ClusterRole", ROLES[name].where === "all", `${file} is a ${object!.kind}`);
    return [[name, (object as Manifest & { rules: readonly Rule[] }).rules]];
  });
}

function isRole(name: string): name is RoleName {
  return Object.hasOwn(ROLES, name);
}

function rightsIn(role: RoleName, { apiGroups, resources, verbs }: Rule): GrantedRight[] {
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) => verbs.map((verb) => ({ role, group, resource, verb, ...ROLES[role] })))
  );
}
