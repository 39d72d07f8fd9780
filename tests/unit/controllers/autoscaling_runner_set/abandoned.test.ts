/** What a scale set does not name any more goes when it is deleted, and not before its last runner. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type AutoscalingRunnerSet, EPHEMERAL_RUNNERS, type EphemeralRunner } from "../../../../src/api/kinds.ts";
import { AUTOSCALING_RUNNER_SETS } from "../../../../src/api/kinds.ts";
import { FINALIZERS } from "../../../../src/api/names.ts";
import { abandonedBy, abandonedObjects } from "../../../../src/controllers/autoscaling_runner_set/abandoned.ts";
import { type KubeObject, type Resource, ROLES, SECRETS, SERVICE_ACCOUNTS } from "../../../../src/k8s/resource.ts";
import { Store } from "../../../../src/k8s/store.ts";
import { logOf } from "../../../../src/lib/log.ts";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { scaleSet } from "../../../support/builders_set.ts";
import { MemoryKube, refusal } from "../../../support/memory_kube.ts";
import { table } from "../../../support/table.ts";

const KUBE_MODE = {
  "actions.github.com/cleanup-kubernetes-mode-role-name": "linux-kube-mode",
  "actions.github.com/cleanup-kubernetes-mode-service-account-name": "linux-kube-mode",
};
const NO_MODE = { "actions.github.com/cleanup-no-permission-service-account-name": "linux-no-permission" };
const RIGHTS = { "actions.github.com/cleanup-manager-role-name": "linux-manager" };
const SECRET = { "actions.github.com/cleanup-github-secret-name": "linux-secret" };
const named = (annotations: Record<string, string>, metadata: object = {}) =>
  scaleSet({}, { annotations, uid: "1", ...metadata }) as never;

table<{ before?: Record<string, string>; after?: Record<string, string>; metadata?: object; gives: string[] }>(
  "what a change abandons",
  {
    "nothing changed": { before: KUBE_MODE, after: KUBE_MODE, gives: [] },
    "another mode": {
      before: KUBE_MODE,
      after: NO_MODE,
      gives: ["Role linux-kube-mode", "ServiceAccount linux-kube-mode"],
    },
    "an account of one's own": { before: NO_MODE, after: {}, gives: ["ServiceAccount linux-no-permission"] },
    "a secret of one's own": { before: SECRET, after: {}, gives: ["Secret linux-secret"] },
    "the controller's rights are never abandoned": { before: RIGHTS, after: {}, gives: [] },
    "a new one": { after: NO_MODE, gives: [] },
    "one that has gone": { before: NO_MODE, gives: [] },
    "one that goes": { before: NO_MODE, after: {}, metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" }, gives: [] },
    "another one of the same name": { before: NO_MODE, after: {}, metadata: { uid: "2" }, gives: [] },
  },
  ({ before, after, metadata, gives }) => {
    const found = abandonedBy({
      before: before && named(before),
      after: after && named(after, metadata),
    } as never);
    assert.deepEqual(found.map(({ kind, name }) => `${kind.kind} ${name}`), gives);
  },
);

/** A scale set in kubernetes mode with its account, role and secret. */
async function world() {
  const clock = new VirtualClock();
  const kube = new MemoryKube();
  const sets = new Store<AutoscalingRunnerSet>({ clock });
  const runners = new Store<EphemeralRunner>({ clock });
  kube.feed(AUTOSCALING_RUNNER_SETS, sets);
  kube.feed(EPHEMERAL_RUNNERS, runners);
  const protect = (kind: Resource, name: string) =>
    kube.put(
      kind,
      {
        metadata: {
          name,
          namespace: "arc-runners",
          labels: { "actions.github.com/scale-set-name": "linux" },
          finalizers: [FINALIZERS.cleanupProtection],
        },
      } as never,
    );
  protect(ROLES, "linux-kube-mode");
  protect(SERVICE_ACCOUNTS, "linux-kube-mode");
  protect(SECRETS, "linux-secret");
  kube.put(AUTOSCALING_RUNNER_SETS, scaleSet({}, { annotations: { ...KUBE_MODE, ...SECRET } }));
  const start = async () => {
    const part = abandonedObjects({
      kube: kube.client,
      stores: { autoscalingRunnerSets: sets },
      runners,
      clock,
      log: logOf(() => {}),
    });
    await part.start();
    return part;
  };
  const part = await start();
  return {
    start,
    clock,
    kube,
    part,
    /** The annotations that a new revision of the chart leaves. */
    annotate: (annotations: Record<string, string>) => {
      const { metadata } = kube.find(AUTOSCALING_RUNNER_SETS, "arc-runners/linux")!;
      const gone = Object.fromEntries(Object.keys(metadata.annotations ?? {}).map((key) => [key, null]));
      kube.change(AUTOSCALING_RUNNER_SETS, "arc-runners/linux", {
        metadata: { annotations: { ...gone, ...annotations } },
      });
    },
    drop: (kind: Resource<KubeObject>, name: string) => kube.drop(kind, `arc-runners/${name}`),
    there: () => kube.keys.filter((key) => !key.startsWith("autoscaling") && !key.startsWith("ephemeral")),
    async pass(ms: number) {
      await clock.advance(ms);
    },
  };
}

