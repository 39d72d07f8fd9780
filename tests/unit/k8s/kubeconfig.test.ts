import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { ConfigError, type ConfigSource } from "../../../src/k8s/config.ts";
import { kubeconfigServer } from "../../../src/k8s/kubeconfig.ts";
import { type HttpRequest, readText, type Transport, type TransportOptions } from "../../../src/lib/http.ts";
import { nodeTransports } from "../../../src/lib/http_node.ts";
import { nodeRuntime } from "../../../src/lib/runtime.ts";
import { Secrets } from "../../../src/lib/secrets.ts";
import { withServers } from "../../support/loopback.ts";
import { machine } from "../../support/machine.ts";
import { authority } from "../../support/pki.ts";
import { table } from "../../support/table.ts";

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** A kubeconfig of one context; JSON is YAML. */
function config(cluster: object, user?: object, context: object = {}): string {
  return JSON.stringify({
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "dev",
    "contexts": [{ name: "dev", context: { cluster: "c", ...(user ? { user: "u" } : {}), ...context } }],
    "clusters": [{ name: "c", cluster }],
    "users": user ? [{ name: "u", user }] : null,
  });
}

const CLUSTER = { server: "https://dev.example:6443/" };

function reader(files: Record<string, string>, env: Record<string, string> = {}) {
  const made: TransportOptions[] = [];
  const here = machine({ files, env });
  const sent: TransportOptions[] = [];
  const secrets = new Secrets();
  const source: ConfigSource = {
    machine: here,
    secrets,
    transports(options) {
      made.push(options);
      const answer: Transport = () => {
        sent.push(options);
        return Promise.resolve({ status: 200, headers: {}, body: (async function* () {})() });
      };
      return answer;
    },
  };
  return { here, made, sent, secrets, source };
}

const REQUEST: HttpRequest = { method: "GET", url: "https://x/", headers: {}, signal: new AbortController().signal };

table<{
  cluster?: object;
  user?: object;
  context?: object;
  files?: Record<string, string>;
  env?: Record<string, string>;
  authorization?: string;
  options?: TransportOptions;
  namespace?: string;
}>("a context gives", {
  "nothing but the address": {},
  "its namespace": { context: { namespace: "team-a" }, namespace: "team-a" },
  "a token": { user: { token: "t0ken" }, authorization: "Bearer t0ken" },
  "a token file, relative to the kubeconfig": {
    user: { tokenFile: "token.txt" },
    files: { "/cfg/token.txt": "from-file\n" },
    authorization: "Bearer from-file",
  },
  "a token file before a token": {
    user: { tokenFile: "/t", token: "old" },
    files: { "/t": "new" },
    authorization: "Bearer new",
  },
  "a password": { user: { username: "me", password: "pa:ss" }, authorization: `Basic ${base64("me:pa:ss")}` },
  "a CA as data: alone, not besides the machine's": {
    cluster: { "certificate-authority-data": base64("CA") },
    options: { ca: "CA", caOnly: true },
  },
  "a CA as a file, relative to the kubeconfig": {
    cluster: { "certificate-authority": "pki/ca.crt" },
    files: { "/cfg/pki/ca.crt": "CA" },
    options: { ca: "CA", caOnly: true },
  },
  "a client certificate as data": {
    user: { "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") },
    options: { cert: "CERT", key: "KEY" },
  },
  "a client certificate as files": {
    user: { "client-certificate": "me.crt", "client-key": "/keys/me.key" },
    files: { "/cfg/me.crt": "CERT", "/keys/me.key": "KEY" },
    options: { cert: "CERT", key: "KEY" },
  },
  "no trust at all, when asked for": { cluster: { "insecure-skip-tls-verify": true }, options: { insecure: true } },
  "the name in the certificate": { cluster: { "tls-server-name": "api" }, options: { serverName: "api" } },
  "its own proxy": {
    cluster: { "proxy-url": "http://p:1" },
    env: { HTTPS_PROXY: "http://other:2" },
    options: { proxy: { http: "http://p:1", https: "http://p:1" } },
  },
  "the environment's proxy": {
    env: { HTTPS_PROXY: "http://other:2", NO_PROXY: "a" },
    options: { proxy: { http: undefined, https: "http://other:2", noProxy: "a" } },
  },
}, async ({ cluster, user, context, files, env, authorization, options, namespace = "default" }) => {
  const { source, made, secrets } = reader({
    ...files,
    "/cfg/config": config({ ...CLUSTER, ...cluster }, user, context),
  }, env);
  const server = await kubeconfigServer({ kubeconfig: "/cfg/config" }, source);
  assert.equal(server.baseUrl, "https://dev.example:6443");
  assert.equal(server.namespace, namespace);
  assert.equal(await server.authorization(), authorization);
  const noProxy = { proxy: { http: undefined, https: undefined, noProxy: undefined } };
  assert.deepEqual(made, [{ ...noProxy, ...options }]);
  if (authorization && authorization.length > 14) assert.doesNotMatch(secrets.hide(authorization), /from-file|cGE/);
});

