/**
 * Deliberate faults of the program, put in one at a time: each must be caught by some world, or the worlds prove less
 * than they seem to. `find` stands in `file` exactly once.
 */
export interface Mutant {
  /** The first of the worlds that it is tried in. Default 1. */
  readonly from?: number;
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly put: string;
  /** What must be changed besides, where one thing is made sure of twice. */
  readonly also?: readonly { readonly find: string; readonly put: string }[];
  /** Nothing is left out: two things happen in the wrong order, or are believed at the wrong time. */
  readonly ordering?: true;
}

const LOOP = "src/listener/loop.ts";
const SCALE = "src/listener/scale.ts";
const RUNNER = "src/controllers/ephemeral_runner";
const SET = "src/controllers/ephemeral_runner_set";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "facts are written before the count",
    ordering: true,
    file: LOOP,
    find:
      "    await this.#demand.tell(step);\n    if (statistics) metrics.statistics(statistics);\n    metrics.desired(step.desired);\n    for",
    put: "    await this.#facts.write(factsOf(step.fresh, { generation: this.#demand.generation, marks: false }));\n" +
      "    await this.#demand.tell(step);\n    if (statistics) metrics.statistics(statistics);\n    metrics.desired(step.desired);\n    for",
  },
  {
    name: "a message is deleted before it is acted on",
    ordering: true,
    file: LOOP,
    find: "    const asked = this.#acquire(session, step.acquire);\n",
    put: "    await this.#delete(session, message.id);\n    const asked = this.#acquire(session, step.acquire);\n",
  },
  {
    name: "a late answer resurrects what was deleted",
    ordering: true,
    file: "src/k8s/store.ts",
    find: "    if (this.#dead.has(uid)) return undefined;\n",
    put: "",
    also: [{ find: "    if (!known && !ahead) return;\n", put: "" }],
  },
  {
    name: "nobody asks for the lease before a write",
    ordering: true,
    file: "src/k8s/guard.ts",
    find: "    if (!mayWrite()) throw new NotLeaderError();\n",
    put: "    mayWrite();\n",
    from: 301,
  },
  {
    name: "a secret that was found counts as fresh",
    ordering: true,
    file: `${RUNNER}/observe.ts`,
    find: '      memory.secret = answer.found ? "found" : "absent";\n',
    put: '      memory.secret = answer.found ? "made" : "absent";\n',
  },
  {
    name: "the finalizer goes before the registration",
    ordering: true,
    file: `${RUNNER}/dismiss.ts`,
    find: "  const isOpen = (outside.registration || outside.hooks) && !expired;\n",
    put: "  const isOpen = outside.hooks && !expired;\n",
  },
  {
    name: "surplus runners are deleted before the service lets them go",
    ordering: true,
    file: `${SET}/calls.ts`,
    find: "      await service.removeRunner(id);\n",
    put: "      void service.removeRunner(id).catch(() => {});\n",
  },
  {
    name: "jobs that are not counted yet count as runners that are lacking",
    file: `${SET}/count.ts`,
    find: "  const lack = replicas - runningJobs - ahead - have - undecided;\n",
    put: "  const lack = replicas - have - undecided;\n",
  },
  {
    name: "maxRunners is not kept to",
    file: SCALE,
    find: "Math.min(limits.minRunners + demand, maxRunners)",
    put: "limits.minRunners + demand",
  },
  {
    name: "a runner with a job is not waited for",
    file: `${RUNNER}/dismiss.ts`,
    find: "  if (isAtWork(seen) || mayJustHaveStarted(seen, now)) return waitForJob(seen, now);\n",
    put: "",
  },
  {
    name: "a registration under the runner's own name is not removed",
    file: `${RUNNER}/calls.ts`,
    find:
      '          if (!ServiceError.is(error, "RunnerExists")) throw error;\n          await removeOurs(service, name, scaleSetId);\n',
    put: "          throw error;\n",
  },
  {
    name: "a lost session is polled for ever",
    file: "src/listener/trouble.ts",
    find: '  return ServiceError.is(error, "SessionNotFound", "ScaleSetNotFound", "Unauthorized");\n',
    put: "  return ServiceError.is(error) && false;\n",
  },
  {
    name: "a runner that the service has forgotten is never looked at",
    file: `${RUNNER}/decide.ts`,
    find: '  return checked(seen, state, { runnerId, everyMs }, now, "busy");\n',
    put: '  return rest("busy");\n',
  },
  {
    name: "a replacement that failed once is never tried again",
    file: `${SET}/rollout.ts`,
    find: "  if (trouble.deprecation || now < retryAt(trouble, seen.waits))",
    put: "  if (trouble.deprecation || trouble.streak)",
    from: 301,
  },
  {
    name: "GitHub is given up without being asked",
    file: `${RUNNER}/dismiss.ts`,
    find: '  if (failure?.call !== "release" || failure.count < TRIES) return false;\n',
    put: "  void failure;\n  void TRIES;\n",
  },
  {
    name: "a cursor is kept over a silence",
    file: LOOP,
    find: "        lastMessageId = message?.id;\n",
    put: "        if (message) lastMessageId = message.id;\n",
  },
  {
    name: "a pod that vanished is made again with the configuration that it had",
    file: `${RUNNER}/decide.ts`,
    find: '      return lost(seen, "PodVanished", "its pod has vanished");\n',
    put: "      return withSecret(seen, now);\n",
  },
  {
    name: "a condition says that it has changed whenever it is written",
    file: "src/controllers/shared/conditions.ts",
    find: "    lastTransitionTime: old?.status === status ? old.lastTransitionTime : rfc3339(now),\n",
    put: "    lastTransitionTime: rfc3339(now),\n",
  },
  {
    name: "an event older than its session counts",
    file: "src/listener/news.ts",
    find: "  const countedUntil = catchingUp ? opening?.openedAt : undefined;\n",
    put: "  const countedUntil = undefined;\n",
  },
  {
    name: "instants are the machine's, also when it is set back",
    file: "src/commands/controllers.ts",
    find: "  const clock = steadyClock(deps.clock);\n",
    put: "  void steadyClock;\n  const clock = deps.clock;\n",
  },
  {
    name: "pods that were rejected are taken for lost runners",
    file: `${RUNNER}/decide.ts`,
    find: '  return act("rejected", remove(PODS, podRef(seen, pod), 0));\n',
    put: '  return rest("rejected");\n',
  },
];
