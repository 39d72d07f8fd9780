import assert from "node:assert/strict";
import { test } from "node:test";
import { EventRecorder, type KubeEvent, type Report } from "../../../src/k8s/events.ts";
import { HttpKubeClient } from "../../../src/k8s/http_client.ts";
import { PODS } from "../../../src/k8s/resource.ts";
import { logOf } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { refusal } from "../../support/scripted_api.ts";
import { table } from "../../support/table.ts";
import { TinyApi } from "../../support/tiny_api.ts";

function setup() {
  const clock = new VirtualClock();
  const api = new TinyApi();
  const lines: string[] = [];
  const log = logOf((level, message) => level === "debug" ? undefined : lines.push(`${level} ${message}`));
  const client = new HttpKubeClient({ server: api.serverFor(), clock, random: seededRandom(1), userAgent: "t", log });
  const recorder = new EventRecorder({ client, clock, log, component: "arc-controller", instance: "arc-0" });
  const events = () => [...api.objects.values()] as KubeEvent[];
  return { clock, api, recorder, events, lines };
}

const pod = (name = "p") => ({ metadata: { namespace: "n", name, uid: `uid-${name}`, resourceVersion: "7" } });
const report = (message = "it went wrong"): Report => ({ type: "Warning", reason: "Failed", message });

test("an event says about whom, what, when and who reports", async () => {
  const { clock, recorder, events } = setup();
  recorder.record(PODS, pod(), report());
  await clock.advance(0);
  const { metadata, ...event } = events()[0]!;
  assert.match(metadata?.name ?? "", /^p\.[0-9a-f]+$/);
  assert.equal(metadata?.namespace, "n");
  assert.deepEqual(event, {
    apiVersion: "v1",
    kind: "Event",
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "n", name: "p", uid: "uid-p", resourceVersion: "7" },
    type: "Warning",
    reason: "Failed",
    message: "it went wrong",
    count: 1,
    firstTimestamp: "2026-01-01T00:00:00Z",
    lastTimestamp: "2026-01-01T00:00:00Z",
    source: { component: "arc-controller", host: "arc-0" },
    reportingComponent: "arc-controller",
    reportingInstance: "arc-0",
  });
});

test("repeats within ten minutes are one event with a count, written at most every ten seconds", async () => {
  const { clock, api, recorder, events } = setup();
  for (let i = 0; i < 100; i++) {
    recorder.record(PODS, pod(), report());
    await clock.advance(1_000);
  }
  assert.equal(events().length, 1);
  assert.deepEqual([events()[0]?.count, events()[0]?.lastTimestamp], [91, "2026-01-01T00:01:30Z"]);
  assert.equal(api.seen.length, 10);
});

test("messages that differ by the ids of a request are one event, which says the last of them", async () => {
  const { clock, recorder, events } = setup();
  for (const id of ["a", "b", "c"]) {
    recorder.record(PODS, pod(), { ...report(`401 (request ${id})`), gist: "401" });
    await clock.advance(15_000);
  }
  assert.equal(events().length, 1);
  assert.deepEqual([events()[0]?.count, events()[0]?.message], [3, "401 (request c)"]);
});

test("after ten minutes of silence a repeat is a new event", async () => {
  const { clock, recorder, events } = setup();
  recorder.record(PODS, pod(), report());
  await clock.advance(600_000);
  recorder.record(PODS, pod(), report());
  await clock.advance(0);
  assert.deepEqual(events().map((event) => event.count), [1, 1]);
});

test("another object, reason or message is another event", async () => {
  const { clock, recorder, events } = setup();
  recorder.record(PODS, pod("a"), report());
  recorder.record(PODS, pod("b"), report());
  recorder.record(PODS, pod("a"), report("something else"));
  recorder.record(PODS, pod("a"), { ...report(), reason: "Other" });
  await clock.advance(0);
  assert.equal(events().length, 4);
});

test("an object that has too much to tell is cut short, without harm to the others", async () => {
  const { clock, recorder, events } = setup();
  for (let i = 0; i < 40; i++) {
    recorder.record(PODS, pod("loud"), report(`message ${i}`));
    await clock.advance(10);
  }
  recorder.record(PODS, pod("quiet"), report());
  await clock.advance(0);
  assert.deepEqual([events().length, recorder.dropped], [26, 15]);
});

table<
  { readonly status: number; readonly reason: string; readonly more?: Record<string, unknown>; readonly lines: number }
