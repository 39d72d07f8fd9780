/** A listener process in a small world: a simulated GitHub over the wire, and an API server that keeps what it is told. */
import { type ListenerDeps, runListener } from "../../../src/commands/listener.ts";
import { connect } from "../../../src/github/client.ts";
import { parseConfigUrl } from "../../../src/lib/config_url.ts";
import { type Fields, type LogLevel, logOf, silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { Secrets } from "../../../src/lib/secrets.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import type { AppParts } from "../../../src/server/app.ts";
import type { ServiceBehaviour } from "../../../src/sim/actions_service/behaviour.ts";
import { ActionsServiceSim } from "../../../src/sim/actions_service/service.ts";
import { Cluster } from "../listener/world.ts";

const URL_TEXT = "https://github.com/acme/api";

/** A listener process with a simulated GitHub over the wire, and an API server that knows what a listener may do. */
export class Process {
  readonly clock = new VirtualClock(Date.UTC(2026, 0, 1));
  readonly cluster = new Cluster();
  readonly sim: ActionsServiceSim;
  readonly lines: string[] = [];
  readonly complaints: string[] = [];
  readonly secrets = new Secrets();
  readonly served: AppParts[] = [];
  readonly stop = new AbortController();
  exitCode: number | undefined;
  config: Record<string, unknown> = {
    configure_url: URL_TEXT,
    github_token: "ghp_first\n",
    ephemeral_runner_set_namespace: "arc-runners",
    ephemeral_runner_set_name: "linux",
    max_runners: 10,
    min_runners: 0,
    runner_scale_set_id: 1,
    runner_scale_set_name: "linux",
    metrics_addr: ":8080",
  };
  #changed = () => {};

  constructor(behaviour: Partial<ServiceBehaviour> = {}) {
    const credentials = { pats: ["ghp_first", "ghp_second"] };
    this.sim = new ActionsServiceSim({ clock: this.clock, random: seededRandom(1), credentials, behaviour });
  }

  /** The same GitHub, for the test's own calls. */
  readonly github = () =>
    connect({
      configUrl: parseConfigUrl(URL_TEXT),
      credentials: { kind: "pat", token: "ghp_second" },
      transport: this.sim.handle,
      clock: this.clock,
      random: seededRandom(2),
      log: silentLog,
      userAgent: { version: "0", commit: "0", subsystem: "gha-scale-set-controller" },
    });

  async start(changed: Partial<ListenerDeps> = {}): Promise<void> {
    const made = this.github().createScaleSet({ name: "linux", runnerGroupId: 1, labels: ["linux"] });
    await this.clock.advance(100);
    this.config.runner_scale_set_id = (await made).id;
    const write = (level: LogLevel, message: string, fields: Fields) =>
      this.lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    runListener({
      configText: async () => JSON.stringify(this.config),
      configChanges: (_known, signal) => this.#changes(signal),
      kube: async () => this.cluster.client(),
      transports: () => this.sim.handle,
      clock: this.clock,
      random: seededRandom(3),
      log: () => logOf(write),
      complain: (line) => this.complaints.push(line),
      version: { version: "0.14.2", commit: "abc" },
      hostname: "host",
      secrets: this.secrets,
      serve: async (parts) => {
        this.served.push(parts);
        return { close: async () => {} };
      },
      ...changed,
    }, this.stop.signal).then((code) => this.exitCode = code);
    await this.clock.advance(100);
  }

  /** The file is another one. */
  async rewrite(fields: Record<string, unknown>): Promise<void> {
    this.config = { ...this.config, ...fields };
    this.#changed();
    await this.clock.advance(100);
  }

  get id(): number {
    return this.config.runner_scale_set_id as number;
  }

  get told(): string {
    return `${this.cluster.spec.replicas}/${this.cluster.spec.runningJobs}`;
  }

  async *#changes(signal: AbortSignal): AsyncGenerator<string> {
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      if (!signal.aborted) yield JSON.stringify(this.config);
    }
  }
}
