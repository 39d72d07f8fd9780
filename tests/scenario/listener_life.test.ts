/** The rules of docs/behaviour.md, "Listener", that take patience: what is put right, waited for, and given its time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_KEY } from "../../src/controllers/autoscaling_listener/build.ts";
import { PODS, refOf, ROLE_BINDINGS, ROLES, SECRETS, SERVICE_ACCOUNTS } from "../../src/k8s/resource.ts";
import { type AppParts, createApp } from "../../src/server/app.ts";
import type { SeenRequest } from "../../src/sim/network.ts";
import { withhold } from "../support/no_rights.ts";
import { SimSystem, type SystemOptions } from "../support/sim_system.ts";
import { CONTROLLER_NAMESPACE } from "../support/sim_view.ts";

function story(name: string, options: SystemOptions, tell: (system: SimSystem) => Promise<void>): void {
  for (const listenerMode of ["pod", "embedded"] as const) {
    test(`${name} (${listenerMode})`, () => SimSystem.story({ ...options, listenerMode }, tell));
  }
}

const ready = (system: SimSystem) => system.condition("linux", "Ready");
const toGithub = ({ server, client }: SeenRequest) => server.startsWith("github") && client !== "kubelet";
const isPoll = ({ method, url }: SeenRequest) => method === "GET" && /\/messages\/\d+$/.test(url.pathname);

test("what a listener needs is patched back, or made again", () =>
  SimSystem.story({}, async (system) => {
    await system.scaleSet("linux", { maxRunners: 5 });
    const { name, namespace } = system.listenerOf("linux")!.metadata;
    const role = system.object(ROLES, name)!;
    const binding = system.object(ROLE_BINDINGS, name)!;
    const config = () =>
      system.objects(SECRETS).find(({ metadata, data }) => metadata.namespace === namespace && data?.[CONFIG_KEY])!;
    const before = config();
    const pods = system.listenerPods().map(({ metadata }) => metadata.uid);
    await system.done(system.kubectl.patch(ROLES, refOf(role), { rules: [] }));
    await system.done(system.kubectl.patch(ROLE_BINDINGS, refOf(binding), { subjects: [] }));
    const broken = { stringData: { [CONFIG_KEY]: "{" } };
    await system.done(system.kubectl.patch(SECRETS, refOf(before), broken));
    await system.done(system.kubectl.delete(SERVICE_ACCOUNTS, refOf(system.object(SERVICE_ACCOUNTS, name)!)));
    // None of them is watched: they are looked at again every ten minutes, and what was read is believed as long.
    await system.run(1_260_000);
    assert.deepEqual(system.object(ROLES, name)?.rules, role.rules);
    assert.deepEqual(system.object(ROLE_BINDINGS, name)?.subjects, binding.subjects);
    assert.deepEqual(config().data, before.data);
    assert.ok(system.object(SERVICE_ACCOUNTS, name));
    system.queueJobs("linux", 3);
    await system.allDone();
    assert.deepEqual(system.listenerPods().map(({ metadata }) => metadata.uid), pods, "the pod has worked on");
    assert.deepEqual(system.listenerExits, []);
  }));

/** Evicts each listener's pod as soon as its container runs. */
async function evictAll(system: SimSystem, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    for (const { metadata, status } of system.listenerPods()) {
      if (status?.phase === "Running") system.world.kubelet.evict(metadata.uid);
    }
    await system.run(50);
  }
}

test("a listener's pod that ends again and again is made with growing waits, and good life ends them", () =>
  SimSystem.story({}, async (system) => {
    await system.scaleSet("linux", { maxRunners: 5 });
    const { ledger } = system.world.kubelet;
    const starts = () => ledger.started("listener").map(({ startedAt }) => startedAt!);
    const since = starts().length;
    await evictAll(system, 300_000);
    assert.equal(ready(system), "False ListenerFailing");
    const times = starts().slice(since - 1);
    const gaps = times.slice(1).map((at, index) => Math.round((at - times[index]!) / 1000));
    assert.ok(gaps.length >= 8 && gaps.length <= 11, `waits: ${gaps}`);
    assert.deepEqual(gaps, gaps.toSorted((a, b) => a - b), "each is longer");
    assert.ok(gaps[0]! <= 3 && gaps.at(-1)! >= 60 && gaps.at(-1)! <= 63, `waits: ${gaps}`);
    const told = system.events().filter(({ reason }) => reason === "ListenerEnded");
    assert.ok(told.length > 0 && told.every(({ object }) => object.startsWith("AutoscalingListener ")));
    await system.until("it listens", () => ready(system) === "True Ready", 70_000);
    await system.run(601_000);
    const [pod] = system.listenerPods();
    system.world.kubelet.evict(pod!.metadata.uid);
    const next = () => system.listenerPods().some(({ metadata }) => metadata.uid !== pod!.metadata.uid);
    const waited = await system.until("there is another", next, 10_000);
    assert.ok(waited <= 2_000, `after ${waited} ms`);
    system.queueJobs("linux", 2);
    await system.allDone();
    system.assertEachJobOnce();
  }));

