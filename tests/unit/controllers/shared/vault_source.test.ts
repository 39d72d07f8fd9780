/** Credentials and proxies that come from a vault, and what a listener is then told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { VaultConfig } from "../../../../src/api/kinds.ts";
import { configJson } from "../../../../src/controllers/autoscaling_listener/config_json.ts";
import { isSecretRelated } from "../../../../src/controllers/shared/problems.ts";
import { type GithubSource, SourceError } from "../../../../src/controllers/shared/services.ts";
import { SourceReader } from "../../../../src/controllers/shared/source_reader.ts";
import { uncachedKinds } from "../../../../src/controllers/shared/stores_set.ts";
import { SECRETS } from "../../../../src/k8s/resource.ts";
import { silentLog } from "../../../../src/lib/log.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { VaultError, type VaultSettings } from "../../../../src/vault/vault.ts";
import { Vaults } from "../../../../src/vault/vaults.ts";
import { MemoryKube } from "../../../support/memory_kube.ts";
import { secret, settings } from "../../../support/builders_set.ts";
import { table } from "../../../support/table.ts";

const AZURE = {
  type: "azure_key_vault",
  azureKeyVault: { url: "https://team.vault.azure.net", tenantId: "t", clientId: "c", certificatePath: "/certs/app" },
} as const satisfies VaultConfig;
const FILE = { type: "file" } as const satisfies VaultConfig;

function world(contents: Record<string, string | VaultError> = { gh: '{"github_token":"ghp_x"}' }) {
  const kube = new MemoryKube();
  const clock = new VirtualClock();
  const opened: VaultSettings[] = [];
  const asked: string[] = [];
  const vaults = new Vaults({
    transports: () => () => Promise.reject(new Error("nothing is asked over the network")),
    clock,
    random: seededRandom(1),
    readText: () => Promise.reject(new Error("no file is read")),
    readBytes: () => Promise.reject(new Error("no file is read")),
    log: silentLog,
    open: (settings) => {
      opened.push(settings);
      return {
        secret: async (name) => {
          asked.push(name);
          const content = contents[name] ?? new VaultError("NotFound", `vault v, secret ${name}: HTTP 404`);
          if (content instanceof VaultError) throw content;
          return content;
        },
      };
    },
  });
  const { secrets, configMaps } = uncachedKinds(kube.client, clock);
  const access = { vaults, secretFiles: "/etc/arc/secrets/{namespace}/{name}" };
  return { kube, contents, opened, asked, reader: new SourceReader({ secrets, configMaps, vaults: access }) };
}

const source = (vaultConfig: VaultConfig, changes: Partial<GithubSource> = {}): GithubSource => ({
  namespace: "arc-runners",
  githubConfigUrl: "https://github.com/acme",
  githubConfigSecret: "gh",
  vaultConfig,
  ...changes,
});

test("credentials come from the vault; no Secret is read", async () => {
  const { reader, kube, opened } = world();
  assert.deepEqual((await reader.read(source(AZURE))).credentials, { kind: "pat", token: "ghp_x" });
  assert.deepEqual(opened, [{ type: "azure_key_vault", ...AZURE.azureKeyVault }]);
  assert.deepEqual(kube.requests, []);
});

test("a vault without a type is none", async () => {
  const { reader, kube } = world();
  kube.put(SECRETS, secret("gh", { github_token: "ghp_cluster" }));
  assert.deepEqual((await reader.read(source({}))).credentials, { kind: "pat", token: "ghp_cluster" });
});

test("files are bound to the namespace of the scale set", async () => {
  const { reader, opened } = world();
  await reader.read(source(FILE));
  assert.deepEqual(opened, [{ type: "file", path: "/etc/arc/secrets/arc-runners/{name}" }]);
});

test("a proxy's user comes from the vault too; that of the vault's own proxy from the cluster", async () => {
  const { reader, kube, opened } = world({
    gh: '{"github_token":"ghp_x"}',
    pw: '{"username":"u","password":"from-vault"}',
  });
  kube.put(SECRETS, secret("pw", { username: "u", password: "from-cluster" }));
  const server = { https: { url: "http://proxy:3128", credentialSecretRef: "pw" } };
  const { proxy } = await reader.read(source({ ...AZURE, proxy: { ...server, noProxy: ["a"] } }, { proxy: server }));
  assert.equal(proxy.https, "http://u:from-vault@proxy:3128");
  assert.partialDeepStrictEqual(opened, [{ proxy: { https: "http://u:from-cluster@proxy:3128", noProxy: "a" } }]);
  assert.equal(
    (await reader.proxy({ namespace: "arc-runners", proxy: server, vaultConfig: AZURE })).https,
    "http://u:from-vault@proxy:3128",
  );
});

test("a rotated secret is taken up when the source is read again", async () => {
  const { reader, contents, asked } = world();
  await reader.read(source(AZURE));
  contents.gh = '{"github_token":"ghp_new"}';
  await reader.read(source(AZURE));
  assert.equal(asked.length, 1);
  reader.forget(source(AZURE));
  assert.deepEqual((await reader.read(source(AZURE))).credentials, { kind: "pat", token: "ghp_new" });
});

table<{ config?: VaultConfig; content?: string | VaultError; name?: string; reason: string; says: RegExp }>(
  "a vault that can't be used",
  {
    "it can't be reached": {
      content: new VaultError("Unreachable", "vault v, secret gh: no answer within 10000 ms"),
      reason: "VaultUnavailable",
      says: /githubConfigSecret: vault v, secret gh: no answer/,
    },
    "it refuses": {
      content: new VaultError("Refused", "vault v, secret gh: HTTP 403"),
      reason: "VaultUnavailable",
      says: /403/,
    },
    "no such secret": { name: "absent", reason: "SecretNotFound", says: /secret absent.*404/ },
    "no JSON": { content: "ghp_x", reason: "SecretInvalid", says: /secret gh of the vault is not JSON/ },
    "both kinds of credentials": {
      content: JSON.stringify({
        github_token: "ghp_x",
        github_app_id: "1",
        github_app_installation_id: 2,
        github_app_private_key: "k",
      }),
      reason: "SecretInvalid",
      says: /secret gh of the vault has both/,
    },
    "a type that nobody knows": {
      config: { type: "azureKeyVault" } as unknown as VaultConfig,
      reason: "VaultUnavailable",
      says: /type azureKeyVault is neither azure_key_vault nor file/,
    },
    "a namespace that is no folder": {
      config: FILE,
      name: "gh",
      reason: "VaultUnavailable",
      says: /can't be the namespace/,
    },
  },
  async ({ config = AZURE, content, name = "gh", reason, says }, title) => {
    const { reader, contents } = world();
    if (content !== undefined) contents.gh = content;
    const namespace = title.startsWith("a namespace") ? "../x" : "arc-runners";
    const asked = reader.read(source(config, { githubConfigSecret: name, namespace }));
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof SourceError, String(error));
      assert.match(error.message, says);
      assert.equal(error.reason, reason);
      assert.doesNotMatch(error.message, /ghp_x/);
      assert.ok(isSecretRelated(error.reason), "it is read again regularly");
      return true;
    });
  },
);

async function toldListener(vaultConfig: VaultConfig): Promise<Record<string, unknown>> {
  const resolved = await world().reader.read(source(vaultConfig));
  const spec = { githubConfigUrl: "https://github.com/acme", githubConfigSecret: "gh", runnerScaleSetId: 7 };
  return JSON.parse(configJson({ spec }, resolved, "linux", settings())) as Record<string, unknown>;
}

test("a listener is told the vault and no credentials", async () => {
  const told = await toldListener(AZURE);
  assert.partialDeepStrictEqual(told, {
    vault_type: "azure_key_vault",
    vault_lookup_key: "gh",
    azure_key_vault: {
      tenant_id: "t",
      client_id: "c",
      url: "https://team.vault.azure.net",
      certificate_path: "/certs/app",
    },
  });
  assert.deepEqual(Object.keys(told).filter((key) => key.startsWith("github_") || key.startsWith("vault_p")), []);
});

test("a listener is told the vault's proxy", async () => {
  const told = await toldListener({ ...AZURE, proxy: { https: { url: "http://p:1" } } });
  assert.deepEqual(told["vault_proxy"], { http: "", https: "http://p:1", no_proxy: "" });
});

test("a listener is told where its file is", async () => {
  assert.partialDeepStrictEqual(await toldListener(FILE), {
    vault_type: "file",
    vault_lookup_key: "gh",
    file_vault: { path: "/etc/arc/secrets/arc-runners/{name}" },
  });
});
