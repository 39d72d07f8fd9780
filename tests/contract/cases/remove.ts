import assert from "node:assert/strict";
import {
  at,
  type Case,
  type Contract,
  GROUP,
  type Json,
  namesOf,
  ownedBy,
  pod,
  refused,
  textOf,
  withMeta,
} from "../support/contract.ts";

export const remove: Record<string, Case> = {
  "answers with a Status": async (server) => {
    const made = await server.gadget("a");
    const answer = await server.ok("DELETE", server.gadgets("a"));
    assert.equal(textOf(answer, "kind"), "Status");
    assert.equal(textOf(answer, "status"), "Success");
    const details = { name: "a", group: GROUP, kind: "gadgets", uid: textOf(made, "metadata", "uid") };
    assert.deepEqual(at(answer, "details"), details);
  },
  "a pod's answers with the pod": async (server) => {
    await server.pod("a");
    const answer = await server.ok("DELETE", server.pods("a"));
    assert.equal(textOf(answer, "kind"), "Pod");
    assert.ok(textOf(answer, "metadata", "deletionTimestamp"));
  },
  "what is not there": async (server) => {
    refused(await server.send("DELETE", server.gadgets("a")), 404, "NotFound", `gadgets.${GROUP} "a" not found`);
  },
  "another uid is a conflict": async (server) => {
    await server.gadget("a");
    const answer = await server.send("DELETE", server.gadgets("a"), { preconditions: { uid: "other" } });
    refused(answer, 409, "Conflict", "the UID in the precondition (other) does not match the UID in record");
    assert.equal((await server.get(server.gadgets("a"))).status, 200);
  },
  "the right uid": async (server) => {
    const made = await server.gadget("a");
    await server.ok("DELETE", server.gadgets("a"), { preconditions: { uid: textOf(made, "metadata", "uid") } });
    refused(await server.get(server.gadgets("a")), 404, "NotFound");
  },
  "another version is a conflict": async (server) => {
    await server.gadget("a");
    const answer = await server.send("DELETE", server.gadgets("a"), { preconditions: { resourceVersion: "1" } });
    refused(answer, 409, "Conflict", "the ResourceVersion in the precondition (1) does not match");
  },
  "dryRun=All deletes nothing": async (server) => {
    await server.gadget("a");
    await server.ok("DELETE", `${server.gadgets("a")}?dryRun=All`);
    assert.equal((await server.get(server.gadgets("a"))).status, 200);
  },
  "an unknown policy": async (server) => {
    await server.gadget("a");
    const answer = await server.send("DELETE", server.gadgets("a"), { propagationPolicy: "Never" });
    refused(answer, 422, "Invalid", "propagationPolicy");
  },
  "a collection": async (server) => {
    for (const name of ["a", "b", "c"]) {
      await server.gadget(name, { size: 1 }, { labels: { go: name === "c" ? "no" : "yes" } });
    }
    const answer = await server.ok("DELETE", `${server.gadgets()}?labelSelector=go%3Dyes`);
    assert.equal(textOf(answer, "kind"), "GadgetList");
    assert.deepEqual(namesOf(await server.ok("GET", server.gadgets())), ["c"]);
  },
};