/** Until another capacity has reached GitHub's side: as many jobs are assigned. */
async function moreRunners(system: SimSystem): Promise<number> {
  await system.scaleSet("linux", { maxRunners: 1 });
  system.queueJobs("linux", 5, { durationMs: 200_000 });
  await system.run(10_000);
  await system.patchScaleSet("linux", { spec: { maxRunners: 5 } });
  const taken = await system.until(
    "all are taken",
    () => system.service("linux")?.statistics.totalAssignedJobs === 5,
    90_000,
  );
  assert.equal(system.world.service.ledger.sessions.length, 1, "one session all the time");
  assert.deepEqual(system.listenerExits, []);
  return taken;
}

test("a running listener takes changed limits up at once where the controller may patch its pod", () =>
  SimSystem.story({}, async (system) => {
    const ms = await moreRunners(system);
    assert.ok(ms <= 2_000, `after ${ms} ms`);
  }));

test("a running listener takes changed limits up within a minute where the controller may not patch its pod", () =>
  SimSystem.story({}, async (system) => {
    withhold(system, {
      verb: "patch",
      resource: "pods",
      namespace: CONTROLLER_NAMESPACE,
      matches: ({ method, url }) => method === "PATCH" && url.pathname.includes(`/${CONTROLLER_NAMESPACE}/pods/`),
    });
    const ms = await moreRunners(system);
    assert.ok(ms > 2_000 && ms <= 62_000, `after ${ms} ms`);
  }));

for (
  const { listenerMode, least, most } of [
    { listenerMode: "pod", least: 119_000, most: 200_000 },
    { listenerMode: "embedded", least: 0, most: 60_000 },
  ] as const
) {
  test(`GitHub is away: a pod says so after two minutes, an embedded loop at once (${listenerMode})`, () =>
    SimSystem.story({ listenerMode }, async (system) => {
      await system.scaleSet("linux", { maxRunners: 5 });
      await system.until("it is ready", () => ready(system) === "True Ready");
      const { network } = system.world;
      const back = network.inject({
        name: "GitHub is away",
        matches: toGithub,
        effect: { kind: "fail", failure: "refused" },
      });
      network.cut(toGithub);
      // A poll that is under way ends within a minute.
      const said = await system.until("it is said", () => ready(system) === "False ServiceUnavailable", 300_000);
      assert.ok(said >= least && said <= most, `after ${said} ms`);
      back();
      // It is over when a poll was completed: after the wait of a retry and with nothing to tell that is a minute and more.
      await system.until("it is over", () => ready(system) === "True Ready", 130_000);
      system.queueJobs("linux", 2);
      await system.allDone();
      system.assertEachJobOnce();
      assert.deepEqual(system.listenerExits, []);
    }));
}

