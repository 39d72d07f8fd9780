import assert from "node:assert/strict";
import { test } from "node:test";
import { TransportError } from "../../../../src/lib/http.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import { customResourceDefinitions } from "../../../../src/api/crd.ts";
import { lines, map, MAPS, PODS, type Server, server } from "./fixture.ts";

const MERGE = { "content-type": "application/merge-patch+json" };

/** A life of objects with everything that takes time or chance. */
async function story(sim: Server): Promise<string[]> {
  const answers: string[] = [];
  const told = await sim.watch("/api/v1/pods?resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=100");
  const owner = await sim.ok("POST", MAPS, { metadata: { generateName: "owner-" } });
  const meta = owner.metadata as { name: string; uid: string };
  const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: meta.name, uid: meta.uid }];
  for (let i = 0; i < 5; i++) {
    const spec = { containers: [{ name: "c", image: "x" }] };
    const body = { metadata: { generateName: "pod-", ownerReferences }, spec };
    answers.push((await sim.send("POST", PODS, body)).text);
  }
  await sim.ok("DELETE", `${MAPS}/${meta.name}`);
  await sim.ok("POST", "/api/v1/namespaces", { metadata: { name: "short" } });
  await sim.clock.advance(1_000);
  await sim.ok("DELETE", "/api/v1/namespaces/short");
  await sim.clock.advance(120_000);
  return [...answers, JSON.stringify(told), JSON.stringify(sim.api.snapshot())];
}

test("the same seed gives the same answers, events and objects, byte for byte", async () => {
  const run = (seed: number) => story(server({ random: seededRandom(seed) }));
  assert.deepEqual(await run(3), await run(3));
  assert.notDeepEqual(await run(3), await run(4));
});

test("in the end of the story only what was there in the beginning is left, and no timer", async () => {
  const sim = server();
  await story(sim);
  assert.deepEqual(Object.keys(sim.api.snapshot()).sort(), ["namespaces", "serviceaccounts"]);
  assert.equal(sim.clock.pendingTimers, 0);
  assert.equal(sim.api.openWatches, 0);
});

test("holdWatch: events come late and in order, answers at once", async () => {
  const sim = server();
  const told = await sim.watch(MAPS);
  sim.api.holdWatch(1_000, "configmaps");
  await sim.ok("POST", MAPS, map("a"));
  await sim.clock.advance(500);
  sim.api.holdWatch(0);
  await sim.ok("POST", MAPS, map("b"));
  assert.equal((await sim.send("GET", `${MAPS}/a`)).status, 200);
  await sim.clock.advance(499);
  assert.deepEqual(lines(told), []);
  await sim.clock.advance(1);
  assert.deepEqual(lines(told), ["ADDED a", "ADDED b"]);
});

test("holdWatch of one resource leaves the others", async () => {
  const sim = server();
  const told = await sim.watch(MAPS);
  sim.api.holdWatch(60_000, "pods");
  await sim.ok("POST", MAPS, map("a"));
  await sim.clock.advance(0);
  assert.deepEqual(lines(told), ["ADDED a"]);
});

test("cutWatches: the stream breaks as a connection does", async () => {
  const sim = server();
  const [maps, pods] = [await sim.watch(MAPS), await sim.watch(PODS)];
  sim.api.cutWatches("configmaps");
  await sim.clock.advance(0);
  assert.ok(maps.ended instanceof TransportError);
  assert.equal(maps.ended.kind, "reset");
  assert.equal(pods.ended, undefined);
  assert.equal(sim.api.openWatches, 1);
});

test("a signal ends a watch with its reason and leaves no timer behind", async () => {
  const sim = server();
  await sim.clock.advance(0);
  const before = sim.clock.pendingTimers;
  const abort = new AbortController();
  const told = await sim.watch(MAPS, abort.signal);
  const reason = new Error("enough");
  abort.abort(reason);
  await sim.clock.advance(0);
  assert.equal(told.ended, reason);
  assert.equal(sim.clock.pendingTimers, before);
});

test("a request whose signal is aborted already is not served", async () => {
  const sim = server();
  const signal = AbortSignal.abort(new Error("too late"));
  await assert.rejects(sim.api.handle({ method: "GET", url: "https://k/api", headers: {}, signal }), /too late/);
});

test("a watch that names no timeout ends within an hour", async () => {
  const sim = server();
  const told = await sim.watch(MAPS);
  await sim.clock.advance(30 * 60_000 - 1);
  assert.equal(told.ended, undefined);
  await sim.clock.advance(30 * 60_000 + 1);
  assert.equal(told.ended, "end");
});

test("bookmarks come every minute and carry the newest version", async () => {
  const sim = server();
  const told = await sim.watch(`${MAPS}?allowWatchBookmarks=true&timeoutSeconds=600`);
  await sim.ok("POST", MAPS, map("a"));
  await sim.clock.advance(60_000);
  assert.deepEqual(told.events.map(({ type }) => type), ["ADDED", "BOOKMARK"]);
  assert.equal(told.events[1]?.object.metadata.resourceVersion, told.events[0]?.object.metadata.resourceVersion);
});