const TWO = {
  "/a": config({ server: "https://a" }, { token: "a" }),
  "/b": JSON.stringify({
    "current-context": "other",
    "contexts": [{ name: "dev", context: { cluster: "never" } }, {
      name: "other",
      context: { cluster: "d", user: "u" },
    }],
    "clusters": [{ name: "c", cluster: { server: "https://never" } }, { name: "d", cluster: { server: "https://b" } }],
  }),
};

table<{ context?: string; env: string; server: string; authorization?: string }>("several files", {
  "the first entry of a name counts": { env: "/a:/b", server: "https://a", authorization: "Bearer a" },
  "--context chooses among all": { env: "/a:/b", context: "other", server: "https://b", authorization: "Bearer a" },
  "a missing one is passed over": { env: "/no:/a", server: "https://a", authorization: "Bearer a" },
  "empty parts are passed over": { env: ":/a:", server: "https://a", authorization: "Bearer a" },
}, async ({ context, env, server, authorization }) => {
  const found = await kubeconfigServer({ context }, reader(TWO, { KUBECONFIG: env }).source);
  assert.equal(found.baseUrl, server);
  assert.equal(await found.authorization(), authorization);
});

table<{ choice?: object; env?: Record<string, string>; files?: Record<string, string>; says: RegExp }>("one line for", {
  "no kubeconfig at all": {
    says: /^there is no kubeconfig \(tried \/home\/me\/\.kube\/config, from the home folder\): .*give --kubeconfig$/,
  },
  "KUBECONFIG that names nothing": {
    env: { KUBECONFIG: "/x:/y" },
    says: /^there is no kubeconfig \(tried \/x, \/y, from KUBECONFIG\): check the path$/,
  },
  "--kubeconfig that names nothing": {
    choice: { kubeconfig: "/x" },
    says: /^there is no kubeconfig \(tried \/x, from --kubeconfig\): check the path$/,
  },
  "an unknown context": {
    choice: { context: "prod" },
    files: { "/home/me/.kube/config": config(CLUSTER) },
    says: /^\/home\/me\/\.kube\/config has no context "prod" \(there are: dev\)$/,
  },
  "no current context": {
    files: { "/home/me/.kube/config": "apiVersion: v1\ncontexts: []\n" },
    says: /has no current context: choose one with --context \(there is none\)$/,
  },
  "an empty file": { files: { "/home/me/.kube/config": "" }, says: /has no current context/ },
  "no YAML": {
    files: { "/home/me/.kube/config": "users:\n  - {name: u, user: {token: s3cr3t-token\n" },
    says: /^\/home\/me\/\.kube\/config is no YAML: (?!.*s3cr3t)/,
  },
  "YAML that is no kubeconfig": {
    files: { "/home/me/.kube/config": "clusters: [{name: a, cluster: {server: 5}}]" },
    says: /is no kubeconfig: clusters\.0\.cluster\.server: /,
  },
  "a list": { files: { "/home/me/.kube/config": "- a\n" }, says: /is no kubeconfig: the document: / },
  "a cluster that is not there": {
    files: { "/home/me/.kube/config": config(CLUSTER, undefined, { cluster: "gone" }) },
    says: /^context dev of .* names a cluster that is not there: gone$/,
  },
  "a user that is not there": {
    files: { "/home/me/.kube/config": config(CLUSTER, undefined, { user: "gone" }) },
    says: /^context dev of .* names a user that is not there: gone$/,
  },
  "a CA file that is not there": {
    files: { "/home/me/.kube/config": config({ ...CLUSTER, "certificate-authority": "ca.crt" }) },
    says: /^\/home\/me\/\.kube\/ca\.crt can't be read: there is no such file$/,
  },
  "a token file that is not there": {
    files: { "/home/me/.kube/config": config(CLUSTER, { tokenFile: "/t" }) },
    says: /^\/t can't be read/,
  },
  "a server that is no URL": {
    files: { "/home/me/.kube/config": config({ server: "dev.example" }) },
    says: /^the server of context dev is no http:\/\/ or https:\/\/ URL$/,
  },
  "a SOCKS proxy": {
    files: { "/home/me/.kube/config": config({ ...CLUSTER, "proxy-url": "socks5://p:1" }) },
    says: /^the proxy-url of the cluster must be an http:\/\/ or https:\/\/ one$/,
  },
  "a user who acts as another": {
    files: { "/home/me/.kube/config": config(CLUSTER, { token: "t", as: "root" }) },
    says: /acts as another user/,
  },
  "an auth provider of old": {
    files: { "/home/me/.kube/config": config(CLUSTER, { "auth-provider": { name: "gcp" } }) },
    says: /^user u uses the auth provider gcp/,
  },
}, async ({ choice = {}, env, files = {}, says }) => {
  await assert.rejects(kubeconfigServer(choice, reader(files, env).source), (error: unknown) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, says);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
});

