/** What a scale set needs next, row by row; how it ends is in decide_end.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runnerSetOf } from "../../../../src/controllers/autoscaling_runner_set/build.ts";
import type { EphemeralRunnerSet } from "../../../../src/api/kinds.ts";
import { decide } from "../../../../src/controllers/autoscaling_runner_set/decide.ts";
import type { Observed } from "../../../../src/controllers/autoscaling_runner_set/observe.ts";
import { SourceError } from "../../../../src/controllers/shared/services.ts";
import { ownedBy, registered, settings, stored } from "../../../support/builders_set.ts";
import { serviceError } from "../../../support/memory_service.ts";
import { table } from "../../../support/table.ts";
import {
  checkRow,
  FACTS,
  failed,
  fresh,
  IDLE,
  missing,
  NOW,
  registerCall,
  type Row,
  running,
  seen,
  unknown,
} from "../../../support/observed_set.ts";

table<Row>("decide", {
  "without our finalizer nothing is done but to add it": {
    seen: seen({ ars: registered({}, { finalizers: ["theirs"] }) }),
    why: "add-finalizer",
    steps: ["patch AutoscalingRunnerSet"],
  },
  "a new one is registered": {
    seen: fresh(),
    why: "register",
    steps: ["register", "patch AutoscalingRunnerSet status"],
  },
  "one call at a time": { seen: fresh(running), why: "register", steps: ["patch AutoscalingRunnerSet status"] },
  "no URL: said, and nobody is asked": {
    seen: seen({ ars: registered({ githubConfigUrl: "github.com/acme" }) }),
    why: "invalid-spec",
    steps: ["event InvalidConfigURL", "patch AutoscalingRunnerSet status"],
  },
  "fewer at most than at least: said, and nothing is changed": {
    seen: seen({ ars: registered({ minRunners: 3, maxRunners: 2 }) }),
    why: "invalid-spec",
    steps: ["event InvalidRunnerLimits", "patch AutoscalingRunnerSet status"],
  },
  "a secret that is not there: waited for, whatever the back-off says": {
    seen: fresh({ ...failed(new SourceError("SecretNotFound", "no"), unknown, NOW - 10_000), retryAt: NOW }),
    why: "register",
    steps: ["event SecretNotFound", "patch AutoscalingRunnerSet status"],
    again: 20_000,
  },
  "and read again after 30 s": {
    seen: fresh({ ...failed(new SourceError("SecretNotFound", "no"), unknown, NOW - 30_000), retryAt: NOW + 60_000 }),
    why: "register",
    steps: ["register fresh", "event SecretNotFound", "patch AutoscalingRunnerSet status"],
  },
  "a changed object is a reason to ask at once": {
    seen: fresh(failed(new SourceError("SecretNotFound", "no"), stored({ ...unknown, spec: {} }), NOW)),
    why: "register",
    steps: ["register fresh", "patch AutoscalingRunnerSet status"],
  },
  "what has no runner set gets one": {
    seen: seen({ runnerSet: undefined }),
    why: "create-runner-set",
    steps: ["create EphemeralRunnerSet"],
  },
  "what has no listener gets one": {
    seen: seen({ listeners: [] }),
    why: "create-listener",
    steps: ["create AutoscalingListener"],
  },
  "no namespace for its listener: said, and waited": {
    seen: seen({ listeners: [], memory: { homeless: { isGoing: false, tries: 2, retryAt: NOW + 2_000 } } }),
    why: "no-namespace",
    steps: ["event NamespaceNotFound", "patch AutoscalingRunnerSet status"],
    again: 2_000,
  },
  "and tried again": {
    seen: seen({ listeners: [], memory: { homeless: { isGoing: true, tries: 2, retryAt: NOW } } }),
    why: "create-listener",
    steps: ["create AutoscalingListener"],
  },
  "a runner set of somebody else is not touched": {
    seen: seen({ runnerSet: stored(runnerSetOf(registered({}, { uid: "other" }), FACTS, settings()), { uid: "x" }) }),
    why: "runner-set-is-not-ours",
    steps: ["patch AutoscalingRunnerSet status"],
  },
  "another version is served": {
    seen: seen({ settings: settings({ version: "0.15.0" }) }),
    why: "in-place",
    steps: ["patch AutoscalingRunnerSet status"],
  },
  "a scale set reported gone is looked for": {
    seen: seen({ memory: { reportedGoneAt: NOW - 1 } }),
    why: "in-place",
    steps: ["register", "patch AutoscalingRunnerSet status"],
  },
  "and not twice in half a minute": {
    seen: seen({
      memory: { reportedGoneAt: NOW },
      github: { ...IDLE, last: { call: registerCall(registered()), at: NOW - 10_000, ok: true, result: FACTS } },
    }),
    why: "in-place",
    steps: ["patch AutoscalingRunnerSet status"],
    again: 20_000,
  },
  "a listener's report: looked into": {
    seen: missing({ memory: { missingSince: NOW } }),
    why: "in-place",
    steps: ["register", "patch AutoscalingRunnerSet status"],
  },
  "a listener's report that comes again: not twice in half a minute": {
    seen: missing({
      memory: { missingSince: NOW },
      github: { ...IDLE, last: { call: registerCall(registered()), at: NOW - 10_000, ok: true, result: FACTS } },
    }),
    why: "in-place",
    steps: ["patch AutoscalingRunnerSet status"],
    again: 20_000,
  },
  "a false alarm is taken away": {
    seen: missing({
      memory: { missingSince: NOW - 1_000 },
      github: { ...IDLE, last: { call: registerCall(registered()), at: NOW, ok: true, result: FACTS } },
    }),
    why: "update-runner-set",
    steps: ["patch EphemeralRunnerSet"],
    patch: { spec: { missingScaleSetId: null } },
  },
  "a report of a scale set of before goes with its id": {
    seen: { ...missing({}, 6), runnerSet: missing({}, 6, 6).runnerSet },
    why: "update-runner-set",
    steps: ["patch EphemeralRunnerSet"],
    patch: { spec: { ephemeralRunnerSpec: { runnerScaleSetId: 7 }, missingScaleSetId: null } },
  },
  "a policy goes down to the runner set, and no runner is another one for it": {
    seen: seen({ ars: registered({ runnerPolicy: { maxIdleSeconds: 600 } }) }),
    why: "update-runner-set",
    steps: ["patch EphemeralRunnerSet"],
    patch: { spec: { runnerPolicy: { maxIdleSeconds: 600 } } },
  },
  "a policy that the API server drops stands in no way": {
    seen: seen({ ars: registered({ runnerPolicy: { maxIdleSeconds: 600 } }), dropsPolicy: true }),
    why: "in-place",
    steps: ["patch AutoscalingRunnerSet status"],
  },
  "a pause: the listener is told 0": {
    seen: seen({ ars: registered({ paused: true, minRunners: 2 }) }),
    why: "update-listener",
    steps: ["patch AutoscalingListener"],
    patch: { spec: { maxRunners: null } },
  },
  "an override comes: the listener is told, and it is known when it goes": {
    // 10:00 in UTC.
    seen: seen({
      ars: registered({ scheduledOverrides: [{ schedule: "55 9 * * *", duration: "8m", maxRunners: 3 }] }),
    }),
    why: "update-listener",
    steps: ["patch AutoscalingListener"],
    patch: { spec: { maxRunners: 3 } },
    again: 180_000,
  },
  "a schedule that can't be used: said, and nothing is changed": {
    seen: seen({
      ars: registered({ scheduledOverrides: [{ schedule: "0 0 * * FOO", duration: "8h", maxRunners: 3 }] }),
    }),
    why: "invalid-spec",
    steps: ["event InvalidSchedule", "patch AutoscalingRunnerSet status"],
  },
  "GitHub is down: children are kept, the call waits": {
    seen: seen({ github: failed(serviceError("Unavailable", 503)) }),
    why: "in-place",
    steps: ["event ServiceUnavailable", "patch AutoscalingRunnerSet status"],
    again: 7_000,
  },
  "refused credentials are read again": {
    seen: seen({ github: { ...failed(serviceError("Unauthorized", 401)), retryAt: NOW } }),
    why: "in-place",
    steps: ["register fresh", "event Unauthorized", "patch AutoscalingRunnerSet status"],
  },
}, checkRow);

test("decide: a runner set that is made anew under a listener has the count of the one before", () => {
  const count = { replicas: 3, runningJobs: 2, patchID: 17 };
  const spec = (changes: Parameters<typeof seen>[0]) => {
    const [step] = decide(seen({ runnerSet: undefined, memory: { count }, ...changes }), NOW).steps;
    const { replicas, runningJobs, patchID } =
      (step?.do === "create" ? step.object as EphemeralRunnerSet : {} as EphemeralRunnerSet)
        .spec ?? {};
    return { replicas, runningJobs, patchID };
  };
  assert.deepEqual(spec({}), count);
  const none = { replicas: undefined, runningJobs: undefined, patchID: 0 };
  assert.deepEqual(spec({ listeners: [] }), none, "a listener that starts tells everything");
  assert.deepEqual(spec({ memory: {} }), none);
});

test("decide: a scale set at work, whose status says so, needs nothing", () => {
  const first = decide(seen(), NOW);
  const [step] = first.steps;
  assert.ok(step?.do === "patch");
  const { status } = step.patch as { status: Observed["ars"]["status"] };
  const ars = { ...registered(), status };
  assert.deepEqual(decide(seen({ ars }), NOW + 60_000), { why: "in-place", steps: [] });
});

test("decide: an id of another organization is not believed", () => {
  const ars = registered({ githubConfigUrl: "https://github.com/other/api" });
  const former = registered();
  const plan = decide(
    seen({ ars, runnerSet: ownedBy(ars, runnerSetOf(former, FACTS, settings())), github: IDLE }),
    NOW,
  );
  const [step] = plan.steps;
  assert.ok(step?.do === "perform" && step.call.do === "register");
  assert.equal(step.call.id, undefined);
});
