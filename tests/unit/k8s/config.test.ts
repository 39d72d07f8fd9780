import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, inClusterServer, serverOf } from "../../../src/k8s/config.ts";
import type { Transport, TransportOptions } from "../../../src/lib/http.ts";
import { Secrets } from "../../../src/lib/secrets.ts";
import { machine } from "../../support/machine.ts";
import { table } from "../../support/table.ts";

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const FILES = {
  [`${ACCOUNT}/token`]: "token-one\n",
  [`${ACCOUNT}/ca.crt`]: "CA",
  [`${ACCOUNT}/namespace`]: "arc-systems\n",
};
const ENV = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443", HTTPS_PROXY: "http://proxy:1" };

function inPod(parts: { files?: Record<string, string>; env?: Record<string, string> } = {}) {
  const made: TransportOptions[] = [];
  const unused: Transport = () => Promise.reject(new Error("no network here"));
  const pod = machine({ files: parts.files ?? FILES, env: parts.env ?? ENV });
  const secrets = new Secrets();
  const transports = (options: TransportOptions) => {
    made.push(options);
    return unused;
  };
  return { pod, made, secrets, source: { machine: pod, transports, secrets } };
}

test("a pod's server: address, namespace, token; the cluster's CA alone, no proxy", async () => {
  const { source, made, secrets } = inPod();
  const server = await inClusterServer(source);
  assert.equal(server.baseUrl, "https://10.96.0.1:443");
  assert.equal(server.namespace, "arc-systems");
  assert.equal(await server.authorization(), "Bearer token-one");
  assert.deepEqual(made, [{ ca: "CA", caOnly: true }]);
  assert.equal(secrets.hide("token-one"), "***");
});

test("an IPv6 address is put in brackets", async () => {
  const { source } = inPod({ env: { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" } });
  assert.equal((await inClusterServer(source)).baseUrl, "https://[fd00::1]:6443");
});

test("a rotated token is in use 10 s later, and calls in between do not read the file", async () => {
  const { source, pod } = inPod();
  const server = await inClusterServer(source);
  pod.files.set(`${ACCOUNT}/token`, "token-two");
  for (let i = 0; i < 100; i++) assert.equal(await server.authorization(), "Bearer token-one");
  assert.equal(pod.reads.get(`${ACCOUNT}/token`), 1);
  await pod.clock.advance(10_000);
  const all = await Promise.all(Array.from({ length: 100 }, () => server.authorization()));
  assert.deepEqual(new Set(all), new Set(["Bearer token-two"]));
  assert.equal(pod.reads.get(`${ACCOUNT}/token`), 2);
});

test("a token file that is gone for a moment leaves the last token in force", async () => {
  const { source, pod } = inPod();
  const server = await inClusterServer(source);
  pod.files.delete(`${ACCOUNT}/token`);
  await pod.clock.advance(10_000);
  assert.equal(await server.authorization(), "Bearer token-one");
  pod.files.set(`${ACCOUNT}/token`, "");
  await pod.clock.advance(10_000);
  assert.equal(await server.authorization(), "Bearer token-one");
  pod.files.set(`${ACCOUNT}/token`, "token-two");
  await pod.clock.advance(10_000);
  assert.equal(await server.authorization(), "Bearer token-two");
});

table<{ files?: Record<string, string>; env?: Record<string, string>; says: RegExp }>("a pod without", {
  "a cluster": { env: {}, says: /^this is no pod of a cluster: KUBERNETES_SERVICE_HOST is not set$/ },
  "a token": { files: { ...FILES, [`${ACCOUNT}/token`]: " " }, says: /serviceaccount\/token is empty$/ },
  "a mounted account": { files: {}, says: /^\/var\/run.*ca\.crt can't be read.*automountServiceAccountToken/ },
}, async ({ files, env, says }) => {
  await assert.rejects(inClusterServer(inPod({ files, env }).source), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, says);
    return true;
  });
});

const KUBECONFIG = `
current-context: dev
contexts: [{name: dev, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "https://dev:6443"}}]
`;

table<{ choice: { kubeconfig?: string; context?: string }; env: Record<string, string>; server: string }>("chooses", {
  "the pod's account in a cluster": { choice: {}, env: ENV, server: "https://10.96.0.1:443" },
  "--kubeconfig before all": {
    choice: { kubeconfig: "/k" },
    env: { ...ENV, KUBECONFIG: "/no" },
    server: "https://dev:6443",
  },
  "KUBECONFIG before the pod's account": { choice: {}, env: { ...ENV, KUBECONFIG: "/k" }, server: "https://dev:6443" },
  "~/.kube/config outside of a cluster": { choice: {}, env: {}, server: "https://dev:6443" },
  "--context means a kubeconfig": { choice: { context: "dev" }, env: ENV, server: "https://dev:6443" },
}, async ({ choice, env, server }) => {
  const { source } = inPod({ files: { ...FILES, "/k": KUBECONFIG, "/home/me/.kube/config": KUBECONFIG }, env });
  assert.equal((await serverOf(choice, source)).baseUrl, server);
});
