import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeServer } from "../../../src/k8s/client.ts";
import { HttpKubeClient } from "../../../src/k8s/http_client.ts";
import { LeaderLease } from "../../../src/k8s/lease.ts";
import type { Lease } from "../../../src/k8s/resource.ts";
import { type Clock, sleepOn } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { TransportError } from "../../../src/lib/http.ts";
import { refusal } from "../../support/scripted_api.ts";
import { TinyApi } from "../../support/tiny_api.ts";

const PATH = "/apis/coordination.k8s.io/v1/namespaces/arc/leases/controller";

function world() {
  const clock = new VirtualClock();
  const api = new TinyApi();
  const candidate = (identity: string, ownClock: Clock = clock) => {
    const link = { cut: false, slowMs: 0 };
    const abort = new AbortController();
    const { transport, ...reachable } = api.serverFor(() => link.cut);
    const server: KubeServer = {
      ...reachable,
      transport: async (request) => {
        const response = await transport(request);
        if (link.slowMs > 0) await ownClock.sleep(link.slowMs, request.signal);
        return response;
      },
    };
    const random = seededRandom(identity.length);
    const client = new HttpKubeClient({ server, clock: ownClock, random, userAgent: identity, log: silentLog });
    const options = { client, clock: ownClock, random, log: silentLog, namespace: "arc", name: "controller", identity };
    const lease = new LeaderLease(options);
    const fate = { acquired: false, lost: undefined as Error | undefined };
    const acquiring = lease.acquire(abort.signal).then(() => void (fate.acquired = true), () => {});
    lease.lost.then((reason) => fate.lost = reason);
    return { lease, fate, link, abort, acquiring };
  };
  const spec = () => (api.objects.get(PATH) as Lease | undefined)?.spec;
  return { clock, api, candidate, spec };
}

test("who comes first leads, writes the lease as Kubernetes' own components do, and renews it every 2 s", async () => {
  const { clock, api, candidate, spec } = world();
  const a = candidate("a");
  await clock.advance(10);
  assert.deepEqual([a.fate.acquired, a.lease.held()], [true, true]);
  assert.deepEqual(spec(), {
    holderIdentity: "a",
    leaseDurationSeconds: 15,
    acquireTime: "2026-01-01T00:00:00.000000Z",
    renewTime: "2026-01-01T00:00:00.000000Z",
    leaseTransitions: 0,
  });
  const before = api.seen.length;
  await clock.advance(60_000);
  assert.equal(api.seen.length - before, 30, "one request a renewal");
  assert.equal(spec()?.acquireTime, "2026-01-01T00:00:00.000000Z");
  assert.equal(spec()?.renewTime, "2026-01-01T00:01:00.000000Z");
  assert.ok(
    api.seen.every(({ method }) => ["GET", "POST", "PUT"].includes(method)),
    "the chart grants no patch on leases",
  );
});

test("one leads at a time; the other waits with one look every 2 s at most", async () => {
  const { clock, api, candidate } = world();
  const a = candidate("a");
  await clock.advance(10);
  const b = candidate("b");
  const before = api.seen.length;
  await clock.advance(60_000);
  assert.deepEqual([a.lease.held(), b.lease.held(), b.lease.state.holder], [true, false, "a"]);
  assert.ok(api.seen.length - before <= 30 + 45);
});

test("a leader that leaves in good order is followed within 2 s", async () => {
  const { clock, candidate, spec } = world();
  const a = candidate("a");
  await clock.advance(10);
  const b = candidate("b");
  await clock.advance(31_000);
  void a.lease.release();
  assert.equal(a.lease.held(), false, "from the moment on in which it leaves");
  await clock.advance(2_000);
  assert.equal(b.lease.held(), true);
  assert.deepEqual([spec()?.holderIdentity, spec()?.leaseTransitions, a.fate.lost], ["b", 1, undefined]);
});

test("a release leaves the lease as Kubernetes' own components leave it", async () => {
  const { clock, candidate, spec } = world();
  const a = candidate("a");
  await clock.advance(10);
  void a.lease.release();
  await clock.advance(10);
  assert.deepEqual([spec()?.holderIdentity, spec()?.leaseDurationSeconds], ["", 1]);
});

