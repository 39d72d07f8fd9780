/** What is not yet as it should be, once faults have stopped: empty when all is right. */
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
} from "../../src/api/kinds.ts";
import { PODS } from "../../src/k8s/resource.ts";
import type { JobRecord } from "../../src/sim/actions_service/ledger.ts";
import type { ChaosSystem, WantedSet } from "./chaos_system.ts";

/** Everything that is wrong with a world in which nothing should be under way. */
export function unsettled(system: ChaosSystem): string[] {
  return [
    ...[...system.wanted.values()].flatMap((set) => wrongWith(system, set)),
    ...orphans(system),
    ...system.objects(AUTOSCALING_RUNNER_SETS).filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
      .map(({ metadata }) => `${metadata.name} is still being deleted`),
  ];
}

/** Jobs that have not ended. */
export function openJobs(system: ChaosSystem): JobRecord[] {
  return [...system.world.service.ledger.jobs.values()].filter((job) => job.completedAt === undefined);
}

function wrongWith(system: ChaosSystem, set: WantedSet): string[] {
  const wrong: string[] = [];
  const expect = (what: string, is: unknown, should: unknown) => {
    if (is !== should) wrong.push(`${set.name}: ${what} is ${String(is)}, not ${String(should)}`);
  };
  const wanted = Math.min(set.minRunners, set.maxRunners);
  const idle = wanted + staying(system, set);
  const ars = system.objects(AUTOSCALING_RUNNER_SETS).find(({ metadata }) => metadata.name === set.name);
  if (!ars) return [`${set.name}: there is no AutoscalingRunnerSet`];
  const ready = ars.status?.conditions?.find(({ type }) => type === "Ready");
  expect("Ready", `${ready?.status} ${ready?.reason} ${ready?.message}`.split(" ", 1)[0], "True");
  expect("observedGeneration", ars.status?.observedGeneration, ars.metadata.generation);
  expect("phase", ars.status?.phase, "Running");
  expect("pendingEphemeralRunners", ars.status?.pendingEphemeralRunners ?? 0, 0);
  expect("runningEphemeralRunners", ars.status?.runningEphemeralRunners ?? 0, idle);
  for (const trouble of ["RunnersFailing", "RunnersWaiting"]) {
    expect(trouble, ars.status?.conditions?.find(({ type }) => type === trouble)?.status ?? "False", "False");
  }

  const sets = system.objects(EPHEMERAL_RUNNER_SETS).filter(({ metadata }) => metadata.name.startsWith(set.name));
  expect("runner sets", sets.length, 1);
  expect("replicas", sets[0]?.spec?.replicas ?? 0, wanted);
  const listeners = system.objects(AUTOSCALING_LISTENERS).filter(({ spec }) =>
    spec?.autoscalingRunnerSetName === set.name
  );
  expect("listeners", listeners.length, 1);
  const runners = system.objects(EPHEMERAL_RUNNERS).filter(({ metadata, status }) =>
    metadata.name.startsWith(`${set.name}-`) && status?.phase !== "Failed"
  );
  expect("runners", runners.length, idle);
  const old = runners.filter(({ spec, status }) =>
    templateIn(spec?.spec?.containers) !== set.template && status?.jobId === undefined
  );
  expect("runners of an old template", old.length, 0);

  const atGithub = system.world.service.scaleSets().filter(({ name }) => name === set.name);
  expect("scale sets at GitHub", atGithub.length, 1);
  expect("has a session", atGithub[0]?.sessionOwner !== undefined, true);
  expect("idle runners at GitHub", atGithub[0]?.statistics.totalIdleRunners, wanted);
  const left = system.world.service.registrations().filter(({ name }) =>
    name.startsWith(`${set.name}-`) && isGivenUp(system, name)
  );
  expect("registered runners at GitHub", atGithub[0]?.statistics.totalRegisteredRunners, wanted + left.length);
  return wrong;
}

/**
 * Containers that go on after a job of a scale set that GitHub has forgotten: nobody can tell that the job is over, so
 * they are left alone until their set goes.
 */
function staying(system: ChaosSystem, set: WantedSet): number {
  const living = system.world.service.controls.scaleSetIds();
  return system.objects(EPHEMERAL_RUNNERS).filter(({ metadata, spec, status }) =>
    metadata.name.startsWith(`${set.name}-`) && status?.jobId !== undefined && status.phase === "Running" &&
    !living.includes(spec?.runnerScaleSetId ?? 0)
  ).length;
}

/** The version of the pod template that a runner was made from. */
function templateIn(containers: unknown): number {
  const [container] = (containers ?? []) as {
    readonly env?: readonly { readonly name: string; readonly value?: string }[];
  }[];
  return Number(container?.env?.find(({ name }) => name === "TEMPLATE")?.value ?? 0);
}

/** Things that nobody answers for. */
function orphans(system: ChaosSystem): string[] {
  const runners = new Set(system.objects(EPHEMERAL_RUNNERS).map(({ metadata }) => metadata.name));
  const pods = system.objects(PODS).filter(({ metadata }) =>
    metadata.labels?.["actions-ephemeral-runner"] === "True" && !runners.has(metadata.name)
  );
  const registrations = system.world.service.registrations().filter(({ name }) =>
    !runners.has(name) && !isGivenUp(system, name)
  );
  const { secrets } = system.world.report().leftovers;
  const lost = secrets.filter((key) => {
    const name = key.split("/")[1]!;
    return /-runner-[a-z0-9]{5}$/.test(name) && !runners.has(name);
  });
  return [
    ...pods.map(({ metadata }) => `pod ${metadata.name} has no runner object`),
    ...registrations.map(({ name }) => `registration ${name} has no runner object`),
    ...lost.map((key) => `secret ${key} has no runner object`),
  ];
}

/** GitHub did not answer for the time-box: a person has been told what may remain there. */
function isGivenUp(system: ChaosSystem, runner: string): boolean {
  return system.world.kube.objects("events").some((event) => {
    const { reason, involvedObject } = event as unknown as { reason?: string; involvedObject?: { name?: string } };
    return reason === "CleanupIncomplete" && involvedObject?.name === runner;
  });
}
