/** What the doctor reads is of several moments: what ended in between is no finding. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EPHEMERAL_RUNNERS } from "../../../src/api/kinds.ts";
import { gatherObjects } from "../../../src/doctor/gather/objects.ts";
import { Reader } from "../../../src/doctor/gather/reader.ts";
import type { KubeClient } from "../../../src/k8s/client.ts";
import { KubeError } from "../../../src/k8s/errors.ts";
import { type KubeObject, type ObjectRef, PODS, type Resource } from "../../../src/k8s/resource.ts";

const runner = (name: string) => ({
  metadata: { namespace: "n", name, uid: `uid-${name}` },
  status: { phase: "Running" },
});
const pod = (name: string) => ({
  metadata: {
    namespace: "n",
    name,
    uid: `pod-${name}`,
    ownerReferences: [{ apiVersion: "v", kind: "EphemeralRunner", name, uid: `uid-${name}`, controller: true }],
  },
});

/** A cluster that is `listed` first, and then as `there`. */
function readerOf(listed: Readonly<Record<string, KubeObject[]>>, there: Readonly<Record<string, KubeObject[]>>) {
  const gets: string[] = [];
  const kube = {
    list: (kind: Resource, options: { labelSelector?: string }) => {
      const isOfRunners = kind !== PODS || options.labelSelector !== undefined;
      return Promise.resolve({ items: isOfRunners ? listed[kind.plural] ?? [] : [], resourceVersion: "1" });
    },
    get: (kind: Resource, { name }: ObjectRef) => {
      gets.push(`${kind.plural} ${name}`);
      const found = there[kind.plural]?.find(({ metadata }) => metadata?.name === name);
      return found
        ? Promise.resolve(found)
        : Promise.reject(new KubeError("gone", { kind: "NotFound", status: 404, reason: "NotFound" }));
    },
  };
  return { gets, reader: new Reader(kube as unknown as KubeClient, new AbortController().signal) };
}

const namesIn = (list: Awaited<ReturnType<typeof gatherObjects>>["runners" | "runnerPods"]) =>
  list.known ? list.value.map(({ metadata }) => metadata.name).sort() : [];
const R = EPHEMERAL_RUNNERS.plural;

test("a runner whose pod had gone when pods were listed is looked at again, and so is a pod without a runner", async () => {
  const listed = {
    [R]: [runner("works"), runner("ended"), runner("stuck")],
    pods: [pod("works"), pod("fresh"), pod("orphan")],
  };
  const { reader } = readerOf(listed, {
    [R]: [runner("works"), runner("stuck"), runner("fresh")],
    pods: [pod("works"), pod("fresh"), pod("orphan")],
  });
  const objects = await gatherObjects(reader, { names: [], own: [] });
  assert.deepEqual(namesIn(objects.runners), ["fresh", "stuck", "works"]);
  assert.deepEqual(namesIn(objects.runnerPods), ["fresh", "orphan", "works"]);
});

test("where each has its other half nothing is read twice", async () => {
  const all = { [R]: [runner("a"), runner("b")], pods: [pod("a"), pod("b")] };
  const { reader, gets } = readerOf(all, all);
  const objects = await gatherObjects(reader, { names: [], own: [] });
  assert.deepEqual(namesIn(objects.runners), ["a", "b"]);
  assert.deepEqual(gets, []);
});
