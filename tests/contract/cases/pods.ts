import assert from "node:assert/strict";
import { at, type Case, type Json, pod, refused, release, textOf } from "../support/contract.ts";

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
