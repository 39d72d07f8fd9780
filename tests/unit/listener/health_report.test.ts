/** How a listener in a pod tells the controller how it is: what, when, how often, and when it is taken back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ListenerReport } from "../../../src/api/kinds.ts";
import type { KubeClient } from "../../../src/k8s/client.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { LoopHealth } from "../../../src/listener/health.ts";
import { HealthReport } from "../../../src/listener/health_report.ts";
import { kubeRefuses } from "./world.ts";

type Body = { readonly spec: { readonly listenerReport: ListenerReport | null } };

function world(options: { readonly drops?: boolean } = {}) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1, 12));
  const sent: (string | null)[] = [];
  const state = { refuse: undefined as Error | undefined, tries: 0 };
  const patch = (_kind: unknown, _ref: unknown, { spec }: Body) => {
    state.tries++;
    if (state.refuse) return Promise.reject(state.refuse);
    const { reason, phantomDemand } = spec.listenerReport ?? {};
    sent.push(spec.listenerReport && [reason, phantomDemand].filter((part) => part ?? false).join(" "));
    return Promise.resolve({ spec: options.drops ? {} : spec });
  };
  const runnerSet = { namespace: "arc-runners", name: "linux" };
  const kube = { patch } as unknown as KubeClient;
  const report = new HealthReport({ kube, runnerSet, clock, random: seededRandom(1), log: silentLog });
  const health = new LoopHealth(clock, () => report.changed());
  const stop = new AbortController();
  const done = report.run(health, stop.signal);
  const end = async () => {
    stop.abort(new Error("the end"));
    await clock.advance(1);
    await done;
  };
  return { clock, sent, state, report, health, end };
}

/** The loop has found nothing, and listens. */
function listening({ report, health }: ReturnType<typeof world>): void {
  report.stands(undefined);
  health.session("s1");
  health.polled();
}

test("report: a listener that is well says nothing", async () => {
  const one = world();
  listening(one);
  await one.clock.advance(3_600_000);
  assert.equal(one.state.tries, 0);
  await one.end();
});

test("report: a conflict is told when it has lasted for 5 s, once, and taken back", async () => {
  const { clock, sent, health, report, end } = world();
  report.stands(undefined);
  health.failed("SessionConflict", "try 1");
  await clock.advance(4_900);
  assert.deepEqual(sent, []);
  for (let i = 2; i < 100; i++) {
    health.failed("SessionConflict", `try ${i}`);
    await clock.advance(1_000);
  }
  assert.deepEqual(sent, ["SessionConflict"]);
  health.session("s1");
  health.polled();
  await clock.advance(20_000);
  assert.deepEqual(sent, ["SessionConflict", null]);
  await end();
});

test("report: GitHub that is away for a moment is told to nobody, for two minutes it is", async () => {
  const one = world();
  const { clock, sent, health, end } = one;
  listening(one);
  health.failed("ServiceUnavailable", "503");
  await clock.advance(119_000);
  health.polled();
  await clock.advance(600_000);
  assert.deepEqual(sent, []);
  health.failed("ServiceUnavailable", "503");
  await clock.advance(121_000);
  assert.deepEqual(sent, ["ServiceUnavailable"]);
  await end();
});

test("report: demand that can't be real, beside a problem and alone", async () => {
  const one = world();
  const { clock, sent, health, end } = one;
  listening(one);
  health.phantom(3);
  await clock.advance(11_000);
  health.failed("Unauthorized", "401");
  await clock.advance(20_000);
  health.polled();
  await clock.advance(20_000);
  health.phantom(0);
  await clock.advance(20_000);
  assert.deepEqual(sent, ["3", "Unauthorized 3", "3", null]);
  await end();
});

test("report: what can't be written is not told where it can't be written", async () => {
  const one = world();
  listening(one);
  one.health.failed("RunnerSetNotWritten", "403");
  await one.clock.advance(600_000);
  assert.equal(one.state.tries, 0);
  await one.end();
});

test("report: what flaps is told at most every 10 s", async () => {
  const one = world();
  const { clock, state, health, end } = one;
  listening(one);
  for (let second = 0; second < 600; second++) {
    health.phantom(second % 2);
    await clock.advance(1_000);
  }
  assert.ok(state.tries <= 61, `${state.tries} in ten minutes`);
  await end();
});

test("report: what a former process has left is taken back by the first one that listens, not before", async () => {
  const { clock, sent, health, report, end } = world();
  report.stands({ reason: "SessionConflict", message: "of before" });
  await clock.advance(60_000);
  assert.deepEqual(sent, []);
  health.session("s1");
  await clock.advance(1_000);
  assert.deepEqual(sent, [null]);
  await end();
});

test("report: where nobody knows what stands, it is taken back once", async () => {
  const { clock, sent, health, end } = world();
  await clock.advance(60_000);
  assert.deepEqual(sent, []);
  health.session("s1");
  health.polled();
  await clock.advance(600_000);
  assert.deepEqual(sent, [null]);
  await end();
});

test("report: where the CRD drops it nobody is told again", async () => {
  const one = world({ drops: true });
  listening(one);
  one.health.failed("SessionConflict", "409");
  await one.clock.advance(3_600_000);
  assert.equal(one.state.tries, 1);
  await one.end();
});

test("report: one that fails is made again, with growing waits", async () => {
  const one = world();
  const { clock, sent, state, health, end } = one;
  listening(one);
  state.refuse = kubeRefuses("Unavailable");
  health.failed("SessionConflict", "409");
  await clock.advance(3_600_000);
  assert.ok(state.tries > 5 && state.tries < 25, `${state.tries} in an hour`);
  state.refuse = undefined;
  await clock.advance(400_000);
  assert.deepEqual(sent, ["SessionConflict"]);
  await end();
});
