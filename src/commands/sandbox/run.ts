/** A sandbox from its start to its summary. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Values } from "../../lib/options.ts";
import { seededRandom } from "../../lib/random.ts";
import type { Runtime } from "../../lib/runtime.ts";
import { VirtualClock } from "../../lib/virtual_clock.ts";
import { execProgram } from "../../sim/kubelet/exec.ts";
import type { ListenerContext } from "../../sim/kubelet/listener_program.ts";
import type { SANDBOX_OPTIONS } from "../options.ts";
import { snapshotOf, summaryOf, verdictOf } from "./books.ts";
import { Box } from "./box.ts";
import { queueLoad } from "./load.ts";
import type { Screen } from "./screen.ts";

export type SandboxValues = Values<typeof SANDBOX_OPTIONS>;

/** What a run is made of. */
export interface SandboxCall {
  readonly values: SandboxValues;
  readonly io: Runtime;
  readonly clock: Clock;
  readonly log: Log;
  readonly screen: Screen;
}

/** How long parts of a run may take, in milliseconds of the world's time. */
const LISTENING_MS = 60_000;
const STANDSTILL_MS = 15 * 60_000;
const EMPTY_MS = 5 * 60_000;
const LOOK_EVERY_MS = 250;

/** Runs the sandbox. @returns the exit code: 0 when the books say that all is well */
export async function runSandbox(call: SandboxCall): Promise<number> {
  const folder = new TemporaryFolder();
  try {
    return await new Run(call, folder).toTheEnd();
  } finally {
    folder.remove();
  }
}

/** Made when it is first asked for: a run on the virtual clock writes nothing, and may run where nothing can be written. */
class TemporaryFolder {
  #path: string | undefined;

  get path(): string {
    return this.#path ??= mkdtempSync(join(tmpdir(), "arc-sandbox-"));
  }

  remove(): void {
    if (this.#path !== undefined) rmSync(this.#path, { recursive: true, force: true });
  }
}

class Run {
  readonly #call: SandboxCall;
  readonly #folder: TemporaryFolder;
  readonly #box: Box;
  readonly #screen: Screen;
  #startedAt = 0;
  /** Why the controller has ended by itself. */
  #ended: string | undefined;
  /** Nobody has stopped it before its work was done. */
  #finished = false;

  constructor(call: SandboxCall, folder: TemporaryFolder) {
    const { values, io, clock, log } = call;
    this.#call = call;
    this.#folder = folder;
    this.#screen = call.screen;
    this.#box = new Box({
      seed: values.seed,
      clock,
      faults: values.faults,
      scaleSets: values.scaleSets,
      minRunners: values.min,
      maxRunners: values.max,
      log,
      version: io.version,
      worldOnly: values.worldOnly ? { listener: this.#listenerCommand() } : undefined,
    });
  }

