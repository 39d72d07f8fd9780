/** What people do in mid-flight: new templates, other limits, other credentials, deletions, cancelled jobs. */
import { AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { type KubeObject, resource, SECRETS } from "../../src/k8s/resource.ts";
import { between, pick, type Random } from "../../src/lib/random.ts";
import type { Fault, FaultTarget } from "../../src/sim/faults/fault.ts";
import { SIMULATED_PAT } from "../../src/sim/world.ts";
import { type ChaosSystem, RUNNER_NAMESPACE, SECOND_PAT, templateOf, type WantedSet } from "./chaos_system.ts";

type SystemOf = () => ChaosSystem;

export function userFaults(system: SystemOf): readonly Fault[] {
  return [
    onSet(system, "template edited", 3, (set) => {
      set.template++;
      void system().patchScaleSet(set.name, { template: templateOf(set.template) });
    }),
    onSet(system, "limits edited", 3, (set, random) => {
      set.maxRunners = between(random, 1, 20);
      set.minRunners = Math.min(set.maxRunners, between(random, 0, 4));
      set.highestMax = Math.max(set.highestMax, set.maxRunners);
      const { minRunners, maxRunners } = set;
      void system().patchScaleSet(set.name, { minRunners, maxRunners });
    }),
    onSet(system, "nothing allowed for a while", 1, (set, random, target) => {
      const { minRunners, maxRunners } = set;
      Object.assign(set, { minRunners: 0, maxRunners: 0 });
      void system().patchScaleSet(set.name, { minRunners: 0, maxRunners: 0 });
      target.later(between(random, 5_000, 120_000), () => {
        if (system().wanted.get(set.name) !== set || set.maxRunners > 0) return;
        Object.assign(set, { minRunners, maxRunners });
        void system().patchScaleSet(set.name, { minRunners, maxRunners });
      });
    }),
    onSet(system, "paused for a while", 1, ({ name }, random, target) => {
      void system().patchScaleSet(name, { paused: true });
      target.later(between(random, 5_000, 120_000), () => void system().patchScaleSet(name, { paused: false }));
    }),
    onSet(system, "scale set deleted and made again", 1, (set) => {
      const { name, minRunners, highestMax } = set;
      void system().deleteScaleSet(name);
      // Nobody would give back later what is not allowed just now.
      const maxRunners = set.maxRunners > 0 ? set.maxRunners : highestMax;
      system().clock.after(1_000, () => createAgain(system(), { name, minRunners, maxRunners }));
    }),
    {
      name: "runner deleted by hand",
      weight: 2,
      apply: (_target, random) => deleteRunner(system(), random),
    },
    {
      name: "runner deleted before its creation is answered",
      weight: 3,
      apply: (target) => deleteBeforeAnswer(system(), target),
    },
    {
      name: "quota for pods",
      weight: 1,
      apply(target, random) {
        const isThere = system().objects(QUOTAS).length > 0;
        if (isThere) return "pending";
        const metadata = { namespace: RUNNER_NAMESPACE, name: "tight" };
        const hard = { pods: String(between(random, 0, 4)) };
        void system().user(() => system().kubectl.create(QUOTAS, { metadata, spec: { hard } }));
        target.later(between(random, 10_000, 120_000), () => {
          void system().user(() => system().kubectl.delete(QUOTAS, metadata));
        });
      },
    },
    { name: "secret rotated", weight: 1, apply: ({ service }) => rotate(system(), service) },
    {
      name: "secret wrong for a while",
      weight: 1,
      apply(target, random) {
        const right = tokenNow(system());
        if (right === WRONG) return "pending";
        void writeToken(system(), WRONG);
        target.later(between(random, 5_000, 90_000), () => void writeToken(system(), right));
      },
    },
    {
      name: "job cancelled",
      weight: 2,
      apply({ service }, random) {
        const open = [...service.ledger.jobs.values()].filter((job) => job.completedAt === undefined);
        if (open.length === 0) return "pending";
        service.cancel(pick(random, open).id);
      },
    },
  ];
}

const WRONG = "ghp_mistyped";
const QUOTAS = resource<KubeObject & { spec?: { hard?: Record<string, string> } }>(
  "",
  "v1",
  "ResourceQuota",
  "resourcequotas",
);

function onSet(
  system: SystemOf,
  name: string,
  weight: number,
  act: (set: WantedSet, random: Random, target: FaultTarget) => void,
): Fault {
  return {
    name,
    weight,
    apply(target, random) {
      const sets = [...system().wanted.values()];
      if (sets.length === 0) return "pending";
      act(pick(random, sets), random, target);
    },
  };
}

/** As a person does it: looks whether the old one is gone. */
function createAgain(system: ChaosSystem, set: Pick<WantedSet, "name" | "minRunners" | "maxRunners">): void {
  const isThere = system.objects(AUTOSCALING_RUNNER_SETS).some(({ metadata }) => metadata.name === set.name);
  if (isThere) system.clock.after(2_000, () => createAgain(system, set));
  else void system.createScaleSet(set);
}

/** A new token in the secret; the old one is revoked. */
function rotate(system: ChaosSystem, service: FaultTarget["service"]): "pending" | void {
  const old = tokenNow(system);
  if (old === WRONG) return "pending";
  const fresh = old === SIMULATED_PAT ? SECOND_PAT : SIMULATED_PAT;
  service.controls.revokePat(fresh, false);
  service.controls.revokePat(old);
  void writeToken(system, fresh);
}

function tokenNow(system: ChaosSystem): string {
  const secret = system.objects(SECRETS).find(({ metadata }) => metadata.name === "github");
  return atob(secret?.data?.["github_token"] ?? "");
}

function writeToken(system: ChaosSystem, token: string): Promise<void> {
  const ref = { namespace: RUNNER_NAMESPACE, name: "github" };
  return system.user(() => system.kubectl.patch(SECRETS, ref, { stringData: { github_token: token } }));
}

/** The answer to the next creation of a runner comes when somebody has deleted it already. */
function deleteBeforeAnswer(system: ChaosSystem, { network, clock, later }: FaultTarget): "pending" {
  const creates = ({ method, url }: { readonly method: string; readonly url: URL }) =>
    method === "POST" && url.pathname.endsWith(`/${EPHEMERAL_RUNNERS.plural}`);
  const name = "runner deleted before its creation is answered";
  const end = network.inject({ name, matches: creates, effect: { kind: "late-answer", ms: 25_000 }, times: 1 });
  const enough = system.world.kube.onChange(({ plural, before, after }) => {
    if (plural !== EPHEMERAL_RUNNERS.plural || before || !after) return;
    enough();
    const { namespace, name } = after.metadata;
    clock.after(2_000, () => {
      void system.user(() => system.kubectl.delete(EPHEMERAL_RUNNERS, { namespace, name }));
    });
  });
  later(120_000, () => {
    end();
    enough();
  });
  return "pending";
}

/** Somebody deletes a runner; "pending" while there is none. */
export function deleteRunner(system: ChaosSystem, random: Random): "pending" | undefined {
  const runners = system.objects(EPHEMERAL_RUNNERS);
  if (runners.length === 0) return "pending";
  const { namespace, name } = pick(random, runners).metadata;
  void system.user(() => system.kubectl.delete(EPHEMERAL_RUNNERS, { namespace, name }));
  return undefined;
}
