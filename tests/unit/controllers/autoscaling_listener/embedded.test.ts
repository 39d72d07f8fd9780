/** Message loops in the controller's process: what starts, changes and ends them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EPHEMERAL_RUNNER_SETS } from "../../../../src/api/kinds.ts";
import { EmbeddedLoops } from "../../../../src/controllers/autoscaling_listener/embedded.ts";
import type { LoopSpec } from "../../../../src/controllers/autoscaling_listener/loop_host.ts";
import { runnerSetOf } from "../../../../src/controllers/autoscaling_runner_set/build.ts";
import { SourceError } from "../../../../src/controllers/shared/services.ts";
import type { ActionsService, MessageSession, Statistics } from "../../../../src/github/service.ts";
import { ServiceError } from "../../../../src/github/errors.ts";
import { TransportError } from "../../../../src/lib/http.ts";
import { silentLog } from "../../../../src/lib/log.ts";
import { Metrics } from "../../../../src/lib/metrics.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { ListenerMetricFamily } from "../../../../src/listener/metrics.ts";
import { registered, settings } from "../../../support/builders_set.ts";
import { MemoryKube } from "../../../support/memory_kube.ts";
import { serviceError } from "../../../support/memory_service.ts";

const KEY = "arc-systems/linux-84bd964b-listener";
const ERS = "arc-runners/linux";

const spec = (changes: Partial<LoopSpec> = {}): LoopSpec => ({
  source: { namespace: "arc-runners", githubConfigUrl: "https://github.com/acme/api", githubConfigSecret: "gh" },
  scaleSetId: 7,
  scaleSetName: "linux",
  runnerSet: { namespace: "arc-runners", name: "linux" },
  minRunners: 0,
  maxRunners: 10,
  ...changes,
});

function world() {
  const clock = new VirtualClock();
  const kube = new MemoryKube();
  kube.put(EPHEMERAL_RUNNER_SETS, runnerSetOf(registered(), { id: 7, name: "linux", group: "Default" }, settings()));
  const sessions: string[] = [];
  const reports: number[] = [];
  const woken: string[] = [];
  const kept = new Map<string, string | undefined>();
  const state = {
    refuseSource: undefined as unknown,
    refuseSession: undefined as unknown,
    clients: 0,
    refreshed: 0,
    sourceMs: 0,
    read: [] as (string | undefined)[],
  };
  const statistics: Statistics = {
    totalAvailableJobs: 0,
    totalAcquiredJobs: 0,
    totalAssignedJobs: 0,
    totalRunningJobs: 0,
    totalRegisteredRunners: 0,
    totalBusyRunners: 0,
    totalIdleRunners: 0,
  };
  const session = (id: string): MessageSession => ({
    id,
    scaleSet: undefined,
    statistics,
    poll: async ({ signal }) => {
      await clock.sleep(50_000, signal);
      return undefined;
    },
    deleteMessage: () => Promise.resolve(),
    acquire: () => Promise.resolve([]),
    refresh: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
  let count = 0;
  const client = () =>
    ({
      openSession: (id: number) => {
        if (state.refuseSession) return Promise.reject(state.refuseSession);
        sessions.push(`open ${id}`);
        return Promise.resolve(session(`s${++count}`));
      },
      deleteSession: (id: number, name: string) => {
        sessions.push(`delete ${id} ${name}`);
        return Promise.resolve();
      },
      getScaleSet: (id: number) =>
        Promise.resolve({ id, name: "linux", runnerGroupId: 1, runnerGroupName: "Default", labels: [], statistics }),
    }) as Partial<ActionsService> as ActionsService;
  let current = client();
  const loops = new EmbeddedLoops({
    kube: kube.client,
    services: {
      of: async ({ githubConfigSecret }) => {
        state.read.push(githubConfigSecret);
        if (state.sourceMs > 0) await clock.sleep(state.sourceMs);
        if (state.refuseSource) throw state.refuseSource;
        return current;
      },
      refresh: () => void state.refreshed++,
    },
    clock,
    random: seededRandom(1),
    log: silentLog,
    owner: "controller-0",
    metricsOf: (set) => new ListenerMetricFamily(new Metrics(), undefined, silentLog).of(set),
    sessionsOf: (key) => ({
      former: () => Promise.resolve(kept.get(key)),
      keep: (id) => Promise.resolve(void kept.set(key, id)),
    }),
    gone: { report: (_key, id) => void reports.push(id) },
    wake: (key) => void woken.push(key),
  });
  const replicas = () => kube.find(EPHEMERAL_RUNNER_SETS, ERS)?.spec?.replicas ?? 0;
  const renew = () => void (current = client());
  return { clock, kube, loops, sessions, reports, woken, kept, state, replicas, renew };
}

test("a loop opens a session, keeps its id and ends it when it is stopped", async () => {
  const { clock, loops, sessions, kept } = world();
  loops.ensure(KEY, spec());
  await clock.advance(100);
  assert.deepEqual(sessions, ["open 7"]);
  assert.equal(kept.get(KEY), "s1");
  assert.deepEqual(loops.state(KEY), { spec: spec(), stopping: false, listening: true });
  await loops.stop(KEY);
  assert.deepEqual(sessions, ["open 7", "delete 7 s1"]);
  assert.equal(kept.get(KEY), undefined);
  assert.equal(loops.state(KEY), undefined);
});

test("a session that a former leader left is ended first", async () => {
  const { clock, loops, sessions, kept } = world();
  kept.set(KEY, "old");
  loops.ensure(KEY, spec());
  await clock.advance(100);
  assert.deepEqual(sessions, ["delete 7 old", "open 7"]);
  await loops.stopAll();
});

test("limits are taken up without another session", async () => {
  const { clock, loops, sessions, replicas } = world();
  loops.ensure(KEY, spec());
  await clock.advance(100);
  loops.ensure(KEY, spec({ minRunners: 3 }));
  await clock.advance(100);
  assert.equal(replicas(), 3);
  assert.deepEqual(sessions, ["open 7"]);
  await loops.stopAll();
});

test("another scale set: the old session ends, then the listener is looked at again", async () => {
  const { clock, loops, sessions, woken } = world();
  loops.ensure(KEY, spec());
  await clock.advance(100);
  woken.length = 0;
  loops.ensure(KEY, spec({ scaleSetId: 8 }));
  await clock.advance(100);
  assert.equal(loops.state(KEY), undefined);
  assert.ok(woken.includes(KEY));
  loops.ensure(KEY, spec({ scaleSetId: 8 }));
  await clock.advance(100);
  assert.deepEqual(sessions, ["open 7", "delete 7 s1", "open 8"]);
  await loops.stopAll();
});

test("a source that can't be used is said, and taken once it can", async () => {
  const { clock, loops, sessions, state } = world();
  state.refuseSource = new SourceError("SecretNotFound", "there is no secret");
  loops.ensure(KEY, spec());
  await clock.advance(100);
  assert.equal(loops.state(KEY)?.trouble?.reason, "SecretNotFound");
  state.refuseSource = undefined;
  await clock.advance(60_000);
  assert.deepEqual(sessions, ["open 7"]);
  assert.equal(loops.state(KEY)?.trouble, undefined);
  await loops.stopAll();
});

test("refused credentials are read again and the new client is used", async () => {
  const { clock, loops, sessions, state, renew } = world();
  state.refuseSession = serviceError("Unauthorized", 401);
  loops.ensure(KEY, spec());
  await clock.advance(100);
  assert.equal(loops.state(KEY)?.trouble?.reason, "Unauthorized");
  assert.ok(state.refreshed > 0);
  renew();
  state.refuseSession = undefined;
  await clock.advance(60_000);
  assert.deepEqual(sessions, ["open 7"]);
  await loops.stopAll();
});

test("a source that changes while the former one is read is read too", async () => {
  const { clock, loops, state } = world();
  loops.ensure(KEY, spec());
  await clock.advance(100);
  state.sourceMs = 1000;
  const secret = (githubConfigSecret: string) => spec({ source: { ...spec().source, githubConfigSecret } });
  loops.ensure(KEY, secret("second"));
  await clock.advance(500);
  loops.ensure(KEY, secret("third"));
  await clock.advance(10_000);
  assert.deepEqual(state.read, ["gh", "second", "third"]);
  await loops.stopAll();
});

test("a source that another has had forgotten, and that can't be read then, is read until it can be", async () => {
  const { clock, loops, state, woken } = world();
  loops.ensure(KEY, spec());
  await clock.advance(100);
  state.refuseSource = new TransportError("refused", "no connection");
  loops.refreshed(spec().source);
  await clock.advance(100_000);
  assert.equal(loops.state(KEY)?.trouble?.reason, "KubernetesUnavailable");
  assert.ok(state.read.length < 12, "and not hot");
  state.refuseSource = undefined;
  woken.length = 0;
  await clock.advance(40_000);
  assert.equal(loops.state(KEY)?.trouble, undefined);
  assert.deepEqual(woken, [KEY]);
  const { length } = state.read;
  await clock.advance(100_000);
  assert.equal(state.read.length, length, "and no more then");
  await loops.stopAll();
});

test("a scale set that GitHub does not know is reported", async () => {
  const { clock, loops, reports, state } = world();
  state.refuseSession = serviceError("ScaleSetNotFound", 404) satisfies ServiceError;
  loops.ensure(KEY, spec());
  await clock.advance(100);
  assert.deepEqual(reports, [7]);
  await loops.stopAll();
});

test("a loop that waits for a source can be stopped", async () => {
  const { clock, loops, state } = world();
  state.refuseSource = new SourceError("SecretNotFound", "there is no secret");
  loops.ensure(KEY, spec());
  await clock.advance(10);
  await loops.stop(KEY);
  assert.equal(clock.pendingTimers, 0);
});