test("history that is full forgets its beginning: a watch from there gets 410 in the stream", async () => {
  const sim = server({ history: 10 });
  const from = (await sim.ok("POST", MAPS, map("a"))).metadata as { resourceVersion: string };
  for (let i = 0; i < 50; i++) await sim.ok("PATCH", `${MAPS}/a`, { data: { i: String(i) } }, MERGE);
  const told = await sim.watch(`${MAPS}?resourceVersion=${from.resourceVersion}`);
  await sim.clock.advance(0);
  assert.deepEqual(told.events.map(({ type, object }) => [type, (object as unknown as { code: number }).code]), [[
    "ERROR",
    410,
  ]]);
  assert.equal(told.ended, "end");
});

test("compact: also for a resource that nobody has used yet", async () => {
  const sim = server();
  await sim.ok("POST", MAPS, map("a"));
  sim.api.compact();
  const told = await sim.watch(`${PODS}?resourceVersion=1`);
  await sim.clock.advance(0);
  assert.equal(told.events[0]?.type, "ERROR");
});

test("onChange tells every change until it is ended", async () => {
  const sim = server();
  const seen: string[] = [];
  const end = sim.api.onChange(({ plural, before, after }) => {
    seen.push(`${plural} ${before ? (after ? "changed" : "gone") : "new"}`);
  });
  await sim.ok("POST", MAPS, map("a"));
  await sim.ok("PATCH", `${MAPS}/a`, { data: { x: "1" } }, MERGE);
  await sim.ok("DELETE", `${MAPS}/a`);
  end();
  await sim.ok("POST", MAPS, map("b"));
  assert.deepEqual(seen, ["configmaps new", "configmaps changed", "configmaps gone"]);
});

test("objects: of one namespace or of all, and never modified afterwards", async () => {
  const sim = server({ namespaces: ["other"] });
  await sim.ok("POST", MAPS, map("a", { x: "1" }));
  await sim.ok("POST", "/api/v1/namespaces/other/configmaps", map("b"));
  const [before] = sim.api.objects("configmaps", "default");
  await sim.ok("PATCH", `${MAPS}/a`, { data: { x: "2" } }, MERGE);
  assert.deepEqual(before?.data, { x: "1" });
  assert.equal(sim.api.objects("configmaps").length, 2);
  assert.throws(() => sim.api.objects("unknowns"), RangeError);
});

test("with an admin token nobody else gets in but service accounts with theirs", async () => {
  const sim = server({ adminToken: "secret" });
  await sim.clock.advance(0);
  const as = (token: string) => sim.send("GET", MAPS, undefined, token ? { authorization: `Bearer ${token}` } : {});
  assert.equal((await as("")).status, 401);
  assert.equal((await as("wrong")).status, 401);
  assert.equal((await as("secret")).status, 200);
  const token = sim.api.tokenOf("default", "default", 60);
  assert.equal((await as(token)).status, 200);
  await sim.clock.advance(60_000);
  assert.equal((await as(token)).status, 401);
});

test("a pod on a node waits for its kubelet, however long", async () => {
  const sim = server();
  await sim.ok("POST", PODS, {
    metadata: { name: "a" },
    spec: { nodeName: "n", containers: [{ name: "c", image: "x" }] },
  });
  await sim.ok("DELETE", `${PODS}/a`);
  await sim.clock.advance(3_600_000);
  assert.equal(sim.api.objects("pods").length, 1);
});

test("our four kinds are taken, with their pod templates whole", async () => {
  const sim = server({ crds: customResourceDefinitions() });
  const kinds = (await sim.ok("GET", "/apis/actions.github.com/v1alpha1")).resources as { name: string }[];
  const names = kinds.map(({ name }) => name).filter((name) => !name.includes("/")).sort();
  assert.deepEqual(names, ["autoscalinglisteners", "autoscalingrunnersets", "ephemeralrunners", "ephemeralrunnersets"]);
  const template = {
    metadata: { labels: { x: "y" } },
    spec: { containers: [{ name: "c", image: "x", env: [{ name: "A", value: "b" }] }] },
  };
  const body = {
    apiVersion: "actions.github.com/v1alpha1",
    kind: "AutoscalingRunnerSet",
    metadata: { name: "a" },
    spec: { template },
  };
  const made = await sim.ok("POST", "/apis/actions.github.com/v1alpha1/namespaces/default/autoscalingrunnersets", body);
  assert.deepEqual((made.spec as { template: unknown }).template, template);
});

test("a pod with a field of a wrong type is a bad request", async () => {
  const sim = server();
  const env = [{ name: "A", value: 1 }];
  const reply = await sim.send("POST", PODS, {
    metadata: { name: "a" },
    spec: { containers: [{ name: "c", image: "x", env }] },
  });
  assert.equal(reply.status, 400);
  assert.match(String(reply.body.message), /cannot be handled as a Pod/);
});

test("a failure inside answers 500, as a Status", async () => {
  const sim = server();
  const column = { name: "Broken", type: "string", jsonPath: ".spec[~]" };
  const [crd] = structuredClone(customResourceDefinitions()) as unknown as {
    spec: { versions: Record<string, unknown>[] };
  }[];
  crd!.spec.versions[0]!.additionalPrinterColumns = [column];
  await sim.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd);
  const path = "/apis/actions.github.com/v1alpha1/namespaces/default/autoscalingrunnersets";
  const reply = await sim.send("GET", path, undefined, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
  assert.equal(reply.status, 500);
  assert.equal(reply.body.reason, "InternalError");
});
