import assert from "node:assert/strict";
import { at, type Case, type Contract, type Json, refused, textOf } from "../support/contract.ts";

const LEASES = (server: Contract) => `/apis/coordination.k8s.io/v1/namespaces/${server.namespace}/leases`;
const RBAC = (server: Contract) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${server.namespace}`;

type Refusal = readonly [path: (server: Contract) => string, body: Json, code: number, reason: string, message: string];

const REFUSALS: Record<string, Refusal> = {
  "a config map's key with a space": [
    (server) => server.maps(),
    { metadata: { name: "a" }, data: { "bad key": "x" } },
    422,
    "Invalid",
    "a valid config key must consist of",
  ],
  "a config map's value that is a number": [
    (server) => server.maps(),
    { metadata: { name: "a" }, data: { x: 1 } },
    400,
    "BadRequest",
    "cannot be handled as a ConfigMap",
  ],
  "a label that is a number": [
    (server) => server.maps(),
    { metadata: { name: "a", labels: { x: 1 } } },
    400,
    "BadRequest",
    "cannot be handled as a ConfigMap",
  ],
  "an annotation's key with a space": [
    (server) => server.maps(),
    { metadata: { name: "a", annotations: { "a b": "c" } } },
    422,
    "Invalid",
    'metadata.annotations: Invalid value: "a b": name part must consist of alphanumeric characters',
  ],
  "a label value that is too long": [
    (server) => server.maps(),
    { metadata: { name: "a", labels: { x: "y".repeat(64) } } },
    422,
    "Invalid",
    "metadata.labels: Invalid value",
  ],
  "annotations that are too long": [
    (server) => server.maps(),
    { metadata: { name: "a", annotations: { x: "y".repeat(262_144) } } },
    422,
    "Invalid",
    "metadata.annotations: Too long: may not be more than 262144 bytes",
  ],
  "a secret's data that is no base64": [
    (server) => server.core("secrets"),
    { metadata: { name: "a" }, data: { x: "###" } },
    400,
    "BadRequest",
    "illegal base64 data",
  ],
  "a role's rule without verbs": [
    (server) => `${RBAC(server)}/roles`,
    { metadata: { name: "a" }, rules: [{ apiGroups: [""], resources: ["pods"] }] },
    422,
    "Invalid",
    "rules[0].verbs: Required value",
  ],
  "a binding to no role": [
    (server) => `${RBAC(server)}/rolebindings`,
    { metadata: { name: "a" } },
    422,
    "Invalid",
    "roleRef.name: Required value",
  ],
  "a lease of no duration": [
    LEASES,
    { metadata: { name: "a" }, spec: { leaseDurationSeconds: 0 } },
    422,
    "Invalid",
    "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
  ],
  "a lease's time without microseconds": [
    LEASES,
    { metadata: { name: "a" }, spec: { renewTime: "2026-01-01T00:00:00Z" } },
    400,
    "BadRequest",
    "cannot be handled as a Lease",
  ],
  "an event about another namespace": [
    (server) => server.core("events"),
    { metadata: { name: "a" }, reason: "R", involvedObject: { kind: "Pod", name: "x", namespace: "elsewhere" } },
    422,
    "Invalid",
    "involvedObject.namespace: Invalid value",
  ],
  "a variable whose value is a number": [
    (server) => server.pods(),
    { metadata: { name: "a" }, spec: { containers: [{ name: "c", image: "x", env: [{ name: "A", value: 1 }] }] } },
    400,
    "BadRequest",
    "cannot be handled as a Pod",
  ],
  "a pod's port beyond all ports": [
    (server) => server.pods(),
    { metadata: { name: "a" }, spec: { containers: [{ name: "c", image: "x", ports: [{ containerPort: 70_000 }] }] } },
    422,
    "Invalid",
    "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
  ],
  "an unknown policy of pulling": [
    (server) => server.pods(),
    { metadata: { name: "a" }, spec: { containers: [{ name: "c", image: "x", imagePullPolicy: "Sometimes" }] } },
    422,
    "Invalid",
    'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes"',
  ],
  "two volumes of one name": [
    (server) => server.pods(),
    {
      metadata: { name: "a" },
      spec: {
        containers: [{ name: "c", image: "x" }],
        volumes: [{ name: "v", emptyDir: {} }, { name: "v", emptyDir: {} }],
      },
    },
    422,
    "Invalid",
    'spec.volumes[1].name: Duplicate value: "v"',
  ],
  "an unknown field, when unknown fields are refused": [
    (server) => `${server.maps()}?fieldValidation=Strict`,
    { metadata: { name: "a" }, surprise: 1 },
    400,
    "BadRequest",
    'strict decoding error: unknown field "surprise"',
  ],
};

export const builtIn: Record<string, Case> = {
  ...Object.fromEntries(
    Object.entries(REFUSALS).map(([name, [path, body, code, reason, message]]): [string, Case] => [
      `refused: ${name}`,
      async (server) => refused(await server.send("POST", path(server), body), code, reason, message),
    ]),
  ),
  "an unknown field is dropped": async (server) => {
    assert.equal(at(await server.made(server.maps(), { metadata: { name: "a" }, surprise: 1 }), "surprise"), undefined);
  },
  "a lease keeps its microseconds": async (server) => {
    const spec = { holderIdentity: "x", leaseDurationSeconds: 15, renewTime: "2026-01-01T00:00:00.123456Z" };
    assert.deepEqual(at(await server.made(LEASES(server), { metadata: { name: "a" }, spec }), "spec"), spec);
  },
  "a patch to a lease's time without microseconds": async (server) => {
    await server.made(LEASES(server), { metadata: { name: "a" }, spec: { holderIdentity: "x" } });
    const patch = { spec: { renewTime: "2026-01-01T00:00:00Z" } };
    refused(await server.patch("merge", `${LEASES(server)}/a`, patch), 422, "Invalid", "patch: Invalid value");
  },
  "a lease may be made by PUT": async (server) => {
    const answer = await server.send("PUT", `${LEASES(server)}/a`, { metadata: { name: "a" }, spec: {} });
    assert.equal(answer.status, 201, answer.text);
  },
  "a role may have any name of a path": async (server) => {
    const made = await server.made(`${RBAC(server)}/roles`, { metadata: { name: "system:Odd_Name" }, rules: [] });
    assert.equal(textOf(made, "metadata", "name"), "system:Odd_Name");
  },
  "a binding's user gets the group of users": async (server) => {
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" };
    const subjects: Json[] = [{ kind: "User", name: "u" }, { kind: "ServiceAccount", name: "s", namespace: "n" }];
    const made = await server.made(`${RBAC(server)}/rolebindings`, { metadata: { name: "a" }, roleRef, subjects });
    assert.deepEqual(at(made, "subjects"), [{
      ...(subjects[0] as Record<string, Json>),
      apiGroup: "rbac.authorization.k8s.io",
    }, subjects[1]]);
  },
  "events are found by what they are about": async (server) => {
    const event = (name: string, about: string) => ({
      metadata: { name },
      reason: "R",
      message: "m",
      type: "Normal",
      involvedObject: { kind: "Pod", name: about, namespace: server.namespace },
    });
    await server.made(server.core("events"), event("a", "x"));
    await server.made(server.core("events"), event("b", "y"));
    const found = await server.ok("GET", `${server.core("events")}?fieldSelector=involvedObject.name%3Dx`);
    assert.equal(textOf(found, "items", 0, "metadata", "name"), "a");
    assert.equal(at(found, "items", 1), undefined);
  },
  "a protected namespace stays": async (server) => {
    refused(
      await server.send("DELETE", "/api/v1/namespaces/default"),
      403,
      "Forbidden",
      "this namespace may not be deleted",
    );
  },
  "a resource that a CRD's group does not have is no path": async (server) => {
    const answer = await server.get(server.gadgets().replace("gadgets", "widgets"));
    assert.deepEqual([answer.status, answer.text.trim()], [404, "404 page not found"]);
  },
  "a status cannot be deleted": async (server) => {
    refused(await server.send("DELETE", server.pods("a/status")), 405, "MethodNotAllowed");
  },
  "probes and field references get their defaults": async (server) => {
    const probe = { httpGet: { path: "/", port: 80 } };
    const env: Json = [{ name: "N", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }, {
      name: "E",
      value: "",
    }];
    const made = await server.pod("a", { containers: [{ name: "c", image: "x", readinessProbe: probe, env }] });
    const container = at(made, "spec", "containers", 0);
    assert.deepEqual(at(container, "readinessProbe"), {
      httpGet: { path: "/", port: 80, scheme: "HTTP" },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    });
    const fieldRef = { apiVersion: "v1", fieldPath: "metadata.name" };
    assert.deepEqual(at(container, "env"), [{ name: "N", valueFrom: { fieldRef } }, { name: "E" }]);
  },
  "a pod's status keeps its class of service": async (server) => {
    const made = await server.pod("a");
    const body = { ...(made as Record<string, Json>), status: { phase: "Running" } };
    const changed = await server.ok("PUT", server.pods("a/status"), body);
    assert.deepEqual(at(changed, "status"), { phase: "Running", qosClass: "BestEffort" });
  },
  "a collection's deletion answers with what was there": async (server) => {
    await server.pod("a");
    const answer = await server.ok("DELETE", server.pods());
    assert.equal(textOf(answer, "kind"), "PodList");
    assert.equal(at(answer, "items", 0, "metadata", "deletionTimestamp"), undefined);
  },
  "an explicit deletion in the background takes back the foreground": async (server) => {
    await server.map("a", {}, { finalizers: ["example.com/hold", "foregroundDeletion"] });
    const answer = await server.ok("DELETE", server.maps("a"), { propagationPolicy: "Background" });
    assert.deepEqual(at(answer, "metadata", "finalizers"), ["example.com/hold"]);
    await server.patched("merge", server.maps("a"), { metadata: { finalizers: null } });
  },
};
