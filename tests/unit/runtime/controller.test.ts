import assert from "node:assert/strict";
import { test } from "node:test";
import { logOf } from "../../../src/lib/log.ts";
import { Metrics } from "../../../src/lib/metrics.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { KubeError } from "../../../src/k8s/errors.ts";
import { PODS } from "../../../src/k8s/resource.ts";
import { Controller, type Reconciler } from "../../../src/runtime/controller.ts";
import type { ExecutionResult, Executor } from "../../../src/runtime/execute.ts";
import { MachineryMetrics } from "../../../src/runtime/metrics.ts";
import { Performer } from "../../../src/runtime/performer.ts";
import { act, create, perform, type Plan, type Step } from "../../../src/runtime/plan.ts";
import { rest } from "../../../src/runtime/plan.ts";

const CHANGE: Step<string> = {
  do: "event",
  kind: { group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true },
  about: {},
  type: "Normal",
  reason: "x",
  message: "",
};

/** A world with one number a key, which each executed step counts up. */
class Counting {
  readonly clock = new VirtualClock(0);
  readonly count = new Map<string, number>();
  readonly order: string[] = [];
  readonly lines: string[] = [];
  current = "";
  fail: unknown;

  readonly executor = {
    execute: (steps: readonly Step<unknown>[]): Promise<ExecutionResult> => {
      const real = steps.filter((step) => step.do !== "perform").length;
      if (this.fail !== undefined && real > 0) return Promise.resolve({ changed: false, errors: [this.fail] });
      this.count.set(this.current, (this.count.get(this.current) ?? 0) + real);
      return Promise.resolve({ changed: real > 0, errors: [] });
    },
  } as Executor;

  readonly machinery = new Metrics();

  controller(decide: (count: number) => Plan<string>, extra: Partial<Reconciler<number, string>> = {}) {
    return new Controller<number, string>({
      name: "counting",
      observe: (key) => {
        this.current = key;
        this.order.push(`${this.clock.monotonic()} ${key}`);
        return Promise.resolve(this.count.get(key) ?? 0);
      },
      decide,
      ...extra,
    }, {
      clock: this.clock,
      executor: this.executor,
      concurrency: 1,
      observer: new MachineryMetrics(this.machinery),
      log: logOf((level, message, fields) => this.lines.push(`${level} ${message} ${fields.error ?? ""}`)),
    });
  }

  async run(controller: Controller<number, string>, forMs: number): Promise<void> {
    const abort = new AbortController();
    const running = controller.run(abort.signal);
    await this.clock.advance(forMs);
    abort.abort();
    await running;
  }
}

test("controller: a key is run until it is quiet, in one pass", async () => {
  const world = new Counting();
  const controller = world.controller((count) => count < 4 ? act("more", CHANGE) : rest("enough"));
  controller.enqueue("n/a");
  await world.run(controller, 0);
  assert.equal(world.count.get("n/a"), 4);
  assert.deepEqual(world.order, Array(5).fill("0 n/a"));
});

test("controller: decisions are counted by their word", async () => {
  const world = new Counting();
  const controller = world.controller((count) => count < 4 ? act("more", CHANGE) : rest("enough"));
  controller.enqueue("n/a");
  await world.run(controller, 0);
  const samples = await world.machinery.samples();
  const decided = (why: string) =>
    samples.get(`gha_controller_decisions_total{controller="counting",decision="${why}"}`);
  assert.deepEqual([decided("more"), decided("enough")], [4, 1]);
});

test("controller: after two rounds other due keys go first", async () => {
  const world = new Counting();
  const controller = world.controller((count) => count < 4 ? act("more", CHANGE) : rest("enough"));
  controller.enqueue("n/a");
  controller.enqueue("n/b");
  await world.run(controller, 0);
  assert.deepEqual(world.order.map((line) => line.at(-1)).join(""), "aabbaabbab");
});

test("controller: a plan that finds no rest is a failure with back-off, and says its why", async () => {
  const world = new Counting();
  const controller = world.controller(() => act("restless", CHANGE));
  controller.enqueue("n/a");
  await world.run(controller, 4);
  assert.equal(world.count.get("n/a"), 8);
  assert.match(world.lines.at(-1)!, /warn reconcile failed no rest after 8 rounds; the last plan was "restless"/);
  await world.run(controller, 1);
});

