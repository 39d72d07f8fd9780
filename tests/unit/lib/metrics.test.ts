import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics, metricTable } from "../../../src/lib/metrics.ts";

const TABLE = metricTable({
  made: { name: "runners_made_total", help: "Made.", type: "counter", labels: ["set", "result"] },
  idle: { name: "runners_idle", help: "Idle.", type: "gauge", labels: ["set"], zero: [{ set: "linux" }] },
  up: { name: "up", help: "Up.", type: "gauge" },
  wait: { name: "wait_seconds", help: "Wait.", type: "histogram", labels: ["set"], buckets: [0.1, 1, 5] },
});

test("counts, sets and observes, label by label", async () => {
  const metrics = new Metrics();
  const { made, idle, up, wait } = metrics.declare(TABLE);
  made.inc({ set: "a", result: "ok" });
  made.inc({ set: "a", result: "ok" }, 2);
  made.zero({ set: "b", result: "ok" });
  idle.set({ set: "a" }, 5);
  idle.dec({ set: "a" });
  idle.inc({ set: "a" }, 2);
  up.set({}, 1);
  wait.observe({ set: "a" }, 0.5);
  wait.observe({ set: "a" }, 9);
  assert.deepEqual(Object.fromEntries(await metrics.samples()), {
    'runners_made_total{result="ok",set="a"}': 3,
    'runners_made_total{result="ok",set="b"}': 0,
    'runners_idle{set="linux"}': 0,
    'runners_idle{set="a"}': 6,
    "up": 1,
    'wait_seconds_bucket{le="0.1",set="a"}': 0,
    'wait_seconds_bucket{le="1",set="a"}': 1,
    'wait_seconds_bucket{le="5",set="a"}': 1,
    'wait_seconds_bucket{le="+Inf",set="a"}': 2,
    'wait_seconds_sum{set="a"}': 9.5,
    'wait_seconds_count{set="a"}': 2,
  });
});

test("zero of what has counted changes nothing; a removed sample is gone", async () => {
  const metrics = new Metrics();
  const { made, idle } = metrics.declare(TABLE);
  made.inc({ set: "a", result: "ok" });
  made.zero({ set: "a", result: "ok" });
  idle.remove({ set: "linux" });
  const samples = await metrics.samples();
  assert.equal(samples.get('runners_made_total{result="ok",set="a"}'), 1);
  assert.equal(samples.has('runners_idle{set="linux"}'), false);
});

test("metrics without labels are there from the start", async () => {
  const metrics = new Metrics();
  metrics.declare({ hits: { name: "hits_total", help: "Hits.", type: "counter" } });
  assert.equal((await metrics.samples()).get("hits_total"), 0);
});

test("two instances do not count into each other; one refuses a name twice", async () => {
  const [one, two] = [new Metrics(), new Metrics()];
  one.declare(TABLE).up.set({}, 1);
  two.declare(TABLE);
  assert.equal((await two.samples()).get("up"), 0);
  assert.throws(() => one.declare(TABLE), /runners_made_total is declared twice/);
});

test("gauges can be looked up at each scrape", async () => {
  const metrics = new Metrics();
  const { up } = metrics.declare(TABLE);
  let value = 1;
  metrics.onScrape(() => up.set({}, value));
  assert.equal((await metrics.samples()).get("up"), 1);
  value = 7;
  assert.equal((await metrics.samples()).get("up"), 7);
});

test("label values with quotes, commas and braces are read back", async () => {
  const metrics = new Metrics();
  const { idle } = metrics.declare(TABLE);
  idle.set({ set: 'a "b", {c}=d' }, 3);
  assert.equal((await metrics.samples()).get('runners_idle{set="a \\"b\\", {c}=d"}'), 3);
});
