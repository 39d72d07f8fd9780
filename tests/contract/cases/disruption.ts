import assert from "node:assert/strict";
import { at, type Case, type Contract, type Json, namesOf, refused, textOf } from "../support/contract.ts";

const BUDGETS = "/apis/policy/v1";
/** More than there ever are: nothing may go. */
const ALL = 2147483647;

export const disruption: Record<string, Case> = {
  "a budget begins with nothing": async (server) => {
    const made = await server.made(budgets(server), budget("b"));
    assert.deepEqual(at(made, "status"), {
      disruptionsAllowed: 0,
      currentHealthy: 0,
      desiredHealthy: 0,
      expectedPods: 0,
    });
    assert.equal(at(made, "metadata", "generation"), 1);
  },
  "a budget counts the pods that are ready": async (server) => {
    await server.made(budgets(server), budget("b", { minAvailable: 1 }));
    for (const name of ["a", "b", "c"]) await readyPod(server, name, name !== "c");
    const status = await counted(server, "b", (now) => {
      return at(now, "expectedPods") === 3 && at(now, "currentHealthy") === 2;
    });
    assert.deepEqual(
      [at(status, "expectedPods"), at(status, "desiredHealthy"), at(status, "disruptionsAllowed")],
      [3, 1, 1],
    );
    assert.deepEqual(
      [textOf(status, "conditions", 0, "type"), textOf(status, "conditions", 0, "reason")],
      ["DisruptionAllowed", "SufficientPods"],
    );
  },
  "an eviction within the budget deletes the pod": async (server) => {
    await server.made(budgets(server), budget("b", { minAvailable: 1 }));
    for (const name of ["a", "b"]) await readyPod(server, name);
    await counted(server, "b", (now) => at(now, "disruptionsAllowed") === 1);
    assert.equal((await evict(server, "a")).status, 201);
    assert.notEqual(textOf(await server.ok("GET", server.pods("a")), "metadata", "deletionTimestamp"), "");
    // what is deleted already needs no leave
    assert.equal((await evict(server, "a")).status, 201);
    refused(await evict(server, "b"), 429, "TooManyRequests", "it would violate the pod's disruption budget");
  },
  "an eviction beyond the budget is refused, and says by which": async (server) => {
    await server.made(budgets(server), budget("b"));
    await readyPod(server, "a");
    await counted(server, "b", (now) => at(now, "currentHealthy") === 1);
    const answer = await evict(server, "a");
    refused(answer, 429, "TooManyRequests", "it would violate the pod's disruption budget");
    assert.deepEqual(at(answer.body, "details", "causes"), [{
      reason: "DisruptionBudget",
      message: `The disruption budget b needs ${ALL} healthy pods and has 1 currently`,
    }]);
    assert.equal(textOf(await server.ok("GET", server.pods("a")), "metadata", "deletionTimestamp"), "");
  },
  "a budget that has not been counted yet allows nothing": async (server) => {
    await readyPod(server, "a");
    await server.made(budgets(server), budget("b"));
    assert.equal((await evict(server, "a")).status, 429);
  },
  "a pod that is not ready goes where the budget says so": async (server) => {
    await server.made(budgets(server), budget("b", { unhealthyPodEvictionPolicy: "AlwaysAllow" }));
    await readyPod(server, "a", false);
    await readyPod(server, "b");
    await counted(server, "b", (now) => at(now, "currentHealthy") === 1);
    assert.deepEqual([(await evict(server, "a")).status, (await evict(server, "b")).status], [201, 429]);
  },
  "pods that have not started or are over need no leave": async (server) => {
    await server.made(budgets(server), budget("b"));
    await server.pod("pending", { nodeName: "n1" }, { labels: { app: "x" } });
    await readyPod(server, "over");
    await server.patched("merge", server.pods("over/status"), { status: { phase: "Succeeded" } });
    assert.deepEqual([(await evict(server, "pending")).status, (await evict(server, "over")).status], [201, 201]);
  },
  "a label that comes later is under the budget": async (server) => {
    await server.made(budgets(server), budget("b"));
    await readyPod(server, "a", true, {});
    await server.patched("merge", server.pods("a"), { metadata: { labels: { app: "x" } } });
    assert.equal((await evict(server, "a")).status, 429);
  },
  "a pod under two budgets can't be evicted": async (server) => {
    for (const name of ["b", "c"]) await server.made(budgets(server), budget(name));
    await readyPod(server, "a");
    const answer = await evict(server, "a");
    assert.equal(answer.status, 500);
    assert.match(textOf(answer.body, "message"), /more than one PodDisruptionBudget/);
  },
  "maxUnavailable of pods of a custom kind can't be worked out, and allows nothing": async (server) => {
    const owner = await server.gadget("g");
    await server.made(budgets(server), budget("b", { minAvailable: null, maxUnavailable: 1 }));
    // A budget that has never been worked out says something else.
    await counted(server, "b", (now) => at(now, "observedGeneration") === 1);
    const reference = {
      apiVersion: textOf(owner, "apiVersion"),
      kind: "Gadget",
      name: "g",
      uid: textOf(owner, "metadata", "uid"),
      controller: true,
    };
    await readyPod(server, "a", true, { app: "x" }, { ownerReferences: [reference] });
    await counted(server, "b", (now) => textOf(now, "conditions", 0, "reason") === "SyncFailed");
    const answer = await evict(server, "a");
    assert.equal(answer.status, 429);
    assert.match(textOf(answer.body, "details", "causes", 0, "message"), /because it failed sync/);
  },
  "a dry run evicts nobody": async (server) => {
    await readyPod(server, "a");
    assert.equal((await evict(server, "a", { deleteOptions: { dryRun: ["All"] } })).status, 201);
    assert.equal(textOf(await server.ok("GET", server.pods("a")), "metadata", "deletionTimestamp"), "");
  },
  "nobody is not there": async (server) => refused(await evict(server, "none"), 404, "NotFound"),
  "a budget can be changed, and goes at once": async (server) => {
    await server.made(budgets(server), budget("b"));
    const changed = await server.patched("merge", budgets(server, "b"), { spec: { minAvailable: 0 } });
    assert.equal(at(changed, "metadata", "generation"), 2);
    await server.ok("DELETE", budgets(server, "b"));
    assert.deepEqual(namesOf(await server.ok("GET", budgets(server))), []);
  },
  ...refusedBudgets({
    "two bounds": [{ maxUnavailable: 1 }, "minAvailable and maxUnavailable cannot be both set"],
    "less than nothing": [{ minAvailable: -1 }, "spec.minAvailable: Invalid value: -1: must be greater than or equal"],
    "a policy of its own": [
      { unhealthyPodEvictionPolicy: "Never" },
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ],
  }),
};

