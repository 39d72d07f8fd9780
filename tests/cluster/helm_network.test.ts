/** The charts' ways to GitHub and to credentials, on a real control plane: proxies, own authorities, vaults, files. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { after } from "node:test";
import { AUTOSCALING_RUNNER_SETS } from "../../src/api/kinds.ts";
import { CONFIG_MAPS, type ConfigMap, type Pod, type Secret, SECRETS } from "../../src/k8s/resource.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { call, type TransportOptions } from "../../src/lib/http.ts";
import { nodeTransports } from "../../src/lib/http_node.ts";
import { proxyFromEnv } from "../../src/lib/proxy.ts";
import { eventually } from "../support/eventually.ts";
import { SET_NAMESPACE } from "../support/helm_cluster.ts";
import { ENTRY, HelmNetwork, HIDDEN, PASSWORD } from "../support/helm_network.ts";
import { HelmStories, variable } from "../support/helm_story.ts";

let network: HelmNetwork;

const stories = new HelmStories({
  seed: Number(process.env.SEED ?? 8),
  secrets: [PASSWORD, encodeURIComponent(PASSWORD), Buffer.from(`arc:${PASSWORD}`).toString("base64")],
  async prepare(world) {
    await network?.close();
    network = await HelmNetwork.open(world);
  },
});
after(() => network?.close());

interface Way {
  /** Of the scale set's chart. */
  values(): object;
  /** What is true while its job runs. */
  check(runner: Pod): Promise<void>;
}

/** What the kubelet would put into the runner's environment. */
async function environmentOf(runner: Pod): Promise<Record<string, string>> {
  const secrets = await stories.world.cluster.list<Secret>(SECRETS);
  const container = runner.spec?.containers.find(({ name }) => name === "runner");
  const entries = (container?.env ?? []).map(({ name, value, valueFrom }) => {
    const { name: secretName, key = "" } = valueFrom?.secretKeyRef ?? {};
    const secret = secrets.find(({ metadata }) => metadata.namespace === SET_NAMESPACE && metadata.name === secretName);
    return [name, value ?? Buffer.from(secret?.data?.[key] ?? "", "base64").toString()];
  });
  return Object.fromEntries(entries);
}

/** The file that the runner's container has of GitHub's authority. */
async function certificateOf(runner: Pod): Promise<string> {
  const path = variable(runner, "NODE_EXTRA_CA_CERTS");
  const container = runner.spec?.containers.find(({ name }) => name === "runner");
  const mount = container?.volumeMounts?.find(({ mountPath }) => mountPath === path);
  const { name, items } = runner.spec?.volumes?.find((volume) => volume.name === mount?.name)?.configMap ?? {};
  const maps = await stories.world.cluster.list<ConfigMap>(CONFIG_MAPS);
  const map = maps.find(({ metadata }) => metadata.namespace === SET_NAMESPACE && metadata.name === name);
  return map?.data?.[items?.find((item) => item.path === mount?.subPath)?.key ?? ""] ?? "";
}

/** A call of GitHub as the runner in that container would make it. */
async function reach(url: string, options: TransportOptions): Promise<number> {
  const request = { method: "GET", url: `${url}/api/v3/meta`, headers: {} };
  return (await call(nodeTransports(options), request, { clock: systemClock, deadlineMs: 10_000 })).status;
}

/** What a runner's, a listener's and a controller's life ask GitHub for. */
const CALLS = [/registration-token/, /POST .*\/sessions/, /message/, /generatejitconfig/];

/** The runner's variables lead through the proxy, with the password. */
async function reachesByProxy(runner: Pod, url: string, ca?: string): Promise<void> {
  const proxy = proxyFromEnv(await environmentOf(runner));
  const scheme = url.startsWith("https:") ? "https" : "http";
  assert.equal(proxy[scheme], `http://arc:${encodeURIComponent(PASSWORD)}@127.0.0.1:${network.proxy.port}`);
  assert.notEqual(await reach(url, { proxy, ca, caOnly: ca !== undefined }), 407);
  await assert.rejects(reach(url, { ca }), /ghes\.test/, "there is no other way");
}

const WAYS: Readonly<Record<string, Way>> = {
  "proxied": {
    values: () => ({ githubConfigUrl: `${network.urls.hidden}/acme`, proxy: network.proxySettings("http") }),
    async check(runner) {
      await reachesByProxy(runner, network.urls.hidden);
      const asked = () => network.proxy.asked.filter((line) => line.includes(`http://${HIDDEN}`));
      for (const each of CALLS) assert.ok(asked().some((line) => each.test(line)), `${each} goes through the proxy`);
      await eventually(
        "GitHub got what the proxy got, and no more",
        () => Promise.resolve(asked().length === network.plain.length),
      );
    },
  },
  "own-authority": {
    values: () => ({ githubConfigUrl: `${network.urls.own}/acme`, githubServerTLS: network.tlsSettings() }),
    async check(runner) {
      for (const each of CALLS) {
        assert.ok(network.tls.some((line) => line.includes("https://127.0.0.1") && each.test(line)), `${each}`);
      }
      assert.equal(variable(runner, "RUNNER_UPDATE_CA_CERTS"), "1");
      const ca = await certificateOf(runner);
      assert.equal(ca, network.ca);
      await reach(network.urls.own, { ca, caOnly: true });
      await assert.rejects(reach(network.urls.own, {}), /certificate/, "nobody else signs for it");
    },
  },
  "proxied-with-own-authority": {
    values: () => ({
      githubConfigUrl: `${network.urls.hiddenOwn}/acme`,
      githubServerTLS: network.tlsSettings(),
      proxy: network.proxySettings("https"),
    }),
    async check(runner) {
      await reachesByProxy(runner, network.urls.hiddenOwn, await certificateOf(runner));
      const tunnels = network.proxy.asked.filter((line) => line.startsWith(`CONNECT ${HIDDEN}:`));
      assert.ok(tunnels.length >= 3, `controller, listener and runner each have a tunnel: ${tunnels.length}`);
      for (const each of CALLS) assert.ok(network.tls.some((line) => line.includes(HIDDEN) && each.test(line)));
    },
  },
  "vault": {
    values: () => ({ githubConfigSecret: ENTRY, keyVault: network.keyVault, ...listenerWith("azure") }),
    async check() {
      const reads = network.azure.asked.filter((line) => line.includes(`/secrets/${ENTRY}`));
      assert.ok(reads.length >= 2, "controller and listener each read it");
      await isNotCopied("vault");
    },
  },
  "files": {
    values: () => ({ githubConfigSecret: ENTRY, keyVault: { type: "file" }, ...listenerWith("files") }),
    check: () => isNotCopied("files"),
  },
};

