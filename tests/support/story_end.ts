/** What must hold when a story is over: see story.ts. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
} from "../../src/api/kinds.ts";
import { EVENTS } from "../../src/k8s/events.ts";
import { PODS, SECRETS } from "../../src/k8s/resource.ts";
import type { JobRecord } from "../../src/sim/actions_service/ledger.ts";
import { countByKind } from "./audit.ts";
import { assertNothingForbidden, recordsOf } from "./books.ts";
import type { Cluster } from "./cluster.ts";
import { CONTROLLER, type ScaleSetOptions } from "./cluster_objects.ts";
import { eventually } from "./eventually.ts";

/** A story that has been told. */
export interface Ended {
  readonly cluster: Cluster;
  readonly jobs: readonly string[];
  readonly sets: readonly ScaleSetOptions[];
  /** So many jobs may be lost with their runners at most. */
  readonly mayLose: number;
  note(what: string, value: unknown): void;
  secondsSince(began: number): number;
}

const QUIET_MS = 10_000;
/** What settles after work: surplus goes after 10 s, the longest back-off that trouble of a story leaves is 30 s. */
const SETTLE_MS = 90_000;

/** Looks at everything that is the same for all stories, takes the scale sets away, and ends the controllers. */
export async function endOf(it: Ended): Promise<void> {
  const { cluster, sets } = it;
  await assertJobs(it);
  await settled(it);
  await quiet(it);
  await cluster.deleteScaleSets(120_000);
  await eventually("nothing is left", async () => (await cluster.leftovers()).length === 0)
    .catch(async (error) => assert.deepEqual(await cluster.leftovers(), [], String(error)));
  await assertJobs(it);
  for (const controller of cluster.controllers.filter(({ end }) => end === undefined)) {
    assert.deepEqual(await controller.stop("SIGTERM"), { code: 0, signal: null }, controller.logTail());
  }
  const pods = new Set(cluster.listeners.map(({ pod }) => pod));
  const logs = [...cluster.controllers.map((one) => one.log()), ...[...pods].map((pod) => cluster.listenerLog(pod))];
  const secrets = new RegExp([...secretsOf(sets), "encodedJITConfig", "eyJ[\\w-]{20}"].join("|"));
  assert.doesNotMatch(logs.join("\n"), secrets, "a secret is in a log");
}

function secretsOf(sets: readonly ScaleSetOptions[]): string[] {
  return ["ghp_simulated", ...sets.flatMap(({ secret = {} }) => secret.github_token ?? [])];
}

/** Each job ran once and ended well, or its runner was lost with it and somebody was told. */
async function assertJobs({ cluster, jobs, mayLose }: Ended): Promise<void> {
  const told = await runnersTold(cluster);
  const records = recordsOf(cluster, jobs);
  const once = (job: JobRecord) => job.runners.length === 1 && job.startedEvents === 1 && job.completedEvents === 1;
  const bad = records.filter((job) => !once(job) || (!job.lost && job.result !== "succeeded"));
  assert.deepEqual(bad, [], `${bad.length} of ${jobs.length} jobs did not run exactly once`);
  const lost = records.filter((job) => job.lost);
  const untold = lost.filter(({ runners }) => !told.has(cluster.service.ledger.jits.get(runners[0]!)?.name ?? ""));
  assert.deepEqual(untold, [], `${untold.length} of ${lost.length} lost jobs were told to nobody`);
  assert.ok(lost.length <= mayLose, `${lost.length} jobs are lost, ${mayLose} may be`);
  assertNothingForbidden(cluster);
}

/** Runners of whose loss or failure somebody was told: by an event, or, where there were too many of them, by the log. */
async function runnersTold(cluster: Cluster): Promise<Set<string>> {
  const events = (await cluster.list(EVENTS)).filter(({ reason = "" }) => /^Runner(Lost|Failed)$/.test(reason));
  const logs = cluster.controllers.flatMap((one) => one.log().split("\n"))
    .filter((line) => /"reason":"Runner(Lost|Failed)"/.test(line))
    .map((line) => /"name":"([^"]+)"/.exec(line)?.[1] ?? "");
  return new Set([...events.map(({ involvedObject }) => involvedObject.name ?? ""), ...logs]);
}

/** Waits until all counts are right, and nothing is without its owner. */
async function settled(it: Ended): Promise<void> {
  const began = Date.now();
  let wrong: string[] = [];
  await eventually("all counts are right", async () => {
    it.cluster.failOnDead();
    wrong = [...(await Promise.all(it.sets.map((set) => wrongWith(it.cluster, set)))).flat()];
    wrong.push(...await orphans(it.cluster));
    return wrong.length === 0;
  }, SETTLE_MS).catch((error) => assert.deepEqual(wrong, [], String(error)));
  it.note("all counts were right after", `${it.secondsSince(began)} s`);
}