test("polls that are never answered: the session is refreshed, and after five minutes the listener is not ready", () => {
  const parts: AppParts[] = [];
  return SimSystem.story({ serve: (served) => parts.push(served) }, async (system) => {
    await system.scaleSet("linux", { maxRunners: 5 });
    const listener = createApp(parts.at(-1)!);
    const readiness = async () => (await system.done(Promise.resolve(listener.request("/readyz")))).status;
    assert.equal(await readiness(), 200);
    const heal = system.world.network.inject({ name: "polls hang", matches: isPoll, effect: { kind: "hang" } });
    system.world.network.cut(isPoll);
    const mark = system.world.timeline.count;
    const refreshes = () => system.requests(mark).filter(({ what }) => /^PATCH .*\/sessions\//.test(what)).length;
    await system.run(170_000);
    assert.equal(refreshes(), 0);
    await system.run(70_000);
    assert.equal(refreshes(), 1);
    assert.equal(await readiness(), 200);
    await system.run(130_000);
    assert.equal(await readiness(), 503);
    heal();
    system.queueJobs("linux", 2);
    await system.allDone(240_000);
    assert.equal(await readiness(), 200);
    assert.deepEqual(system.listenerExits, []);
    system.assertEachJobOnce();
  });
});

const patches = (plural: string) => ({ client, method, url }: SeenRequest) =>
  client !== "kubelet" && client !== "kubectl" && method === "PATCH" &&
  new RegExp(`/${plural}/[^/]+(/status)?$`).test(url.pathname);

story("facts of jobs that can't be written hold up no job, and are written when they can be", {}, async (system) => {
  await system.scaleSet("linux", { maxRunners: 20 });
  const heal = system.world.network.inject({
    name: "runners can't be patched",
    matches: patches("ephemeralrunners"),
    effect: { kind: "status", status: 503 },
  });
  const [first] = system.queueJobs("linux", 1, { durationMs: 300_000 });
  await system.run(40_000);
  const jobs = system.world.service.ledger.jobs;
  const started = (id: string) => jobs.get(id)?.startedAt !== undefined;
  assert.ok(started(first!));
  const [second] = system.queueJobs("linux", 1, { durationMs: 250_000 });
  await system.until("a job that came since has started", () => started(second!), 20_000);
  const told = () => system.runners().filter(({ status }) => status?.jobDisplayName || status?.jobId).length;
  assert.equal(told(), 0);
  heal();
  await system.until("both runners know their job", () => told() === 2, 60_000);
  await system.allDone(400_000);
  await system.quiet();
  system.assertEachJobOnce();
  assert.equal(system.made, 2);
});

test("a listener that is told to end finishes the message in hand, ends its session and exits 0", () =>
  SimSystem.story({}, async (system) => {
    await system.scaleSet("linux", { maxRunners: 5 });
    let isInHand = false;
    const isCount = patches("ephemeralrunnersets");
    system.world.network.inject({
      name: "the count is slow",
      matches: (request) => {
        const isFirst = !isInHand && request.client === "arc-listener" && isCount(request);
        isInHand ||= isFirst;
        return isFirst;
      },
      effect: { kind: "slow", ms: 8_000 },
    });
    system.queueJobs("linux", 1);
    await system.until("the count of a message is being written", () => isInHand);
    assert.equal(system.service("linux")?.messages, 1, "the message is not deleted yet");
    const mark = system.world.timeline.count;
    const [pod] = system.listenerPods();
    await system.done(system.kubectl.delete(PODS, refOf(pod!)));
    await system.run(5_000);
    assert.deepEqual(system.listenerExits, [], "it is still at it");
    await system.until("it has ended", () => system.listenerExits.length === 1, 20_000);
    assert.deepEqual(system.listenerExits, [0]);
    const what = system.requests(mark).map((one) => one.what);
    const deleted = what.findIndex((one) => /^DELETE .*\/messages\//.test(one));
    const ended = what.findIndex((one) => /^DELETE .*\/sessions\//.test(one));
    assert.ok(deleted >= 0 && ended > deleted, what.join("\n"));
    await system.allDone();
    await system.quiet();
    system.assertEachJobOnce();
    assert.equal(system.made, 1);
  }));

for (const listenerMode of ["pod", "embedded"] as const) {
  test(`what is told twice counts once in the metrics (${listenerMode})`, () => {
    const parts: AppParts[] = [];
    const counted = async (name: string) => {
      const samples = await Promise.all(parts.map(({ metrics }) => metrics?.source.samples() ?? new Map()));
      const all = samples.flatMap((one) => [...one]).filter(([sample]) => sample.startsWith(`${name}{`));
      return all.reduce((sum, [, count]) => sum + count, 0);
    };
    return SimSystem.story({ listenerMode, serve: (served) => parts.push(served) }, async (system) => {
      const id = await system.scaleSet("linux", { maxRunners: 20 });
      const known = new Set<string>();
      system.world.network.inject({
        name: "the first deletion of a message fails",
        matches: ({ method, url: { pathname } }) =>
          method === "DELETE" && /\/messages\/\d+\/\d+$/.test(pathname) && known.size < known.add(pathname).size,
        effect: { kind: "status", status: 503 },
      });
      for (let job = 0; job < 6; job++) {
        system.queueJobs("linux", 1);
        await system.run(1_000);
        system.world.service.controls.resendMessages(id);
      }
      await system.allDone();
      await system.quiet();
      await system.run(60_000);
      assert.ok(known.size >= 6, `only ${known.size} messages`);
      assert.equal(await counted("gha_started_jobs_total"), 6);
      assert.equal(await counted("gha_completed_jobs_total"), 6);
      system.assertEachJobOnce();
      assert.equal(system.made, 6);
    });
  });
}
