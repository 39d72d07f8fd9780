import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetricsConfig } from "../../../src/api/kinds.ts";
import { parseConfigUrl } from "../../../src/lib/config_url.ts";
import { logOf } from "../../../src/lib/log.ts";
import { Metrics } from "../../../src/lib/metrics.ts";
import { DURATION_BUCKETS, ListenerMetricFamily } from "../../../src/listener/metrics.ts";
import { workflowName, workflowTarget } from "../../../src/listener/workflow_ref.ts";
import { table } from "../../support/table.ts";
import { completed, started, stats } from "./events.ts";

function family(config?: MetricsConfig, url = "https://github.com/acme/api") {
  const metrics = new Metrics();
  const errors: string[] = [];
  const log = logOf((level, message, fields) => {
    if (level === "error") errors.push(`${message} ${JSON.stringify(fields)}`);
  });
  const all = new ListenerMetricFamily(metrics, config, log);
  const listener = all.of({ name: "linux", namespace: "arc-runners", configUrl: parseConfigUrl(url) });
  return { metrics, errors, listener, all };
}

async function samplesOf(metrics: Metrics, prefix: string): Promise<Record<string, number>> {
  return Object.fromEntries([...await metrics.samples()].filter(([name]) => name.startsWith(prefix)));
}

const AT = Date.UTC(2026, 0, 1);
const SET = 'enterprise="",name="linux",namespace="arc-runners",organization="acme",repository="api"';
const JOB = 'enterprise="",event_name="push",job_name="build"';

test("45 buckets", () => assert.equal(DURATION_BUCKETS.length, 45));

test("gauges bear the runner set's name and the config URL's names", async () => {
  const { metrics, listener } = family();
  listener.limits({ minRunners: 1, maxRunners: 9 });
  listener.statistics({ ...stats(5, 2, 1), totalRegisteredRunners: 4, totalBusyRunners: 3 });
  listener.desired(6);
  listener.polled(AT + 1500);
  const shown = await samplesOf(metrics, "gha_");
  assert.deepEqual(shown, {
    [`gha_assigned_jobs{${SET}}`]: 5,
    [`gha_running_jobs{${SET}}`]: 2,
    [`gha_registered_runners{${SET}}`]: 4,
    [`gha_busy_runners{${SET}}`]: 3,
    [`gha_idle_runners{${SET}}`]: 1,
    [`gha_min_runners{${SET}}`]: 1,
    [`gha_max_runners{${SET}}`]: 9,
    [`gha_desired_runners{${SET}}`]: 6,
    [`gha_listener_last_poll_timestamp_seconds{${SET}}`]: AT / 1000 + 1.5,
  });
  listener.remove();
  assert.deepEqual(await samplesOf(metrics, "gha_"), {});
});

test("a started job: its start and how long it waited, in whole seconds", async () => {
  const { metrics, listener } = family(undefined, "https://github.com/enterprises/big");
  listener.job(started(1, { scaleSetAssignedAt: AT + 900, runnerAssignedAt: AT + 3100 }));
  const labels = `enterprise="big",event_name="push",job_name="build",organization="acme",repository="api"`;
  const samples = await metrics.samples();
  assert.equal(samples.get(`gha_started_jobs_total{${labels}}`), 1);
  assert.equal(samples.get(`gha_job_startup_duration_seconds_sum{${labels}}`), 3);
});

test("a completed job: its result and how long it ran", async () => {
  const { metrics, listener } = family();
  listener.job(completed(1, { runnerAssignedAt: AT, finishedAt: AT + 61_000 }));
  const labels = `${JOB},job_result="succeeded",organization="acme",repository="api"`;
  const samples = await metrics.samples();
  assert.equal(samples.get(`gha_completed_jobs_total{${labels}}`), 1);
  assert.equal(samples.get(`gha_job_execution_duration_seconds_sum{${labels}}`), 61);
});

test("a job that no runner had is not counted as completed; one without times has no durations", async () => {
  const { metrics, listener } = family();
  listener.job(completed(1, { finishedAt: AT }));
  listener.job(started(2));
  const names = Object.keys(await samplesOf(metrics, "gha_"));
  assert.deepEqual(names, [`gha_started_jobs_total{${JOB},organization="acme",repository="api"}`]);
});

test("listenerMetrics lists exactly what is exported, with its labels and buckets", async () => {
  const { metrics, listener, errors } = family({
    counters: { gha_started_jobs_total: { labels: ["job_workflow_name", "job_workflow_target"] } },
    gauges: { gha_idle_runners: { labels: ["name"] } },
    histograms: { gha_job_startup_duration_seconds: { labels: [], buckets: [1, 10] } },
  });
  listener.statistics(stats(5, 2, 1));
  listener.desired(6);
  listener.job(started(1, { scaleSetAssignedAt: AT, runnerAssignedAt: AT + 3000 }));
  assert.deepEqual(await samplesOf(metrics, "gha_"), {
    'gha_started_jobs_total{job_workflow_name="ci",job_workflow_target="heads/main"}': 1,
    'gha_idle_runners{name="linux"}': 1,
    'gha_job_startup_duration_seconds_bucket{le="1"}': 0,
    'gha_job_startup_duration_seconds_bucket{le="10"}': 1,
    'gha_job_startup_duration_seconds_bucket{le="+Inf"}': 1,
    "gha_job_startup_duration_seconds_sum": 3,
    "gha_job_startup_duration_seconds_count": 1,
  });
  assert.deepEqual(errors, []);
});

test("a histogram without buckets gets the 45; names that there are not are said and left out", async () => {
  const { metrics, listener, errors } = family({
    counters: { gha_idle_runners: { labels: [] }, gha_songs_total: { labels: [] } },
    histograms: { gha_job_execution_duration_seconds: { labels: ["job_result", "colour"], buckets: [] } },
  });
  listener.job(completed(1, { runnerAssignedAt: AT, finishedAt: AT + 1000 }));
  const buckets = Object.keys(await samplesOf(metrics, "gha_job_execution_duration_seconds_bucket"));
  assert.equal(buckets.length, 46);
  assert.equal(errors.length, 3);
  assert.match(errors.join(), /gha_idle_runners.*gha_songs_total.*colour/);
});

test("several scale sets count side by side", async () => {
  const { metrics, listener, all } = family();
  const other = all.of({ name: "gpu", namespace: "ml", configUrl: parseConfigUrl("https://github.com/acme") });
  listener.desired(1);
  other.desired(2);
  assert.deepEqual(Object.values(await samplesOf(metrics, "gha_desired_runners")), [1, 2]);
});

table("workflow references", {
  "a branch": { ref: "acme/api/.github/workflows/ci.yml@refs/heads/feature/x", name: "ci", target: "heads/feature/x" },
  "a tag": { ref: "acme/api/.github/workflows/release.yaml@refs/tags/v1", name: "release", target: "tags/v1" },
  "a pull request": { ref: "acme/api/.github/workflows/ci.yml@refs/pull/12/merge", name: "ci", target: "pull/12" },
  "no @": { ref: "acme/api/.github/workflows/ci.yml", name: "", target: "" },
  "two @": { ref: "a@b@c", name: "", target: "" },
  "nothing": { ref: "", name: "", target: "" },
}, ({ ref, name, target }) => assert.deepEqual([workflowName(ref), workflowTarget(ref)], [name, target]));