  async toTheEnd(): Promise<number> {
    const { clock, io, values } = this.#call;
    this.#startedAt = clock.now();
    const since = io.clock.monotonic();
    const watching = new AbortController();
    const shown = this.#showUntil(watching.signal);
    const wrong: string[] = [];
    let summary: string[] = [];
    try {
      await this.#box.start();
      this.#announce();
      void this.#box.controllerEnded.then((why) => this.#ended ??= why);
      wrong.push(...await this.#work());
    } finally {
      watching.abort();
      await shown;
      this.#screen.end(this.#snapshot());
      if (wrong.length === 0 && values.keep && !io.stop.aborted) await this.#stayUp();
      // Before the world ends: with its nodes it loses the jobs that still run.
      const realMs = values.speed ? io.clock.monotonic() - since : undefined;
      summary = summaryOf(this.#box.world, clock.now() - this.#startedAt, realMs);
      await this.#box.close();
    }
    return this.#conclude(wrong, summary);
  }

  /** Jobs, and the end of the scale sets. @returns what is wrong */
  async #work(): Promise<string[]> {
    const { values, clock, io } = this.#call;
    const { world } = this.#box;
    const patience = values.worldOnly ? Infinity : LISTENING_MS;
    if (!await this.#reaches(() => this.#box.listening, patience)) {
      return this.#cutShort() ?? [`no listener listens for each scale set after ${LISTENING_MS / 1000} s`];
    }
    world.faults.start();
    const load = {
      clock,
      random: seededRandom(values.seed),
      scaleSets: this.#box.scaleSets,
      rate: values.rate,
      jobs: values.jobs,
      durationMs: values.duration,
    };
    await queueLoad(load, (job) => world.service.queueJob(job), io.stop);
    await this.#allDone();
    world.faults.stop();
    const cutShort = this.#cutShort();
    if (cutShort) return cutShort;
    if (!values.keep) {
      await this.#box.deleteScaleSets();
      await this.#reaches(() => this.#box.empty, EMPTY_MS);
      const cutShort = this.#cutShort();
      if (cutShort) return cutShort;
    }
    this.#finished = true;
    return verdictOf(world, { expectEmpty: !values.keep });
  }

  /** Waits for every job, as long as something moves. */
  async #allDone(): Promise<void> {
    const { world } = this.#box;
    const { clock } = this.#call;
    let moves = "";
    let movedAt = clock.monotonic();
    await this.#reaches(() => {
      const { jobs } = world.report();
      const now = `${jobs.running}/${jobs.done}`;
      if (now !== moves) [moves, movedAt] = [now, clock.monotonic()];
      return jobs.done === jobs.total || clock.monotonic() - movedAt > STANDSTILL_MS;
    }, Infinity);
  }

  /** Looks until `reached`, the limit, a stop or the controller's end. */
  async #reaches(reached: () => boolean, limitMs: number): Promise<boolean> {
    const { clock, io } = this.#call;
    const until = clock.monotonic() + limitMs;
    while (!reached()) {
      if (clock.monotonic() >= until || io.stop.aborted || this.#ended !== undefined) return false;
      await clock.sleep(LOOK_EVERY_MS, io.stop).catch(() => {}); // the loop's condition sees the end
    }
    return true;
  }

  /** What is wrong already, when somebody or the controller's end has cut the work short; else undefined. */
  #cutShort(): string[] | undefined {
    const { io } = this.#call;
    if (!io.stop.aborted && this.#ended === undefined) return undefined;
    const why = io.stop.aborted ? [] : [`the controller has ended by itself: ${this.#ended}`];
    return [...why, ...verdictOf(this.#box.world, { expectEmpty: false, expectDone: !io.stop.aborted })];
  }

  async #showUntil(signal: AbortSignal): Promise<void> {
    const { clock } = this.#call;
    while (!signal.aborted) {
      this.#screen.show(this.#snapshot());
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {}); // the loop's condition sees the end
    }
  }

  #snapshot() {
    return snapshotOf(this.#box.world, this.#box.scaleSets, this.#startedAt);
  }

  /** Where the world can be met, when somebody may want to. */
  #announce(): void {
    const { ports } = this.#box;
    const { keep, worldOnly } = this.#call.values;
    if (!ports || !(keep || worldOnly)) return;
    const path = join(this.#folder.path, "kubeconfig");
    writeFileSync(path, JSON.stringify(kubeconfigOf(ports.kubeUrl)), { mode: 0o600 });
    this.#screen.say([
      `export KUBECONFIG=${path}`,
      `API server     ${ports.kubeUrl}`,
      `GitHub         ${this.#box.configUrl} (a config URL; token ghp_simulated)`,
      "",
    ]);
  }

  async #stayUp(): Promise<void> {
    const { io } = this.#call;
    this.#screen.say(["", "All jobs are done. The world stays up until Ctrl-C."]);
    await new Promise<void>((resolve) => io.stop.addEventListener("abort", () => resolve(), { once: true }));
  }

  #conclude(wrong: readonly string[], summary: readonly string[]): number {
    const { io, values } = this.#call;
    io.stdout.write(`\n${summary.join("\n")}\n`);
    if (wrong.length === 0 && !this.#finished) {
      io.stdout.write("\nstopped before the end; nothing was wrong until then\n");
      // A world that waits for somebody's controller has no other end.
      return values.worldOnly ? 0 : 1;
    }
    if (wrong.length === 0) {
      const rest = this.#call.values.keep ? "" : " and nothing is left over";
      io.stdout.write(`\nok: every job ran exactly once${rest}\n`);
      return 0;
    }
    io.stdout.write(`\nnot ok:\n${wrong.map((line) => `  ${line}\n`).join("")}`);
    return 1;
  }

  #listenerCommand() {
    const { values, io, clock, log } = this.#call;
    const command = values.listenerCommand?.split(/\s+/).filter((word) => word !== "");
    if (!command || command.length === 0) return undefined;
    const program = execProgram({
      clock,
      command,
      env: { PATH: io.env["PATH"] ?? "", HOME: this.#folder.path },
      folder: this.#folder.path,
      onLine: (line, pod) => log.info("listener says", { pod, line }),
    });
    // A process meets the API server on its port, not where the simulated kubelet has it.
    return (context: ListenerContext) => program({ ...context, kubeUrl: this.#box.ports?.kubeUrl ?? context.kubeUrl });
  }
}

function kubeconfigOf(server: string): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "sandbox", cluster: { server } }],
    users: [{ name: "sandbox", user: {} }],
    contexts: [{ name: "sandbox", context: { cluster: "sandbox", user: "sandbox", namespace: "arc-runners" } }],
    "current-context": "sandbox",
  };
}

/** Runs `work` on a virtual clock, which moves as fast as the machine goes. */
export async function pumped<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  let over = false;
  const watched = work.finally(() => over = true);
  await clock.runUntil(() => over, Infinity);
  return await watched;
}
