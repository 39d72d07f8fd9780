/** Every wait of the controllers, in one table: an option of the composition root with this default. */

const TABLE = {
  lateCreation: [10_000, "a need for runners that the count alone does not show must last this long to be served"],
  surplus: [10_000, "runners beyond the wanted number must be so for this long before idle ones are removed"],
  stillRunning: [30_000, "a runner that the service would not let go is not asked for again within this time"],
  endedLately: [2_000, "where runningJobs is pruned: a runner that ended with a job still counts for this long"],
  gone: [60_000, "a runner that ended with a job is remembered for this long by the late creation"],
  setPass: [100, "passes over one runner set are at least this far apart"],
  setStatus: [1_000, "a difference in a runner set's status is written when it is this old"],
  failedHistory: [3_600_000, "a failed runner is kept for people to look at for this long"],
  failingFirst: [5_000, "the first wait of a set whose runners fail; each further one is twice as long"],
  failingMost: [300_000, "the longest wait of a set whose runners fail"],
  outdatedTrial: [1_800_000, "one runner is tried this often while GitHub refuses the runner's version"],
  timeBox: [300_000, "clean-up at GitHub is tried for this long before the cluster's side goes on without it"],
  deniedFirst: [5_000, "the first wait after GitHub would not let a runner go, or did not answer"],
  deniedMost: [30_000, "the longest wait after GitHub would not let a runner go, or did not answer"],
  registerFirst: [2_000, "the first wait after a registration failed"],
  registerMost: [120_000, "the longest wait after a registration failed"],
  shortLife: [60_000, "a runner that ended well before this age and had no job may have failed"],
  lateFacts: [10_000, "the facts of a job may be this late after its runner has ended"],
  imageStuck: [300_000, "an image or a container's configuration may be missing for this long"],
  unschedulable: [30_000, "a pod that fits nowhere is reported when it has been so for this long"],
  completed: [60_000, "a container may go on for this long after its job has completed"],
  idleCheck: [600_000, "the registration of an idle runner is checked this often"],
  leavingCheck: [
    60_000,
    "the registration of a runner with a job is checked this often while its set is being deleted",
  ],
  checkPace: [500, "checks of registrations are at least this far apart, all runners together"],
  quotaFirst: [1_000, "the first wait after a quota refused a pod"],
  quotaMost: [30_000, "the longest wait after a quota refused a pod"],
  quotaGivesUp: [600_000, "a runner whose pod a quota refuses for this long is replaced"],
  rights: [30_000, "a runner whose pod may not be made for want of rights is tried again for this long"],
  podRights: [10_000, "the first wait after a patch of a pod was forbidden"],
  hookPods: [2_000, "pods and secrets of container hooks are looked for again after this time"],
  rollout: [600_000, "a replacement of an idle runner must be ready within this time"],
  secretRecheck: [30_000, "a secret that something is wrong with is read again this often"],
  serviceFirst: [1_000, "the first wait after a call for a scale set failed"],
  serviceMost: [300_000, "the longest wait after a call for a scale set failed"],
  scaleSetRecheck: [30_000, "a report that a scale set is gone is looked into at most this often"],
  statusGather: [500, "changes of a scale set's children are gathered for so long before its status is written"],
  resync: [600_000, "what is not watched is looked at again this often"],
  listenerFirst: [1_000, "the first wait before a listener pod that ended by itself is made again"],
  listenerMost: [60_000, "the longest wait before a listener pod that ended by itself is made again"],
  listenerHealthy: [600_000, "a listener that ran for so long before it ended has earned the first wait again"],
  childrenGoing: [5_000, "an object that is being deleted and not watched is looked for again after this time"],
  listenerForce: [300_000, "a listener pod that is still there so long after its grace period is removed by force"],
} as const satisfies Record<string, readonly [ms: number, doc: string]>;

/** Milliseconds, by name. */
export type Waits = Readonly<Record<keyof typeof TABLE, number>>;

/** What each wait is for, in words. */
export const WAIT_DOCS = Object.fromEntries(Object.entries(TABLE).map(([name, [, doc]]) => [name, doc])) as Readonly<
  Record<keyof Waits, string>
>;

/** The defaults, with some of them changed. */
export function waitsOf(changed: Partial<Waits> = {}): Waits {
  const defaults = Object.fromEntries(Object.entries(TABLE).map(([name, [ms]]) => [name, ms])) as Record<
    keyof Waits,
    number
  >;
  return { ...defaults, ...changed };
}
