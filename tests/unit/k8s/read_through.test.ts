import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadThrough } from "../../../src/k8s/read_through.ts";
import { type Secret, SECRETS } from "../../../src/k8s/resource.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { MemoryKube, refusal } from "../../support/memory_kube.ts";

const KEY = "ns/x";

function world() {
  const kube = new MemoryKube();
  const clock = new VirtualClock();
  const secrets = new ReadThrough<Secret>({ kube: kube.client, kind: SECRETS, clock, ttlMs: 600_000 });
  const put = (value: string) => kube.put(SECRETS, { metadata: { name: "x", namespace: "ns" }, data: { value } });
  return { kube, clock, secrets, put, asked: () => kube.requests.length };
}

test("one GET answers all who ask, within the time to live", async () => {
  const { secrets, put, asked, clock } = world();
  put("1");
  const answers = await Promise.all([secrets.get("ns", "x"), secrets.get("ns", "x")]);
  assert.deepEqual(answers.map((answer) => answer?.data?.value), ["1", "1"]);
  await clock.advance(599_000);
  await secrets.get("ns", "x");
  assert.equal(asked(), 1);
  await clock.advance(1_000);
  await secrets.get("ns", "x");
  assert.equal(asked(), 2);
});

test("that there is none is remembered too; a refusal is not", async () => {
  const { secrets, kube, asked } = world();
  assert.equal(await secrets.get("ns", "x"), undefined);
  assert.equal(await secrets.get("ns", "x"), undefined);
  assert.equal(asked(), 1);
  kube.refuse = () => {
    throw refusal("Forbidden");
  };
  await assert.rejects(secrets.get("ns", "other"), { kind: "Forbidden" });
  kube.refuse = () => {};
  assert.equal(await secrets.get("ns", "other"), undefined);
});

test("own writes are seen at once, an older answer does not undo them", async () => {
  const { secrets, kube, put, asked } = world();
  const first = put("1");
  secrets.wrote(first);
  kube.change(SECRETS, KEY, { data: { value: "2" } });
  secrets.wrote(kube.find(SECRETS, KEY)!);
  secrets.wrote(first);
  assert.equal((await secrets.get("ns", "x"))?.data?.value, "2");
  assert.equal(secrets.versionOf({ namespace: "ns", name: "x" }), kube.find(SECRETS, KEY)?.metadata.resourceVersion);
  secrets.deleted(first.metadata.uid);
  assert.equal(await secrets.get("ns", "x"), undefined);
  assert.equal(asked(), 0);
});

test("a write while a GET is under way wins over what the GET brings", async () => {
  const { secrets, kube, put } = world();
  const flight = secrets.get("ns", "x");
  const made = put("1");
  secrets.wrote(made);
  kube.vanish(SECRETS, KEY);
  assert.equal((await flight)?.data?.value, "1");
  assert.equal((await secrets.get("ns", "x"))?.data?.value, "1");
});

test("forget has it asked for again, also what is under way", async () => {
  const { secrets, put, asked } = world();
  const flight = secrets.get("ns", "x");
  secrets.forget("ns", "x");
  await flight;
  put("1");
  assert.equal((await secrets.get("ns", "x"))?.data?.value, "1");
  assert.equal(asked(), 2);
});

test("an object on its way out is looked for again soon", async () => {
  const { secrets, kube, clock, asked } = world();
  kube.put(SECRETS, { metadata: { name: "x", namespace: "ns", finalizers: ["a/b"] } });
  kube.drop(SECRETS, KEY);
  assert.ok(await secrets.get("ns", "x"));
  kube.vanish(SECRETS, KEY);
  await clock.advance(2_000);
  assert.equal(await secrets.get("ns", "x"), undefined);
  assert.equal(asked(), 2);
});

test("what nobody asks for any more is not kept for ever", async () => {
  const { secrets, clock } = world();
  for (let i = 0; i < 100; i++) await secrets.get("ns", `old-${i}`);
  await clock.advance(600_000);
  await secrets.get("ns", "new");
  assert.equal(secrets.size, 1);
});