export const finalizers: Record<string, Case> = {
  "hold an object that is to go": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    const answer = await server.ok("DELETE", server.gadgets("a"));
    assert.equal(textOf(answer, "kind"), "Gadget");
    assert.ok(textOf(answer, "metadata", "deletionTimestamp"));
    assert.equal(at(answer, "metadata", "deletionGracePeriodSeconds"), 0);
    assert.equal(at(answer, "metadata", "generation"), 2);
    await release(server, server.gadgets("a"));
    refused(await server.get(server.gadgets("a")), 404, "NotFound");
  },
  "a second deletion changes nothing": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    const first = await server.ok("DELETE", server.gadgets("a"));
    const second = await server.ok("DELETE", server.gadgets("a"));
    assert.equal(textOf(second, "metadata", "resourceVersion"), textOf(first, "metadata", "resourceVersion"));
    await release(server, server.gadgets("a"));
  },
  "the last one's removal answers with the object": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.gadgets("a"));
    const answer = await server.patched("merge", server.gadgets("a"), { metadata: { finalizers: null } });
    assert.equal(textOf(answer, "metadata", "name"), "a");
    assert.equal(at(answer, "metadata", "finalizers"), undefined);
  },
  "none may be added to what is to go": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.gadgets("a"));
    const patch = { metadata: { finalizers: ["example.com/hold", "example.com/new"] } };
    const answer = await server.patch("merge", server.gadgets("a"), patch);
    refused(answer, 422, "Invalid", "no new finalizers can be added if the object is being deleted");
    await release(server, server.gadgets("a"));
  },
  "what is to go may still change": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.gadgets("a"));
    const changed = await server.patched("merge", server.gadgets("a"), { spec: { size: 2 } });
    assert.equal(at(changed, "spec", "size"), 2);
    await release(server, server.gadgets("a"));
  },
  "the time of deletion cannot be taken back": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    const deleted = await server.ok("DELETE", server.gadgets("a"));
    const changed = await server.ok(
      "PUT",
      server.gadgets("a"),
      withMeta(deleted, { deletionTimestamp: null, labels: { x: "y" } }),
    );
    assert.equal(textOf(changed, "metadata", "deletionTimestamp"), textOf(deleted, "metadata", "deletionTimestamp"));
    await release(server, server.gadgets("a"));
  },
  "a name that is held is taken": async (server) => {
    await server.map("a", {}, { finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.maps("a"));
    refused(await server.send("POST", server.maps(), { metadata: { name: "a" } }), 409, "AlreadyExists");
    await release(server, server.maps("a"));
    await server.map("a");
  },
  "must be qualified names": async (server) => {
    const answer = await server.send("POST", server.maps(), { metadata: { name: "a", finalizers: ["no spaces"] } });
    refused(answer, 422, "Invalid", "metadata.finalizers");
  },
  "doubled ones are kept once at most": async (server) => {
    const made = await server.map("a", {}, { finalizers: ["example.com/hold"] });
    assert.deepEqual(at(made, "metadata", "finalizers"), ["example.com/hold"]);
    await release(server, server.maps("a"));
  },
};

async function release(server: Contract, path: string): Promise<void> {
  await server.patched("merge", path, { metadata: { finalizers: null } });
}