function budgets(server: Contract, name = ""): string {
  return `${BUDGETS}/namespaces/${server.namespace}/poddisruptionbudgets${name && `/${name}`}`;
}

function budget(name: string, spec: Record<string, Json> = {}): Json {
  const wanted = { minAvailable: ALL, selector: { matchLabels: { app: "x" } }, ...spec };
  return { metadata: { name }, spec: wanted };
}

async function readyPod(
  server: Contract,
  name: string,
  isReady = true,
  labels: Record<string, string> = { app: "x" },
  meta: Record<string, Json> = {},
): Promise<void> {
  await server.pod(name, { nodeName: "n1" }, { labels, ...meta });
  const conditions = [{ type: "Ready", status: isReady ? "True" : "False" }];
  await server.patched("merge", server.pods(`${name}/status`), { status: { phase: "Running", conditions } });
}

async function counted(server: Contract, name: string, reached: (status: Json) => boolean): Promise<Json> {
  return await server.eventually(`${name} is counted`, async () => {
    const status = at(await server.ok("GET", budgets(server, name)), "status") ?? null;
    return reached(status) ? status : undefined;
  });
}

function evict(server: Contract, name: string, more: Record<string, Json> = {}) {
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name }, ...more };
  return server.send("POST", server.pods(`${name}/eviction`), eviction);
}

function refusedBudgets(table: Record<string, [Record<string, Json>, string]>): Record<string, Case> {
  const cases = Object.entries(table).map(([name, [spec, message]]): [string, Case] => [
    `a budget is refused: ${name}`,
    async (server) => refused(await server.send("POST", budgets(server), budget("b", spec)), 422, "Invalid", message),
  ]);
  return Object.fromEntries(cases);
}
