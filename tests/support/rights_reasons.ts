/** Why roles have rights that no test of a cluster uses, or uses so widely. */

/** Rights of one kind that have one reason. */
export interface Reason {
  /** Names of roles, with spaces between. */
  readonly roles: string;
  /** Verbs by resource: `group/resource`, of the core `resource`. */
  readonly rules: Readonly<Record<string, string>>;
  /** One sentence. */
  readonly because: string;
  /** Some runs of the tests use it and some don't, for it depends on which of two comes first. */
  readonly byChance?: boolean;
}

const SETS = "actions.github.com/autoscalingrunnersets";
const LISTENERS = "actions.github.com/autoscalinglisteners";
const RUNNER_SETS = "actions.github.com/ephemeralrunnersets";
const RUNNERS = "actions.github.com/ephemeralrunners";
const ROLES = "rbac.authorization.k8s.io/roles";
const BINDINGS = "rbac.authorization.k8s.io/rolebindings";
const LEASES = "coordination.k8s.io/leases";

/**
 * The roles of the two charts have rule by rule what those of the original's charts have: tools compare them, and on the
 * way back its controller runs with the roles that stand there. So most reasons say what the original does with a right.
 */
export const REASONS: readonly Reason[] = [
  {
    roles: "manager_cluster_role manager_single_namespace_watch_role",
    rules: {
      [SETS]: "create delete get update",
      [`${SETS}/status`]: "get update",
      [RUNNER_SETS]: "get update",
      [`${RUNNER_SETS}/status`]: "get update",
      [RUNNERS]: "get update",
      [`${RUNNERS}/status`]: "get update",
    },
    because: "The original's role has them: its controller updates whole objects, where ours watches and patches.",
  },
  {
    roles: "manager_cluster_role manager_single_namespace_watch_role",
    rules: {
      [`${SETS}/finalizers`]: "patch update",
      [`${RUNNER_SETS}/finalizers`]: "patch update",
      [`${RUNNERS}/finalizers`]: "patch update",
    },
    because:
      "The original's role has them, and clusters that check who may block a deletion ask for update on finalizers before an object gets an owner.",
  },
  {
    roles: "manager_cluster_role manager_single_namespace_controller_role",
    rules: {
      [LISTENERS]: "get update",
      [`${LISTENERS}/status`]: "get update",
      [`${LISTENERS}/finalizers`]: "patch update",
    },
    because: "The original's role has them: its controller updates listeners and their finalizers as whole objects.",
  },
  {
    roles: "manager_cluster_role",
    rules: { [LISTENERS]: "create delete list patch watch", [`${LISTENERS}/status`]: "patch" },
    because:
      "The original's role has them in all namespaces, though listeners are in the controller's own alone, and its controller watches them everywhere.",
  },
  {
    roles: "manager_cluster_role manager_single_namespace_watch_role manager_single_namespace_controller_role",
    rules: { serviceaccounts: "watch", [ROLES]: "watch", [BINDINGS]: "watch" },
    because:
      "The original's role has them: its controller watches what it makes for listeners, where ours asks for it.",
  },
  {
    roles: "manager_single_namespace_watch_role manager_single_namespace_controller_role",
    rules: { [ROLES]: "list", [BINDINGS]: "list" },
    because:
      "What a scale set's chart has made before is listed as its controller starts, which the tests of one namespace alone do not come to.",
    byChance: true,
  },
  {
    roles: "manager_single_namespace_watch_role manager_single_namespace_controller_role",
    rules: { serviceaccounts: "list" },
    because: "The original's role has it: its controller begins its watch of service accounts with a list.",
  },
  {
    roles: "manager_single_namespace_controller_role",
    rules: { [SETS]: "list watch", [RUNNER_SETS]: "list watch", [RUNNERS]: "list watch" },
    because:
      "The original's role has them: its controller watches all kinds in both namespaces, ours each kind where it is.",
  },
  {
    roles: "manager_single_namespace_watch_role",
    rules: { [LISTENERS]: "list watch" },
    because: "The original's role has them: its controller watches listeners in both namespaces, ours in its own.",
  },
  {
    roles: "manager_listener_role",
    rules: { pods: "get", "pods/status": "get", secrets: "update", serviceaccounts: "patch update" },
    because: "The original's role has them: its controller reads listeners' pods one by one and updates whole objects.",
  },
  {
    roles: "manager_role",
    rules: {
      "pods/status": "get",
      secrets: "update",
      serviceaccounts: "create delete update",
      [ROLES]: "update",
      [BINDINGS]: "update",
    },
    because: "The original's role has them: its controller updates whole objects in the scale sets' namespace.",
  },
  {
    roles: "manager_role",
    rules: { pods: "get" },
    because:
      "A pod that the watch does not show is asked for before its runner is given up, and most runs need not ask.",
    byChance: true,
  },
  {
    roles: "leader_election_role",
    rules: { [LEASES]: "delete list watch" },
    because:
      "The original's role has them: its election reads and writes the one lease as ours does, and the rule is its.",
  },
  {
    roles: "leader_election_role controller_extra_role",
    rules: { events: "create patch" },
    because:
      "A listener that ends badly is told of on its object, and told again by a higher count; the stories of such listeners are no part of every run.",
    byChance: true,
  },
  {
    roles: "set_extra_role",
    rules: { events: "patch" },
    because: "An event that comes again within ten minutes raises the count of the one that is there.",
    byChance: true,
  },
  {
    roles: "set_extra_role",
    rules: { "policy/poddisruptionbudgets": "patch" },
    because: "A budget that somebody has changed is put right, which the unit tests of budgets try.",
  },
];