export const pods: Record<string, Case> = {
  "get what every pod has": async (server) => {
    const made = await server.pod("a");
    const spec = at(made, "spec") as Record<string, Json>;
    assert.deepEqual(
      [
        spec.restartPolicy,
        spec.dnsPolicy,
        spec.terminationGracePeriodSeconds,
        spec.schedulerName,
        spec.enableServiceLinks,
      ],
      ["Always", "ClusterFirst", 30, "default-scheduler", true],
    );
    assert.deepEqual(at(made, "status"), { phase: "Pending", qosClass: "BestEffort" });
    const container = at(spec, "containers", 0) as Record<string, Json>;
    assert.deepEqual(
      [
        container.imagePullPolicy,
        container.terminationMessagePath,
        container.terminationMessagePolicy,
        container.resources,
      ],
      ["IfNotPresent", "/dev/termination-log", "File", {}],
    );
    assert.equal(at(made, "metadata", "generation"), 1);
  },
  "an image without a tag is always pulled": async (server) => {
    const made = await server.pod("a", { containers: [{ name: "c", image: "example/one" }] });
    assert.equal(textOf(made, "spec", "containers", 0, "imagePullPolicy"), "Always");
  },
  "tolerate nodes that are lost for a while": async (server) => {
    const made = await server.pod("a", { tolerations: [{ key: "x", operator: "Exists" }] });
    const keys = (at(made, "spec", "tolerations") as Json[]).map((item) => textOf(item, "key"));
    assert.deepEqual(keys, ["x", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]);
  },
  "volumes get their mode": async (server) => {
    const volumes: Json = [{ name: "s", secret: { secretName: "x" } }, { name: "e", emptyDir: {} }];
    const made = await server.pod("a", { volumes });
    assert.equal(at(made, "spec", "volumes", 0, "secret", "defaultMode"), 420);
    assert.deepEqual(at(made, "spec", "volumes", 1), { name: "e", emptyDir: {} });
  },
  "limits are requests": async (server) => {
    const resources = { limits: { cpu: "1", memory: "1Gi" } };
    const made = await server.pod("a", { containers: [{ name: "c", image: "x:1", resources }] });
    assert.deepEqual(at(made, "spec", "containers", 0, "resources", "requests"), { cpu: "1", memory: "1Gi" });
    assert.equal(textOf(made, "status", "qosClass"), "Guaranteed");
  },
  ...refusedPods({
    "no containers": [{ containers: [] }, "spec.containers: Required value"],
    "a container without an image": [{ containers: [{ name: "c" }] }, "spec.containers[0].image: Required value"],
    "a container without a name": [{ containers: [{ image: "x" }] }, "spec.containers[0].name: Required value"],
    "two containers of one name": [
      { containers: [{ name: "c", image: "x" }, { name: "c", image: "x" }] },
      'spec.containers[1].name: Duplicate value: "c"',
    ],
    "a wrong restart policy": [{ restartPolicy: "Maybe" }, 'spec.restartPolicy: Unsupported value: "Maybe"'],
    "a mount of no volume": [{
      containers: [{ name: "c", image: "x", volumeMounts: [{ name: "v", mountPath: "/v" }] }],
    }, 'spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  }),
  "their spec is for ever": async (server) => {
    await server.pod("a");
    const answer = await server.patch("merge", server.pods("a"), { spec: { restartPolicy: "Never" } });
    refused(answer, 422, "Invalid", "pod updates may not change fields other than `spec.containers[*].image`");
  },
  "no container comes later": async (server) => {
    await server.pod("a");
    const answer = await server.patch("jsonPatch", server.pods("a"), [{
      op: "add",
      path: "/spec/containers/-",
      value: { name: "b", image: "x" },
    }]);
    refused(answer, 422, "Invalid", "pod updates may not add or remove containers");
  },
  "an image may change, and counts": async (server) => {
    await server.pod("a");
    const changed = await server.patched("strategic", server.pods("a"), {
      spec: { containers: [{ name: "main", image: "example/one:2" }] },
    });
    assert.equal(at(changed, "metadata", "generation"), 2);
  },
  "labels may change": async (server) => {
    await server.pod("a");
    const changed = await server.patched("merge", server.pods("a"), { metadata: { labels: { x: "y" } } });
    assert.equal(textOf(changed, "metadata", "labels", "x"), "y");
  },
  "that run nowhere go at once": async (server) => {
    await server.pod("a");
    const answer = await server.ok("DELETE", server.pods("a"));
    assert.equal(at(answer, "metadata", "deletionGracePeriodSeconds"), 0);
    refused(await server.get(server.pods("a")), 404, "NotFound");
  },
  "on a node stay for their grace": async (server) => {
    await server.pod("a", { nodeName: "n1", terminationGracePeriodSeconds: 45 });
    const answer = await server.ok("DELETE", server.pods("a"));
    assert.equal(at(answer, "metadata", "deletionGracePeriodSeconds"), 45);
    const wait = Date.parse(textOf(answer, "metadata", "deletionTimestamp")) -
      Date.parse(textOf(answer, "metadata", "creationTimestamp"));
    assert.ok(wait >= 44_000 && wait < 60_000, `deleted ${wait} ms after creation`);
    assert.equal((await server.get(server.pods("a"))).status, 200);
  },
  "go when the kubelet deletes them with grace 0": async (server) => {
    await server.pod("a", { nodeName: "n1" });
    await server.ok("DELETE", server.pods("a"));
    await server.ok("DELETE", server.pods("a"), { gracePeriodSeconds: 0 });
    refused(await server.get(server.pods("a")), 404, "NotFound");
  },
  "a shorter grace counts": async (server) => {
    await server.pod("a", { nodeName: "n1" });
    await server.ok("DELETE", server.pods("a"));
    const answer = await server.ok("DELETE", server.pods("a"), { gracePeriodSeconds: 5 });
    assert.equal(at(answer, "metadata", "deletionGracePeriodSeconds"), 5);
  },
  "a longer grace does not": async (server) => {
    await server.pod("a", { nodeName: "n1" });
    await server.ok("DELETE", server.pods("a"), { gracePeriodSeconds: 5 });
    const answer = await server.ok("DELETE", server.pods("a"), { gracePeriodSeconds: 60 });
    assert.equal(at(answer, "metadata", "deletionGracePeriodSeconds"), 5);
  },
  "that are over go at once": async (server) => {
    await server.pod("a", { nodeName: "n1" });
    await server.patched("merge", server.pods("a/status"), { status: { phase: "Succeeded" } });
    await server.ok("DELETE", server.pods("a"));
    refused(await server.get(server.pods("a")), 404, "NotFound");
  },
  "with finalizers stay after the kubelet is done": async (server) => {
    await server.pod("a", { nodeName: "n1" }, { finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.pods("a"));
    await server.ok("DELETE", server.pods("a"), { gracePeriodSeconds: 0 });
    assert.equal((await server.get(server.pods("a"))).status, 200);
    await release(server, server.pods("a"));
    refused(await server.get(server.pods("a")), 404, "NotFound");
  },
  "are bound to a node once": async (server) => {
    await server.pod("a");
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: "a" },
      target: { kind: "Node", name: "n1" },
    };
    await server.made(server.pods("a/binding"), binding);
    const bound = await server.ok("GET", server.pods("a"));
    assert.equal(textOf(bound, "spec", "nodeName"), "n1");
    assert.equal(textOf(bound, "status", "conditions", 0, "type"), "PodScheduled");
    refused(await server.send("POST", server.pods("a/binding"), binding), 409, "Conflict");
  },
  "without a node have no logs": async (server) => {
    await server.pod("a");
    const answer = await server.get(server.pods("a/log"));
    assert.deepEqual([answer.status, answer.text], [204, ""]);
  },
  "a quota limits them": async (server) => {
    await server.made(server.core("resourcequotas"), { metadata: { name: "few" }, spec: { hard: { pods: "1" } } });
    await server.eventually("the quota counts", async () => {
      const quota = await server.ok("GET", server.core("resourcequotas", "few"));
      return textOf(quota, "status", "used", "pods") === "0";
    });
    await server.pod("a");
    const answer = await server.send("POST", server.pods(), pod("b"));
    refused(answer, 403, "Forbidden", "exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1");
  },
};

function refusedPods(table: Record<string, [Record<string, Json>, string]>): Record<string, Case> {
  const cases = Object.entries(table).map((
    [name, [spec, message]],
  ): [string, Case] => [`are refused: ${name}`, async (server) => {
    refused(await server.send("POST", server.pods(), pod("a", spec)), 422, "Invalid", message);
  }]);
  return Object.fromEntries(cases);
}

export const owners: Record<string, Case> = {
  "dependents go after their owner": async (server) => {
    const owner = await server.map("owner");
    await server.pod("a", {}, ownedBy(owner));
    await server.ok("DELETE", server.maps("owner"));
    await server.gone(server.pods("a"));
  },
  "and theirs after them": async (server) => {
    const owner = await server.map("owner");
    const middle = await server.map("middle", {}, ownedBy(owner));
    await server.map("last", {}, ownedBy(middle));
    await server.ok("DELETE", server.maps("owner"));
    await server.gone(server.maps("last"));
    await server.gone(server.maps("middle"));
  },
  "of an owner that never was": async (server) => {
    const ghost = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "ghost", uid: "00000000-0000-4000-8000-000000000000" },
    };
    await server.map("a", {}, ownedBy(ghost));
    await server.gone(server.maps("a"));
  },
  "with another uid": async (server) => {
    const owner = await server.map("owner");
    await server.map("a", {}, ownedBy(withMeta(owner, { uid: "00000000-0000-4000-8000-000000000001" })));
    await server.gone(server.maps("a"));
  },
  "stay while one owner lives": async (server) => {
    const one = await server.map("one");
    const two = await server.map("two");
    const ownerReferences = [one, two].flatMap((owner) => ownedBy(owner).ownerReferences as Json[]);
    await server.map("a", {}, { ownerReferences });
    await server.ok("DELETE", server.maps("one"));
    await server.eventually("the reference is gone", async () => {
      const found = await server.ok("GET", server.maps("a"));
      return (at(found, "metadata", "ownerReferences") as Json[]).length === 1;
    });
    await server.ok("DELETE", server.maps("two"));
    await server.gone(server.maps("a"));
  },
  "orphans stay": async (server) => {
    const owner = await server.map("owner");
    await server.map("a", {}, ownedBy(owner));
    await server.ok("DELETE", server.maps("owner"), { propagationPolicy: "Orphan" });
    await server.gone(server.maps("owner"));
    assert.equal(at(await server.ok("GET", server.maps("a")), "metadata", "ownerReferences"), undefined);
  },
  "in the foreground the owner goes last": async (server) => {
    const owner = await server.map("owner");
    await server.map("a", {}, { ...ownedBy(owner, { blockOwnerDeletion: true }), finalizers: ["example.com/hold"] });
    const answer = await server.ok("DELETE", server.maps("owner"), { propagationPolicy: "Foreground" });
    assert.deepEqual(at(answer, "metadata", "finalizers"), ["foregroundDeletion"]);
    await server.eventually(
      "the dependent is to go",
      async () => textOf(await server.ok("GET", server.maps("a")), "metadata", "deletionTimestamp") !== "",
    );
    assert.equal((await server.get(server.maps("owner"))).status, 200);
    await release(server, server.maps("a"));
    await server.gone(server.maps("owner"));
  },
  "in the foreground without dependents": async (server) => {
    await server.map("owner");
    await server.ok("DELETE", server.maps("owner"), { propagationPolicy: "Foreground" });
    await server.gone(server.maps("owner"));
  },
  "finalizers of a dependent hold it": async (server) => {
    const owner = await server.map("owner");
    await server.map("a", {}, { ...ownedBy(owner), finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.maps("owner"));
    await server.eventually(
      "the dependent is to go",
      async () => textOf(await server.ok("GET", server.maps("a")), "metadata", "deletionTimestamp") !== "",
    );
    await release(server, server.maps("a"));
    await server.gone(server.maps("a"));
  },
  "of a custom object": async (server) => {
    const owner = await server.gadget("owner");
    await server.made(server.core("secrets"), { metadata: { name: "a", ...ownedBy(owner, { controller: true }) } });
    await server.ok("DELETE", server.gadgets("owner"));
    await server.gone(server.core("secrets", "a"));
  },
};

export const namespaces: Record<string, Case> = {
  "have a phase, a finalizer and their name as label": async (server) => {
    const found = await server.ok("GET", `/api/v1/namespaces/${server.namespace}`);
    assert.equal(textOf(found, "status", "phase"), "Active");
    assert.deepEqual(at(found, "spec", "finalizers"), ["kubernetes"]);
    assert.equal(textOf(found, "metadata", "labels", "kubernetes.io/metadata.name"), server.namespace);
  },
  "have a default service account": async (server) => {
    await server.eventually(
      "the account",
      async () => (await server.get(server.core("serviceaccounts", "default"))).status === 200,
    );
  },
  "that go take nothing new": async (server) => {
    await server.map("held", {}, { finalizers: ["example.com/hold"] });
    const answer = await server.ok("DELETE", `/api/v1/namespaces/${server.namespace}`);
    assert.equal(textOf(answer, "kind"), "Namespace");
    assert.equal(textOf(answer, "status", "phase"), "Terminating");
    const refusal = await server.send("POST", server.maps(), { metadata: { name: "late" } });
    refused(refusal, 403, "Forbidden", "because it is being terminated");
    assert.equal(textOf(refusal.body, "details", "causes", 0, "reason"), "NamespaceTerminating");
    await release(server, server.maps("held"));
    await server.gone(`/api/v1/namespaces/${server.namespace}`);
  },
  "that go take all with them": async (server) => {
    await server.map("a");
    await server.gadget("b");
    await server.ok("DELETE", `/api/v1/namespaces/${server.namespace}`);
    await server.gone(`/api/v1/namespaces/${server.namespace}`);
    refused(await server.get(server.gadgets("b")), 404, "NotFound");
    refused(await server.get(server.maps("a")), 404, "NotFound");
  },
  "must be DNS labels": async (server) => {
    const answer = await server.send("POST", "/api/v1/namespaces", { metadata: { name: "a.b" } });
    refused(answer, 422, "Invalid", "must not contain dots");
  },
};

export const definitions: Record<string, Case> = {
  "are established": async (server) => {
    const crd = await server.ok("GET", `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.${GROUP}`);
    const conditions = (at(crd, "status", "conditions") as Json[]).map((item) =>
      `${textOf(item, "type")}=${textOf(item, "status")}`
    );
    assert.ok(conditions.includes("Established=True"), conditions.join());
    assert.equal(textOf(crd, "status", "acceptedNames", "kind"), "Gadget");
    assert.deepEqual(at(crd, "status", "storedVersions"), ["v1"]);
  },
  "are named by plural and group": async (server) => {
    const answer = await server.send("POST", CRDS, crd("things", { name: "wrong.example.com" }));
    refused(answer, 422, "Invalid", "must be spec.names.plural+");
  },
  "serve their kind, change, and go with its objects": async (server) => {
    const plural = `t${server.namespace.replace(/\W/g, "")}`;
    await server.made(CRDS, crd(plural));
    const path = `/apis/things.example.com/v1/namespaces/${server.namespace}/${plural}`;
    await server.eventually("the kind is served", async () => (await server.get(path)).status === 200);
    const thing: Json = {
      apiVersion: "things.example.com/v1",
      kind: kindOf(plural),
      metadata: { name: "a" },
      value: 1,
      more: 2,
    };
    const made = await server.made(path, thing);
    assert.deepEqual([at(made, "value"), at(made, "more")], [1, undefined]);
    const more = { spec: { versions: [version({ value: { type: "integer" }, more: { type: "integer" } })] } };
    await server.patched("merge", `${CRDS}/${plural}.things.example.com`, more);
    await server.eventually("the new schema counts", async () => {
      const answer = await server.patch("merge", `${path}/a`, { more: 2 });
      return answer.status === 200 && at(answer.body, "more") === 2;
    });
    const changed = await server.ok("GET", `${path}/a`);
    assert.ok(Number(at(changed, "metadata", "generation")) >= 2, "without a status subresource every field counts");
    await server.ok("DELETE", `${CRDS}/${plural}.things.example.com`);
    await server.gone(`${CRDS}/${plural}.things.example.com`);
    await server.eventually("the kind is gone", async () => (await server.get(path)).status === 404);
  },
};

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const kindOf = (plural: string) => `K${plural}`;

function version(properties: Record<string, Json>): Json {
  return { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object", properties } } };
}

function crd(plural: string, meta: Record<string, Json> = {}): Json {
  const group = "things.example.com";
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, ...meta },
    spec: {
      group,
      scope: "Namespaced",
      names: { plural, kind: kindOf(plural) },
      versions: [version({ value: { type: "integer" } })],
    },
  };
}