>(
  "a refusal",
  {
    "for want of rights is said once, and nothing more is asked for a while": {
      status: 403,
      reason: "Forbidden",
      lines: 1,
    },
    "because the namespace goes is nobody's concern": {
      status: 403,
      reason: "Forbidden",
      more: { details: { causes: [{ reason: "NamespaceTerminating" }] } },
      lines: 0,
    },
    "by a broken server is no news": { status: 500, reason: "InternalError", lines: 0 },
  },
  async ({ status, reason, more, lines: expected }) => {
    const { clock, api, recorder, lines } = setup();
    api.fault = () => refusal(status, reason, more);
    for (let i = 0; i < 10; i++) {
      recorder.record(PODS, pod(`p${i}`), report());
      await clock.advance(1_000);
    }
    assert.equal(lines.length, expected);
    assert.equal(api.seen.length, expected === 1 ? 1 : 10);
    assert.equal(recorder.dropped, 10);
  },
);

test("a refusal for want of rights may be of an API server that has just started: ten seconds later events are tried again", async () => {
  const { clock, api, recorder, events } = setup();
  api.fault = () => refusal(403, "Forbidden");
  recorder.record(PODS, pod(), report());
  await clock.advance(10_001);
  api.fault = () => undefined;
  recorder.record(PODS, pod(), report());
  await clock.advance(0);
  assert.equal(events().length, 1);
});

test("where rights are wanting for good events are tried ever more seldom, then no more, and it is said once", async () => {
  const { clock, api, recorder, lines } = setup();
  api.fault = () => refusal(403, "Forbidden");
  for (let second = 0; second < 3600; second += 5) {
    recorder.record(PODS, pod(`p${second}`), report());
    await clock.advance(5_000);
  }
  assert.deepEqual(lines.map((line) => line.split(" ", 1)[0]), ["info"]);
  assert.match(lines[0]!, /rbac\.extra in the charts/);
  assert.equal(api.seen.length, 6);
  api.fault = () => undefined;
  await clock.advance(86_400_000);
  recorder.record(PODS, pod(), report());
  await clock.advance(0);
  assert.equal(api.seen.length, 6, "until the next start");
});

test("rights that are wanting in one namespace silence that one alone", async () => {
  const { clock, api, recorder, events, lines } = setup();
  const inNamespace = (namespace: string, name: string) => ({
    metadata: { ...pod(`${namespace}-${name}`).metadata, namespace },
  });
  api.fault = ({ path }) => path.includes("/namespaces/bare/") ? refusal(403, "Forbidden") : undefined;
  for (let second = 0; second < 3600; second += 30) {
    for (const namespace of ["bare", "n", "bare-too"]) {
      recorder.record(PODS, inNamespace(namespace, `p${second}`), report());
    }
    await clock.advance(30_000);
  }
  const written = events().map(({ metadata }) => metadata?.namespace);
  assert.deepEqual([...new Set(written)].sort(), ["bare-too", "n"]);
  assert.equal(written.length, 240);
  assert.equal(lines.length, 1);
});

test("a token that is refused silences nobody: it is renewed", async () => {
  const { clock, api, recorder, events, lines } = setup();
  api.fault = () => refusal(401, "Unauthorized");
  recorder.record(PODS, pod(), report());
  await clock.advance(100);
  api.fault = () => undefined;
  recorder.record(PODS, pod(), report());
  await clock.advance(100);
  assert.equal(events().length, 1);
  assert.deepEqual(lines, []);
});

test("an event that could not be written is written at its next report", async () => {
  const { clock, api, recorder, events } = setup();
  api.fault = () => refusal(500, "InternalError");
  recorder.record(PODS, pod(), report());
  await clock.advance(1_000);
  api.fault = () => undefined;
  recorder.record(PODS, pod(), report());
  await clock.advance(0);
  assert.equal(events().length, 1);
});

test("a server that does not answer holds up nothing, and only some requests", async () => {
  const { clock, api, recorder } = setup();
  api.fault = () => "hang";
  for (let i = 0; i < 1_000; i++) recorder.record(PODS, pod(`p${i}`), report());
  await clock.advance(0);
  assert.deepEqual([api.seen.length, recorder.dropped], [20, 980]);
});

test("a long message is cut, for the API server takes no more than 1024 characters", async () => {
  const { clock, recorder, events } = setup();
  recorder.record(PODS, pod("p".repeat(253)), report("x".repeat(5_000)));
  await clock.advance(0);
  assert.equal(events()[0]?.message?.length, 1_024);
  assert.ok((events()[0]?.metadata?.name?.length ?? 0) <= 253);
});