test("a token file is read again after 10 s", async () => {
  const { source, here } = reader({ "/home/me/.kube/config": config(CLUSTER, { tokenFile: "/t" }), "/t": "one" });
  const server = await kubeconfigServer({}, source);
  here.files.set("/t", "two");
  assert.equal(await server.authorization(), "Bearer one");
  await here.clock.advance(10_000);
  assert.equal(await server.authorization(), "Bearer two");
});

test("a renewed client certificate is used for the next call", async () => {
  const user = { "client-certificate": "/crt", "client-key": "/key" };
  const { source, here, sent } = reader({ "/home/me/.kube/config": config(CLUSTER, user), "/crt": "C1", "/key": "K1" });
  const server = await kubeconfigServer({}, source);
  await server.transport(REQUEST);
  here.files.set("/crt", "C2").set("/key", "K2");
  await here.clock.advance(10_000);
  await server.transport(REQUEST);
  await server.transport(REQUEST);
  assert.deepEqual(sent.map(({ cert, key }) => `${cert} ${key}`), ["C1 K1", "C2 K2", "C2 K2"]);
});

/** Runs `body` with a folder of its own, a real kubeconfig in it, and the machine's own runtime. */
async function onDisk(kubeconfig: string, body: (source: ConfigSource, path: string, folder: string) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), "arc-kubeconfig-"));
  try {
    const path = join(folder, "config");
    await writeFile(path, kubeconfig.replaceAll("FOLDER", folder));
    const runtime = nodeRuntime(new AbortController().signal);
    await body({ machine: { ...runtime, env: {} }, transports: nodeTransports }, path, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A credential plugin: a script for the runtime that runs this test. */
function plugin(): object {
  const args = process.versions["deno"] ? ["run", "-A", "FOLDER/plugin.mjs"] : ["FOLDER/plugin.mjs"];
  return { exec: { apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args } };
}

function withPlugin(script: string, body: (source: ConfigSource, path: string) => Promise<void>): Promise<void> {
  return onDisk(config(CLUSTER, plugin()), async (source, path, folder) => {
    await writeFile(join(folder, "plugin.mjs"), `import process from "node:process";\n${script}`);
    await body(source, path);
  });
}

test("a plugin's token is used; the plugin is told of the API", async () => {
  const script = `
    const info = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
    console.log(JSON.stringify({ status: { token: info.apiVersion + "-" + info.spec.interactive } }));`;
  await withPlugin(script, async (source, path) => {
    const server = await kubeconfigServer({ kubeconfig: path }, source);
    assert.equal(await server.authorization(), "Bearer client.authentication.k8s.io/v1-false");
  });
});

test("a token without an end is kept until the API server refuses it; then the plugin is asked once", async () => {
  const script = `
    import { appendFileSync, readFileSync } from "node:fs";
    const log = new URL("asked", import.meta.url);
    appendFileSync(log, "x");
    console.log(JSON.stringify({ status: { token: "token-" + readFileSync(log, "utf8").length } }));`;
  await withPlugin(script, async (source, path) => {
    let status = 200;
    const { clock } = machine();
    const transports = (): Transport => () => Promise.resolve({ status, headers: {}, body: (async function* () {})() });
    const server = await kubeconfigServer({ kubeconfig: path }, { machine: { ...source.machine, clock }, transports });
    await clock.advance(3_600_000);
    assert.equal(await server.authorization(), "Bearer token-1");
    status = 401;
    for (let i = 0; i < 5; i++) await server.transport(REQUEST);
    assert.equal(await server.authorization(), "Bearer token-2");
    await clock.advance(10_000);
    await server.transport(REQUEST);
    assert.equal(await server.authorization(), "Bearer token-3");
  });
});

table<{ script: string; says: RegExp }>("a plugin that", {
  "fails": {
    script: `console.error("\\n  session has expired: log in again\\nmore"); process.exitCode = 1;`,
    says: /failed: session has expired: log in again$/,
  },
  "prints no JSON": { script: `console.log("token=s3cr3t");`, says: /failed: what it printed is no ExecCredential$/ },
  "prints no status": { script: `console.log("{}");`, says: /failed: what it printed is no ExecCredential$/ },
  "gives nothing": { script: `console.log('{"status":{}}');`, says: /failed: it gave neither a token nor/ },
}, async ({ script, says }) => {
  await withPlugin(script, async (source, path) => {
    await assert.rejects(kubeconfigServer({ kubeconfig: path }, source), (error: unknown) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, /^the credential plugin .* of user u /);
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /s3cr3t|\n/);
      return true;
    });
  });
});