test("a leader that dies is followed within 17 s, wherever it was between two renewals", async () => {
  for (let phase = 0; phase < 2_000; phase += 190) {
    const { clock, candidate } = world();
    const a = candidate("a");
    await clock.advance(10);
    const b = candidate("b");
    await clock.advance(30_000 + phase);
    a.link.cut = true;
    let took = 0;
    for (; !b.lease.held() && took < 30_000; took += 50) {
      assert.ok(!(a.lease.held() && b.lease.held()));
      await clock.advance(50);
    }
    assert.ok(took <= 17_000, `it took ${took} ms at phase ${phase}`);
    assert.ok(took >= 13_000, `it took ${took} ms only: the holder was not given its time`);
  }
});

test("never two at a time, whatever the API server does", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed);
    const { clock, api, candidate } = world();
    const all = ["a", "bb", "ccc"].map((identity) => candidate(identity));
    for (let step = 0; step < 300; step++) {
      const dice = random.next();
      const one = all[Math.floor(random.next() * all.length)];
      if (dice < 0.03) api.fault = () => refusal(503, "ServiceUnavailable");
      else if (dice < 0.06) api.fault = () => new TransportError("reset", "lost");
      else if (dice < 0.2) api.fault = () => undefined;
      else if (dice < 0.3 && one) one.link.cut = !one.link.cut;
      api.faultAfterwards = random.next() < 0.5;
      await clock.advance(1_500 * random.next());
      const leaders = all.filter(({ lease }) => lease.held()).length;
      assert.ok(leaders <= 1, `seed ${seed}, step ${step}: ${leaders} leaders`);
    }
  }
});

test("a leader that can't renew counts itself as none after 10 s, and says that it has lost the lease", async () => {
  const { clock, candidate } = world();
  const a = candidate("a");
  await clock.advance(30_010);
  a.link.cut = true;
  await clock.advance(9_900);
  assert.equal(a.lease.held(), true);
  await clock.advance(100);
  assert.equal(a.lease.held(), false);
  await clock.advance(100);
  assert.match(String(a.fate.lost), /not renewed for 10000 ms/);
});

test("a leader that was stopped and goes on knows before it does anything that it leads no more", async () => {
  const { clock, api, candidate } = world();
  const timers = new VirtualClock(); // a stopped process's timers stand still while time goes on
  const stopped: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (ms, action) => timers.after(ms, action),
    sleep: (ms, signal) => sleepOn(stopped, ms, signal),
  };
  const a = candidate("a", stopped);
  await timers.advance(10);
  assert.equal(a.lease.held(), true);
  const b = candidate("b");
  await clock.advance(16_000);
  assert.deepEqual([a.lease.held(), b.lease.held()], [false, true]);
  await timers.advance(2_000);
  assert.match(String(a.fate.lost), /not renewed/);
  const writers = api.seen.filter(({ method }) => method !== "GET").map(({ headers }) => headers["user-agent"]);
  assert.equal(writers.lastIndexOf("a"), 0, "it wrote the lease when it began, and never again");
  assert.equal(b.lease.held(), true);
});

test("a paused machine's monotonic clock stands still: then the wall clock's word is enough to wait for a renewal", async () => {
  const { clock, candidate } = world();
  const a = candidate("a");
  await clock.advance(10);
  clock.jump(11_000);
  assert.equal(a.lease.held(), false);
  await clock.advance(2_000);
  assert.equal(a.lease.held(), true, "the renewal has shown that the lease is still ours");
  clock.jump(-3_600_000);
  assert.equal(a.lease.held(), true, "a clock that is set back proves nothing");
});

test("the clock of another machine does not count", async () => {
  const { clock, api, candidate } = world();
  const spec = { holderIdentity: "x", leaseDurationSeconds: 15, renewTime: "2020-01-01T00:00:00.000000Z" };
  api.put(PATH, { metadata: { name: "controller", namespace: "arc" }, spec } as Lease);
  const a = candidate("a");
  await clock.advance(14_900);
  assert.equal(a.lease.held(), false, "the holder's clock may be years behind; it may be alive");
  await clock.advance(200);
  assert.equal(a.lease.held(), true);
});

test("the promise that stands in the lease counts, not our own default", async () => {
  const { clock, api, candidate } = world();
  const spec = { holderIdentity: "x", leaseDurationSeconds: 60, renewTime: "2026-01-01T00:00:00.000000Z" };
  api.put(PATH, { metadata: { name: "controller", namespace: "arc" }, spec } as Lease);
  const a = candidate("a");
  await clock.advance(59_900);
  assert.equal(a.lease.held(), false);
  await clock.advance(200);
  assert.equal(a.lease.held(), true);
});

