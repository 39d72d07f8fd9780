import type { MetricsConfig } from "../../api/kinds.ts";
import type { Problem } from "../shared/problems.ts";
import type { GithubSource } from "../shared/services.ts";

/** What a message loop in the controller's own process is told: the same that config.json tells a pod. */
export interface LoopSpec {
  readonly source: GithubSource;
  readonly scaleSetId: number;
  readonly scaleSetName: string;
  /** The runner set that it scales. */
  readonly runnerSet: { readonly namespace: string; readonly name: string };
  readonly minRunners: number;
  readonly maxRunners: number;
  readonly metrics?: MetricsConfig;
}

/** How a loop is. */
export interface LoopState {
  /** What it was told last. */
  readonly spec: LoopSpec;
  /** Asked to end, and not at its end yet. */
  readonly stopping: boolean;
  /** It has had a session. */
  readonly listening: boolean;
  /** Why it is not at work; undefined while it is. */
  readonly trouble?: Problem;
  /** Assigned jobs that seem not to be real: no runners are provided for them. */
  readonly phantomDemand?: number;
}

/** Runs message loops in this process: one for each key at most. */
export interface LoopHost {
  /** Starts the key's loop, or tells the running one what has changed; limits are taken up without a new session. */
  ensure(key: string, spec: LoopSpec): void;
  /** Resolves when the loop has ended its session and itself; also when there is none. */
  stop(key: string): Promise<void>;
  /** Undefined: no loop runs for the key. */
  state(key: string): LoopState | undefined;
}