test("a plugin that is not installed is named, with the hint of the kubeconfig", async () => {
  const exec = { command: "no-such-plugin", installHint: "Install it from\nhttps://example.com" };
  await onDisk(config(CLUSTER, { exec }), async (source, path) => {
    await assert.rejects(
      kubeconfigServer({ kubeconfig: path }, source),
      /^ConfigError: the credential plugin no-such-plugin of user u is not installed: Install it from$/,
    );
  });
});

test("the whole way over TLS: CA and client certificate from files, token in the call", async () => {
  const trusted = authority();
  await withServers(async (servers) => {
    const identity = { ...trusted.issue("127.0.0.1"), ca: trusted.ca };
    const origin = await servers.https(identity, (_request, answer) => void answer.end("hello"));
    const me = trusted.issue("system:me");
    const user = { "client-certificate": "me.crt", "client-key-data": base64(me.key) };
    const kubeconfig = config({ server: origin, "certificate-authority": "ca.crt" }, user);
    await onDisk(kubeconfig, async (source, path, folder) => {
      await writeFile(join(folder, "ca.crt"), trusted.ca);
      await writeFile(join(folder, "me.crt"), me.cert);
      const server = await kubeconfigServer({ kubeconfig: path }, source);
      const response = await server.transport({ ...REQUEST, url: `${server.baseUrl}/version` });
      assert.equal(await readText(response.body), "hello");
      assert.equal(await server.authorization(), undefined);
    });
  });
});