test("a renewal whose answer was lost is no loss", async () => {
  const { clock, api, candidate, spec } = world();
  const a = candidate("a");
  await clock.advance(10);
  api.faultAfterwards = true;
  api.fault = ({ method }) => method === "PUT" ? new TransportError("reset", "lost") : undefined;
  await clock.advance(2_000);
  api.fault = () => undefined;
  await clock.advance(60_000);
  assert.deepEqual([a.lease.held(), a.fate.lost, spec()?.leaseTransitions], [true, undefined, 0]);
});

test("a lease that somebody deletes is made again by its holder", async () => {
  const { clock, api, candidate, spec } = world();
  const a = candidate("a");
  await clock.advance(10);
  api.objects.delete(PATH);
  await clock.advance(2_000);
  assert.deepEqual([a.lease.held(), spec()?.holderIdentity], [true, "a"]);
});

test("a lease that somebody gives to another is lost at the next renewal", async () => {
  const { clock, api, candidate } = world();
  const a = candidate("a");
  await clock.advance(10);
  api.put(PATH, { ...api.objects.get(PATH), spec: { holderIdentity: "x", leaseDurationSeconds: 15 } } as Lease);
  await clock.advance(2_000);
  assert.equal(a.lease.held(), false);
  assert.match(String(a.fate.lost), /held by x/);
});

test("a leader counts from the moment at which it sent its renewal, however long the answer took", async () => {
  const { clock, candidate } = world();
  const a = candidate("a");
  await clock.advance(1_000);
  a.link.slowMs = 4_000;
  await clock.advance(5_500); // sent at 2 s, answered at 6 s
  a.link.cut = true;
  await clock.advance(5_400);
  assert.equal(a.lease.held(), true, "11.9 s");
  await clock.advance(200);
  assert.equal(a.lease.held(), false, "12.1 s");
});

test("a lease that nobody holds is taken at once, whatever time stands in it", async () => {
  const { clock, api, candidate } = world();
  const spec = { holderIdentity: "", leaseDurationSeconds: 3_600 };
  api.put(PATH, { metadata: { name: "controller", namespace: "arc" }, spec } as Lease);
  const a = candidate("a");
  await clock.advance(10);
  assert.equal(a.lease.held(), true);
});

test("a candidate that is stopped in the moment in which it wins gives the lease back", async () => {
  const { clock, candidate, spec } = world();
  const a = candidate("a");
  a.link.slowMs = 500;
  await clock.advance(700); // the lease is written, the answer on its way
  assert.equal(spec()?.holderIdentity, "a");
  a.abort.abort(new Error("stop"));
  await a.acquiring;
  void a.lease.release();
  await clock.advance(4_000);
  assert.equal(spec()?.holderIdentity, "");
});

test("labels and foreign fields of the lease stay", async () => {
  const { clock, api, candidate } = world();
  const metadata = { name: "controller", namespace: "arc", labels: { team: "ci" } };
  api.put(PATH, { metadata, spec: { holderIdentity: "", preferredHolder: "p" } } as Lease);
  candidate("a");
  await clock.advance(10);
  const lease = api.objects.get(PATH) as Lease;
  assert.deepEqual(lease.metadata?.labels, { team: "ci" });
  assert.equal(lease.spec?.preferredHolder, "p");
});

test("a release ends in time, though the API server says nothing", async () => {
  const { clock, candidate } = world();
  const a = candidate("a");
  await clock.advance(10);
  a.link.cut = true;
  let released = false;
  a.lease.release().then(() => released = true);
  assert.ok(await clock.runUntil(() => released, 5_000));
});

test("a candidate that is stopped while it waits leaves nothing behind", async () => {
  const { clock, candidate } = world();
  const a = candidate("a");
  await clock.advance(10);
  const b = candidate("b");
  await clock.advance(10);
  b.abort.abort(new Error("stop"));
  await b.acquiring;
  await b.lease.release();
  void a.lease.release();
  await clock.advance(5_000);
  assert.equal(clock.pendingTimers, 0);
});

test("times that can't work are refused", () => {
  const { api, clock } = world();
  const random = seededRandom(1);
  const client = new HttpKubeClient({ server: api.serverFor(), clock, random, userAgent: "", log: silentLog });
  const base = { client, clock, random, log: silentLog, namespace: "n", name: "l", identity: "a" };
  assert.throws(() => new LeaderLease({ ...base, durationMs: 5_000 }), /renewDeadlineMs/);
  assert.throws(() => new LeaderLease({ ...base, retryMs: 10_000 }), /retryMs/);
});