async function wrongWith(cluster: Cluster, set: ScaleSetOptions): Promise<string[]> {
  const { name, namespace = "arc-runners", min = 0, max = Infinity } = set;
  const idle = Math.min(min, max);
  const wrong: string[] = [];
  const expect = (what: string, is: unknown, should: unknown) => {
    if (is !== should) wrong.push(`${name}: ${what} is ${String(is)}, not ${String(should)}`);
  };
  const mine = ({ metadata }: { readonly metadata: { readonly namespace?: string; readonly name: string } }) =>
    metadata.namespace === namespace && (metadata.name === name || metadata.name.startsWith(`${name}-`));
  const ars = (await cluster.list(AUTOSCALING_RUNNER_SETS)).find((one) => mine(one) && one.metadata.name === name);
  if (!ars) return [`${name}: there is no AutoscalingRunnerSet`];
  const condition = (type: string) => ars.status?.conditions?.find((one) => one.type === type);
  const ready = condition("Ready");
  if (ready?.status !== "True") wrong.push(`${name}: Ready is ${ready?.status} ${ready?.reason} ${ready?.message}`);
  for (const type of ["RunnersFailing", "PhantomDemand", "SessionConflict", "RunnersWaiting"]) {
    expect(type, condition(type)?.status ?? "False", "False");
  }
  expect("observedGeneration", ars.status?.observedGeneration, ars.metadata.generation);
  expect("phase", ars.status?.phase, "Running");
  expect("pendingEphemeralRunners", ars.status?.pendingEphemeralRunners ?? 0, 0);
  expect("runningEphemeralRunners", ars.status?.runningEphemeralRunners ?? 0, idle);
  const sets = (await cluster.list(EPHEMERAL_RUNNER_SETS)).filter(mine);
  expect("runner sets", sets.length, 1);
  expect("replicas", sets[0]?.spec?.replicas ?? 0, idle);
  expect("runningJobs", sets[0]?.spec?.runningJobs ?? 0, 0);
  const runners = (await cluster.list(EPHEMERAL_RUNNERS)).filter((one) => mine(one) && one.status?.phase !== "Failed");
  expect("runners", runners.length, idle);
  const listeners = (await cluster.list(AUTOSCALING_LISTENERS)).filter(({ spec }) =>
    spec?.autoscalingRunnerSetName === name
  );
  expect("listeners", listeners.length, 1);
  const there = cluster.service.scaleSets().filter((one) => one.name === name);
  expect("scale sets at GitHub", there.length, 1);
  expect("has a session", there[0]?.sessionOwner !== undefined, true);
  expect("messages that nobody deleted", there[0]?.messages ?? 0, 0);
  expect("idle runners at GitHub", there[0]?.statistics.totalIdleRunners, idle);
  expect("registered runners at GitHub", there[0]?.statistics.totalRegisteredRunners, idle);
  return wrong;
}

/** What is there, a line for each runner and runner's pod: for those who look for the reason of a failure. */
export async function stateOf(cluster: Cluster): Promise<string[]> {
  const runners = await cluster.list(EPHEMERAL_RUNNERS);
  const pods = (await cluster.list(PODS)).filter(({ metadata }) =>
    metadata.labels?.["actions-ephemeral-runner"] === "True"
  );
  const secrets = new Set((await cluster.list(SECRETS)).map(({ metadata }) => metadata.name));
  const seen = new Map([...cluster.kubelet.ledger.pods.values()].map((pod) => [pod.uid, pod]));
  return [
    ...cluster.service.scaleSets().map((set) => JSON.stringify(set)),
    ...runners.map(({ metadata: { name, deletionTimestamp }, status }) => {
      const { phase, reason, runnerId, jobId } = status ?? {};
      const secret = secrets.has(name) ? "has" : "has not";
      return `runner ${JSON.stringify({ name, deletionTimestamp, phase, reason, runnerId, jobId, secret })}`;
    }),
    ...pods.map(({ metadata: { name, uid, deletionTimestamp }, spec, status }) => {
      const { phase, reason } = status ?? {};
      const { startedAt, endedAt, agentId, jobId } = seen.get(uid) ?? {};
      const node = { startedAt, endedAt, agentId, jobId, known: seen.has(uid) };
      return `pod ${JSON.stringify({ name, deletionTimestamp, node: spec?.nodeName, phase, reason, onNode: node })}`;
    }),
    ...cluster.service.registrations().map((one) => `registration ${JSON.stringify(one)}`),
    ...cluster.kubelet.ledger.problems,
  ];
}

/** Things that nobody answers for. */
async function orphans(cluster: Cluster): Promise<string[]> {
  const runners = new Set((await cluster.list(EPHEMERAL_RUNNERS)).map(({ metadata }) => metadata.name));
  const pods = (await cluster.list(PODS)).filter(({ metadata }) =>
    metadata.labels?.["actions-ephemeral-runner"] === "True" && !runners.has(metadata.name)
  );
  const secrets = (await cluster.list(SECRETS)).filter(({ metadata }) =>
    /-runner-[a-z0-9]{5}$/.test(metadata.name) && !runners.has(metadata.name)
  );
  return [
    ...pods.map(({ metadata }) => `pod ${metadata.name} has no runner object`),
    ...secrets.map(({ metadata }) => `secret ${metadata.name} has no runner object`),
    ...cluster.service.registrations().filter(({ name }) => !runners.has(name))
      .map(({ name }) => `registration ${name} has no runner object`),
  ];
}

/** Waits for ten seconds without a request, but for what is asked for at rest: the lease, polls, a watch begun anew. */
async function quiet(it: Ended): Promise<void> {
  const { cluster } = it;
  const began = Date.now();
  for (;;) {
    const mark = cluster.audit.mark();
    const before = new Map(cluster.service.ledger.calls);
    await delay(QUIET_MS);
    const ours = cluster.audit.since(mark).filter(({ user, resource }) =>
      user.startsWith(`system:serviceaccount:${CONTROLLER.namespace}:`) && resource !== "leases"
    );
    const noise = [...countByKind(ours)].filter(([kind, count]) => count > (kind.startsWith("watch ") ? 1 : 0));
    const sets = it.sets.length;
    for (const [kind, count] of cluster.service.ledger.calls) {
      const fresh = count - (before.get(kind) ?? 0);
      if (fresh > (kind === "message.get" ? sets : 0)) noise.push([kind, fresh]);
    }
    if (noise.length === 0) break;
    assert.ok(Date.now() - began < SETTLE_MS, `still asked for at rest: ${JSON.stringify(noise)}`);
  }
  it.note("quiet after", `${it.secondsSince(began + QUIET_MS)} s`);
}
