/** A world with a small client of its API server, and a crude controller: enough to bring runners to jobs. */
import { Buffer } from "node:buffer";
import { readText } from "../../../src/lib/http.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import type { Pod } from "../../../src/k8s/resource.ts";
import { KUBE_URL, World, type WorldOptions } from "../../../src/sim/world.ts";
import { Fixture } from "./actions_service/client.ts";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export class TestWorld {
  readonly clock = new VirtualClock();
  readonly world: World;
  readonly github: Fixture;
  scaleSetId = 0;

  constructor(options: Partial<WorldOptions> = {}) {
    const behaviour = { needsAcquire: false, sessionIdleMs: 1e9, ...options.behaviour as object };
    this.world = new World({ seed: 1, crds: [], clock: this.clock, latencyMs: [0, 0], ...options, behaviour });
    this.github = new Fixture({}, this.world.service);
    this.world.start();
  }

  async kube(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.world.kube.handle({
      method,
      url: `${KUBE_URL}${path}`,
      headers: { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: new AbortController().signal,
    });
    const text = await readText(response.body);
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** A scale set with a listener of unlimited capacity that reads nothing. */
  async scaleSet(): Promise<void> {
    this.scaleSetId = await this.github.scaleSet();
    const session = await this.github.session(this.scaleSetId);
    void this.github.startPoll(session, 1000).catch(() => {}); // ends with the world
    await this.clock.advance(0);
  }

  job(durationMs = 1000): string {
    return this.world.service.queueJob({ scaleSetName: "linux", durationMs });
  }

  /** Registers a runner, makes its secret and its pod. */
  async runner(name: string, spec: object = {}, containers: object[] = []): Promise<Pod> {
    const { jit } = await this.github.register(this.scaleSetId, name);
    const data = { jitToken: Buffer.from(jit).toString("base64") };
    await this.kube("POST", "/api/v1/namespaces/default/secrets", { metadata: { name }, data });
    return await this.pod(name, spec, containers);
  }

  async pod(name: string, spec: object = {}, containers: object[] = []): Promise<Pod> {
    const env = [{ name: "ACTIONS_RUNNER_INPUT_JITCONFIG", valueFrom: { secretKeyRef: { name, key: "jitToken" } } }];
    const answer = await this.kube("POST", "/api/v1/namespaces/default/pods", {
      metadata: { name, labels: { "actions-ephemeral-runner": "True" } },
      spec: { restartPolicy: "Never", containers: [{ name: "runner", image: "runner", env }, ...containers], ...spec },
    });
    return answer.body as Pod;
  }

  /** The pod as it is now; undefined when it is gone. */
  async podNow(name: string): Promise<Pod | undefined> {
    const answer = await this.kube("GET", `/api/v1/namespaces/default/pods/${name}`);
    return answer.status === 200 ? answer.body as Pod : undefined;
  }

  deletePod(name: string, gracePeriodSeconds?: number): Promise<Answer> {
    return this.kube("DELETE", `/api/v1/namespaces/default/pods/${name}`, { gracePeriodSeconds });
  }

  async stateOf(name: string, container = "runner") {
    const pod = await this.podNow(name);
    return pod?.status?.containerStatuses?.find((status) => status.name === container)?.state;
  }
}