test("another mode: what Helm deletes goes, what it does not stays", async () => {
  const { annotate, drop, pass, there, part } = await world();
  annotate(SECRET);
  await pass(3_000);
  assert.equal(there().length, 3, "nobody has deleted anything yet");
  drop(ROLES, "linux-kube-mode");
  drop(SERVICE_ACCOUNTS, "linux-kube-mode");
  await pass(120_000);
  assert.deepEqual(there(), ["secrets:arc-runners/linux-secret"]);
  await part.stop();
});

test("account and role stay as long as a runner has them", async () => {
  const { kube, annotate, drop, pass, there, part } = await world();
  const runner = {
    metadata: { name: "r", namespace: "arc-runners" },
    spec: { spec: { serviceAccountName: "linux-kube-mode" } },
  };
  kube.put(EPHEMERAL_RUNNERS, runner as never);
  annotate(SECRET);
  drop(ROLES, "linux-kube-mode");
  drop(SERVICE_ACCOUNTS, "linux-kube-mode");
  await pass(24 * 3_600_000);
  assert.equal(there().length, 3, "its job may use them");
  kube.vanish(EPHEMERAL_RUNNERS, "arc-runners/r");
  await pass(240_000);
  assert.deepEqual(there(), ["secrets:arc-runners/linux-secret"]);
  await part.stop();
});

test("a secret stays as long as a runner signs off with it", async () => {
  const { kube, annotate, drop, pass, there, part } = await world();
  const runner = { metadata: { name: "r", namespace: "arc-runners" }, spec: { githubConfigSecret: "linux-secret" } };
  kube.put(EPHEMERAL_RUNNERS, runner as never);
  annotate(KUBE_MODE);
  drop(SECRETS, "linux-secret");
  await pass(600_000);
  assert.equal(there().length, 3);
  kube.vanish(EPHEMERAL_RUNNERS, "arc-runners/r");
  await pass(240_000);
  assert.equal(there().length, 2);
  await part.stop();
});

test("a rollback names them again: they are left to the scale set's end", async () => {
  const { annotate, drop, pass, there, part } = await world();
  annotate(SECRET);
  annotate({ ...KUBE_MODE, ...SECRET });
  drop(ROLES, "linux-kube-mode");
  await pass(600_000);
  assert.equal(there().length, 3);
  await part.stop();
});

test("a refusal is tried again, and stopping ends the waiting", async () => {
  const { kube, annotate, drop, pass, there, part } = await world();
  kube.refuse = ({ verb }) => {
    if (verb === "patch") throw refusal("Forbidden");
  };
  annotate(SECRET);
  drop(ROLES, "linux-kube-mode");
  drop(SERVICE_ACCOUNTS, "linux-kube-mode");
  await pass(30_000);
  assert.equal(there().length, 3);
  kube.refuse = () => {};
  await pass(60_000);
  assert.equal(there().length, 1);
  annotate({});
  await part.stop();
  drop(SECRETS, "linux-secret");
  await pass(600_000);
  assert.equal(there().length, 1);
});

test("a controller that was away, or is started anew, lets go what was abandoned before", async () => {
  const { kube, start, annotate, drop, pass, there, part } = await world();
  await part.stop();
  const runner = {
    metadata: { name: "r", namespace: "arc-runners" },
    spec: { spec: { serviceAccountName: "linux-kube-mode" } },
  };
  kube.put(EPHEMERAL_RUNNERS, runner as never);
  annotate(SECRET);
  drop(ROLES, "linux-kube-mode");
  drop(SERVICE_ACCOUNTS, "linux-kube-mode");
  drop(SECRETS, "linux-secret");
  const next = await start();
  await pass(3_600_000);
  assert.equal(there().length, 3, "its job may use them");
  kube.vanish(EPHEMERAL_RUNNERS, "arc-runners/r");
  await pass(60_000);
  assert.deepEqual(there(), ["secrets:arc-runners/linux-secret"], "what the scale set names stays");
  await next.stop();
});
