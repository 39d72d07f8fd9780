/** The Actions Service as the controllers and the listener use it. Facts: docs/actions-service.md. */

export interface RunnerGroup {
  readonly id: number;
  readonly name: string;
  readonly isDefaultGroup: boolean;
}

/** Counters of a scale set at one moment. `totalAssignedJobs` includes the running ones. */
export interface Statistics {
  readonly totalAvailableJobs: number;
  readonly totalAcquiredJobs: number;
  readonly totalAssignedJobs: number;
  readonly totalRunningJobs: number;
  readonly totalRegisteredRunners: number;
  readonly totalBusyRunners: number;
  readonly totalIdleRunners: number;
}

export interface ScaleSet {
  readonly id: number;
  readonly name: string;
  readonly runnerGroupId: number;
  readonly runnerGroupName: string;
  /** Names only; without repeats. */
  readonly labels: readonly string[];
  readonly statistics?: Statistics;
}

/** What a scale set is made from, or changed to. */
export interface ScaleSetSpec {
  readonly name: string;
  readonly runnerGroupId: number;
  readonly labels: readonly string[];
}

/** A registration: an agent of the service. */
export interface Registration {
  readonly id: number;
  readonly name: string;
  readonly scaleSetId: number;
}

/** What a runner needs to register itself, once. Secret: `encoded` never goes into a log, event or error. */
export interface JitConfig {
  readonly runnerId: number;
  readonly runnerName: string;
  readonly scaleSetId: number;
  readonly encoded: string;
}

/** Facts of a job that every job message carries. */
export interface JobFacts {
  /** 0 on newer backends: then only `jobId` identifies the job. */
  readonly requestId: number;
  readonly jobId: string;
  readonly repositoryName: string;
  readonly ownerName: string;
  readonly workflowRef: string;
  readonly displayName: string;
  readonly workflowRunId: number;
  readonly eventName: string;
  readonly labels: readonly string[];
  /** Milliseconds since the epoch; undefined when the service never set it. */
  readonly queuedAt?: number;
  readonly scaleSetAssignedAt?: number;
  readonly runnerAssignedAt?: number;
  readonly finishedAt?: number;
}

export type JobEvent =
  | ({ readonly type: "available"; readonly acquireUrl: string } & JobFacts)
  | ({ readonly type: "assigned" } & JobFacts)
  | ({ readonly type: "started"; readonly runnerId: number; readonly runnerName: string } & JobFacts)
  | ({
    readonly type: "completed";
    readonly runnerId: number;
    readonly runnerName: string;
    readonly result: string;
  } & JobFacts);

/** A message of the queue. Unknown types of events are left out; an unknown envelope has no events. */
export interface Message {
  readonly id: number;
  readonly events: readonly JobEvent[];
  /** Absent when the service sent null. */
  readonly statistics?: Statistics;
}

/** The calls of one config URL and credential. Safe to use concurrently: no call waits behind another. */
export interface ActionsService {
  /** Undefined when there is no such group. */
  runnerGroup(name: string, options?: ServiceCallOptions): Promise<RunnerGroup | undefined>;
  findScaleSet(runnerGroupId: number, name: string, options?: ServiceCallOptions): Promise<ScaleSet | undefined>;
  /** @throws ServiceError kind "ScaleSetNotFound" */
  getScaleSet(id: number, options?: ServiceCallOptions): Promise<ScaleSet>;
  /** @throws ServiceError kind "ScaleSetExists" */
  createScaleSet(spec: ScaleSetSpec, options?: ServiceCallOptions): Promise<ScaleSet>;
  updateScaleSet(id: number, changes: Partial<ScaleSetSpec>, options?: ServiceCallOptions): Promise<ScaleSet>;
  /** Resolves too when it is not there. */
  deleteScaleSet(id: number, options?: ServiceCallOptions): Promise<void>;
  /** @throws ServiceError kind "RunnerExists" or "ScaleSetNotFound" */
  generateJitConfig(
    scaleSetId: number,
    runner: { readonly name: string; readonly workFolder: string },
    options?: ServiceCallOptions,
  ): Promise<JitConfig>;
  /** Undefined when there is none. */
  getRunner(id: number, options?: ServiceCallOptions): Promise<Registration | undefined>;
  findRunner(name: string, options?: ServiceCallOptions): Promise<Registration | undefined>;
  /** Resolves too when it is not there. @throws ServiceError kind "JobStillRunning" */
  removeRunner(id: number, options?: ServiceCallOptions): Promise<void>;
  /** @throws ServiceError kind "SessionConflict" while a session lives, also our own */
  openSession(scaleSetId: number, owner: string, options?: ServiceCallOptions): Promise<MessageSession>;
  /** A session that was opened with other credentials, under these from now on. */
  resume?(session: MessageSession): MessageSession;
  /** Ends a session that a former process left. Resolves too when it is not there. */
  deleteSession(scaleSetId: number, sessionId: string, options?: ServiceCallOptions): Promise<void>;
}

/** A message session: one per scale set lives at a time. */
export interface MessageSession {
  readonly id: string;
  readonly scaleSet: ScaleSet | undefined;
  /** The statistics at the time of opening. */
  readonly statistics: Statistics | undefined;
  /**
   * One long poll, about 50 s. Undefined: nothing came. `lastMessageId` is the message just handled in this session.
   * @throws ServiceError kind "SessionNotFound" when a new session is needed
   */
  poll(
    options: { readonly capacity: number; readonly lastMessageId?: number; readonly signal?: AbortSignal },
  ): Promise<Message | undefined>;
  deleteMessage(id: number, options?: ServiceCallOptions): Promise<void>;
  /** The request ids that we got. Undefined: this server assigns by itself (404). */
  acquire(requestIds: readonly number[], options?: ServiceCallOptions): Promise<readonly number[] | undefined>;
  /** A fresh queue token. @throws ServiceError kind "SessionNotFound" */
  refresh(options?: ServiceCallOptions): Promise<void>;
  close(options?: ServiceCallOptions): Promise<void>;
}

export interface ServiceCallOptions {
  readonly signal?: AbortSignal;
}
