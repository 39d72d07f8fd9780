/** Controllers, their pods, leases, rights, and the definitions of the kinds. */
import { customResourceDefinitions } from "../../api/crd.ts";
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  type AutoscalingRunnerSet,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
} from "../../api/kinds.ts";
import { LEASES, PODS, type Stored } from "../../k8s/resource.ts";
import { eachOf } from "../../lib/parallel.ts";
import type { ControllerFacts, CrdFacts, RightsFacts } from "../checks/facts.ts";
import { known, type Seen } from "../checks/finding.ts";
import { NEEDED_RIGHTS, type Right } from "../checks/rights_table.ts";
import { DEFINITIONS, type Deployment, DEPLOYMENTS } from "../kinds.ts";
import type { Reader } from "./reader.ts";

const ACCOUNT_NAME = "actions.github.com/controller-service-account-name";
const ACCOUNT_NAMESPACE = "actions.github.com/controller-service-account-namespace";
const WATCHED = "actions.github.com/controller-watch-single-namespace";

/** The definitions of the four kinds, beside ours. */
export async function gatherCrds(reader: Reader): Promise<CrdFacts[]> {
  const kinds = [AUTOSCALING_RUNNER_SETS, AUTOSCALING_LISTENERS, EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS];
  return await eachOf(customResourceDefinitions(), 4, async ({ metadata: { name }, spec }): Promise<CrdFacts> => {
    const kind = kinds.find(({ plural }) => plural === spec.names.plural)!;
    const [installed, served] = await Promise.all([reader.get(DEFINITIONS, { name }), reader.serves(kind)]);
    return { name, kind: spec.names.kind, installed, served, bundled: spec.versions[0]!.schema.openAPIV3Schema };
  });
}

/** The Deployments by the labels by which the charts of scale sets find a controller. */
export async function gatherControllers(
  reader: Reader,
  { namespace, leaseName }: { readonly namespace?: string; readonly leaseName?: string },
): Promise<Seen<readonly ControllerFacts[]>> {
  const found = await reader.list(DEPLOYMENTS, { namespace, labelSelector: ACCOUNT_NAME });
  if (!found.known) return found;
  return known(
    await eachOf(found.value, 4, async (deployment): Promise<ControllerFacts> => {
      const place = deployment.metadata.namespace ?? "";
      const name = leaseName ?? leaseNameOf(deployment);
      const [pods, lease] = await Promise.all([
        reader.list(PODS, { namespace: place }),
        name === undefined ? undefined : reader.get(LEASES, { namespace: place, name }),
      ]);
      return { deployment, pods, ...(name !== undefined && lease ? { lease: { name, found: lease } } : {}) };
    }),
  );
}

/** The name of the lease that a Deployment's flags say; undefined when it elects no leader. */
export function leaseNameOf({ spec }: Deployment): string | undefined {
  const args = (spec?.template?.spec?.containers ?? []).flatMap(({ args = [] }) => args);
  const elects = args.some((arg) => /^--?enable-leader-election(=(1|t|T|true|TRUE|True))?$/.test(arg));
  if (!elects) return undefined;
  const named = args.map((arg) => /^--?leader-election-id=(.*)$/.exec(arg)?.[1]).find((name) => name !== undefined);
  return named ?? "actions-runner-controller";
}

export interface RightsScope {
  readonly controllers: Seen<readonly ControllerFacts[]>;
  readonly scaleSets: Seen<readonly Stored<AutoscalingRunnerSet>[]>;
  /** This runs in the controller's pod. */
  readonly isController: boolean;
  /** Its namespace, where no Deployment says it. */
  readonly namespace?: string;
  readonly leaseName?: string;
}

/** The rights of each controller's account, or of ourselves when we may not ask for others'. */
export async function gatherRights(reader: Reader, scope: RightsScope): Promise<RightsFacts[]> {
  const { controllers, isController, namespace, leaseName } = scope;
  const deployments = isController || !controllers.known ? [] : controllers.value.map(({ deployment }) => deployment);
  const results: RightsFacts[] = [];
  for (const deployment of deployments) {
    const account = accountOf(deployment);
    const { namespace: place = "", labels = {} } = deployment.metadata;
    const first = await reader.may({ verb: "list", group: "", resource: "pods" }, account);
    if (!first.known) break;
    results.push({
      who: `system:serviceaccount:${account.namespace}:${account.name}`,
      isController: true,
      asked: await ask(reader, scope, {
        own: place,
        watched: labels[WATCHED],
        elects: leaseNameOf(deployment) !== undefined,
        account,
      }),
    });
  }
  if (results.length > 0) return results;
  const who = await reader.self() ?? "whoever runs this";
  const own = namespace ?? deployments[0]?.metadata.namespace;
  return [{ who, isController, asked: await ask(reader, scope, { own, elects: leaseName !== undefined }) }];
}

function accountOf({ metadata: { namespace = "", labels = {} }, spec }: Stored<Deployment>) {
  return {
    namespace: labels[ACCOUNT_NAMESPACE] ?? namespace,
    name: labels[ACCOUNT_NAME] ?? spec?.template?.spec?.serviceAccountName ?? "default",
  };
}

interface Subject {
  /** The controller's namespace. */
  readonly own?: string;
  /** The only namespace that is watched. */
  readonly watched?: string;
  readonly elects: boolean;
  /** Undefined: ourselves. */
  readonly account?: { readonly namespace: string; readonly name: string };
}

async function ask(reader: Reader, { scaleSets }: RightsScope, subject: Subject): Promise<RightsFacts["asked"]> {
  const sets = scaleSets.known ? scaleSets.value : [];
  const questions = NEEDED_RIGHTS.flatMap((right) =>
    placesOf(right, subject, sets).map((namespace) => ({ right, namespace }))
  );
  return await eachOf(questions, 16, async ({ right, namespace }) => {
    const { group, resource, subresource, verb } = right;
    const attributes = { namespace, verb, group, resource, ...(subresource === undefined ? {} : { subresource }) };
    return { right, namespace, allowed: await reader.may(attributes, subject.account) };
  });
}

/** In which namespaces a right must hold; undefined stands for all. */
function placesOf(
  { scope, resource }: Right,
  { own, watched, elects }: Subject,
  sets: readonly Stored<AutoscalingRunnerSet>[],
): (string | undefined)[] {
  const namespaces = (chosen: readonly Stored<AutoscalingRunnerSet>[]) => [
    ...new Set(chosen.map(({ metadata }) => metadata.namespace ?? "").filter((name) => !watched || name === watched)),
  ];
  switch (scope) {
    case "watched":
      // Listeners are in the controller's namespace, whichever is watched.
      return watched && resource === AUTOSCALING_LISTENERS.plural && own ? [own] : [watched || undefined];
    case "own":
      return own === undefined ? [] : [own];
    case "leader":
      return own === undefined || !elects ? [] : [own];
    case "scale-sets":
    case "extra":
      return namespaces(sets);
    case "certificates":
      return namespaces(sets.filter(({ spec }) => spec?.githubServerTLS));
  }
}