/** As a CSI driver gives it: its files are on this machine already. */
const volume = (name: string) => ({ name, csi: { driver: "secrets-store.csi.k8s.io", readOnly: true } });
const mounts = () => [
  { name: "azure", mountPath: dirname(network.vaultCa), readOnly: true },
  { name: "files", mountPath: network.secretFiles.replace("{namespace}/{name}", SET_NAMESPACE), readOnly: true },
];
/** The vault's certificate is signed by nobody whom the program knows. */
const trust = () => [{ name: "NODE_EXTRA_CA_CERTS", value: network.vaultCa }];

function listenerWith(name: string): object {
  const volumeMounts = mounts().filter((mount) => mount.name === name);
  const containers = [{ name: "listener", env: trust(), volumeMounts }];
  return { listenerTemplate: { spec: { containers, volumes: [volume(name)] } } };
}

/** The listener is told where the credentials are, not what they are. */
async function isNotCopied(set: string): Promise<void> {
  const secrets = await stories.world.cluster.list<Secret>(SECRETS);
  const [config, ...more] = secrets.filter(({ metadata: { name } }) =>
    name.startsWith(`${set}-`) && name.endsWith("-config")
  );
  assert.deepEqual(more, []);
  const text = Buffer.from(config?.data?.["config.json"] ?? "", "base64").toString();
  assert.match(text, new RegExp(ENTRY));
  assert.doesNotMatch(text, /ghp_simulated/);
}

const CONTROLLER = () => ({
  flags: { secretFiles: network.secretFiles },
  env: trust(),
  volumes: [volume("azure"), volume("files")],
  volumeMounts: mounts(),
});

stories.story("each way to GitHub and to its credentials, all by one controller", async () => {
  const { world } = stories;
  const controller = await stories.installController(CONTROLLER());
  for (const [name, { values }] of Object.entries(WAYS)) await stories.installSet(values(), name);
  await Promise.all(
    Object.entries(WAYS).map(async ([name, { check }]) => {
      await world.listening(name);
      await stories.runJob(name, check);
    }),
  );
  await world.collectGarbage();
  await stories.uninstall([controller], Object.keys(WAYS));
});

/** A way that leads nowhere, and what the scale set says of it. */
const WRONG: Readonly<Record<string, { values(): object; says: RegExp }>> = {
  "wrong-password": {
    values: () => ({
      githubConfigUrl: `${network.urls.hidden}/acme`,
      proxy: network.proxySettings("http", "wrong-auth"),
    }),
    says: /407/,
  },
  "unknown-authority": {
    values: () => ({ githubConfigUrl: `${network.urls.own}/acme` }),
    says: /certificate/,
  },
  "no-such-entry": {
    values: () => ({ githubConfigSecret: "another", keyVault: network.keyVault }),
    says: /^SecretNotFound: .*another/,
  },
  "no-such-file": {
    values: () => ({ githubConfigSecret: "another", keyVault: { type: "file" } }),
    says: /^SecretNotFound: .*another/,
  },
};

stories.story("ways that lead nowhere are told, hold up nobody, and can be uninstalled", async () => {
  const { world } = stories;
  const controller = await stories.installController(CONTROLLER());
  for (const [name, { values }] of Object.entries(WRONG)) await stories.installSet(values(), name);
  await stories.installSet({}, "linux");
  await world.listening();
  await stories.runJob();
  for (const [name, { says }] of Object.entries(WRONG)) {
    let said = "";
    await eventually(`${name} says what is wrong`, async () => {
      const sets = await world.cluster.list(AUTOSCALING_RUNNER_SETS);
      const { status } = sets.find(({ metadata }) => metadata.name === name) ?? {};
      const ready = status?.conditions?.find(({ type }) => type === "Ready");
      said = `${ready?.reason}: ${ready?.message}`;
      return ready?.status === "False" && says.test(said);
    }).catch((error) => {
      throw new Error(`${name} says ${said}`, { cause: error });
    });
    assert.doesNotMatch(said, /another@|p@ss/, "without the password");
  }
  await world.collectGarbage();
  await stories.uninstall([controller], [...Object.keys(WRONG), "linux"]);
});

stories.noSecrets();