test("controller: one that gets on with something new each round is no failure, however long it takes", async () => {
  const world = new Counting();
  const make = (at: number) => create(PODS, { metadata: { namespace: "n", name: `pod-${at}` } });
  const controller = world.controller((count) => count < 30 ? act("create", make(count)) : rest("enough"));
  controller.enqueue("n/a");
  await world.run(controller, 1_000);
  assert.equal(world.count.get("n/a"), 30);
  assert.deepEqual(world.lines.filter((line) => !line.startsWith("debug")), []);
});

test("controller: one that makes the same again and again is a failure", async () => {
  const world = new Counting();
  const make = (at: number) => create(PODS, { metadata: { namespace: "n", name: `pod-${at % 3}` } });
  const controller = world.controller((count) => act("create", make(count)));
  controller.enqueue("n/a");
  await world.run(controller, 4);
  assert.match(world.lines.at(-1)!, /warn reconcile failed no rest after 8 rounds/);
});

test("controller: giving way to others does not reset the count of rounds", async () => {
  const world = new Counting();
  const controller = world.controller(() => act("restless", CHANGE));
  controller.enqueue("n/a");
  controller.enqueue("n/b");
  await world.run(controller, 4);
  assert.equal(world.count.get("n/a"), 8);
  assert.equal(world.count.get("n/b"), 8);
});

test("controller: what has failed for an hour is tried within a minute of its mending", async () => {
  const world = new Counting();
  world.fail = new Error("there is no such definition");
  const controller = world.controller((count) => count === 0 ? act("make", CHANGE) : rest("done"));
  controller.enqueue("n/a");
  const abort = new AbortController();
  const running = controller.run(abort.signal);
  await world.clock.advance(3_600_000);
  assert.equal(world.count.get("n/a"), undefined);
  assert.ok(world.order.length < 80, `it backs off: ${world.order.length} tries in an hour`);
  world.fail = undefined;
  await world.clock.advance(60_000);
  assert.equal(world.count.get("n/a"), 1);
  abort.abort();
  await running;
});

test("controller: a failing step is tried again with back-off, and a conflict is not worth a warning", async () => {
  const world = new Counting();
  world.fail = new KubeError("changed meanwhile", { kind: "Conflict", status: 409, reason: "Conflict" });
  const controller = world.controller(() => act("write", CHANGE));
  controller.enqueue("n/a");
  await world.run(controller, 100);
  assert.deepEqual(world.order, ["0 n/a", "5 n/a", "15 n/a", "35 n/a", "75 n/a"]);
  assert.ok(world.lines.every((line) => line.startsWith("debug")), world.lines.join("\n"));
});

test("controller: a plan is looked at again when it asks for it", async () => {
  const world = new Counting();
  const controller = world.controller(() => rest("later", 300));
  controller.enqueue("n/a");
  await world.run(controller, 700);
  assert.deepEqual(world.order, ["0 n/a", "300 n/a", "600 n/a"]);
});

test("controller: a call holds no worker, and its outcome wakes the key", async () => {
  const world = new Counting();
  const performer: Performer<string, string> = new Performer({
    clock: world.clock,
    run: async (key, call) => {
      await world.clock.sleep(key === "n/slow" ? 10_000 : 50);
      return `${call} done`;
    },
    wake: (key) => controller.enqueue(key),
    backoff: { firstMs: 1000, maxMs: 60_000 },
  });
  const outcomes: string[] = [];
  const controller: Controller<number, string> = world.controller(() => {
    const { running, last } = performer.of(world.current);
    if (last?.ok) outcomes.push(`${world.clock.monotonic()} ${world.current} ${last.result}`);
    return running || last ? rest("waiting") : act("ask", perform("register"));
  }, { performer });
  controller.enqueue("n/slow");
  controller.enqueue("n/fast");
  await world.run(controller, 60);
  assert.deepEqual(outcomes, ["50 n/fast register done"]);
  assert.equal(performer.inFlight, 1);
});

test("controller: a key whose object has gone is forgotten", async () => {
  const world = new Counting();
  const gone: string[] = [];
  const controller = world.controller(() => rest("never"), {
    observe: () => Promise.resolve(undefined),
    gone: (key) => gone.push(key),
  });
  controller.enqueue("n/a");
  await world.run(controller, 0);
  assert.deepEqual(gone, ["n/a"]);
});
