/** A listener whose credentials are in a vault: what it makes of its config.json. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { ListenerConfigError, parseConfig } from "../../../src/listener/config.ts";
import { withVaultSecret } from "../../../src/listener/vaulted.ts";
import { VaultError, type VaultSettings } from "../../../src/vault/vault.ts";
import { Vaults } from "../../../src/vault/vaults.ts";
import { table } from "../../support/table.ts";

const KEY = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();
const AZURE = { tenant_id: "t", client_id: "c", url: "https://v", certificate_path: "/c" };
const CONFIG = {
  configure_url: "https://github.com/acme",
  ephemeral_runner_set_namespace: "arc-runners",
  ephemeral_runner_set_name: "linux",
  runner_scale_set_id: 7,
  max_runners: 5,
  vault_type: "azure_key_vault",
  vault_lookup_key: "gh",
  azure_key_vault: AZURE,
};

function world(values: Record<string, string>) {
  const opened: VaultSettings[] = [];
  const vaults = new Vaults({
    transports: () => () => Promise.reject(new Error("nothing is asked over the network")),
    clock: new VirtualClock(),
    random: seededRandom(1),
    readText: () => Promise.reject(new Error("no file is read")),
    readBytes: () => Promise.reject(new Error("no file is read")),
    log: silentLog,
    open: (settings) => {
      opened.push(settings);
      return {
        secret: async (name) => {
          if (values[name] === undefined) throw new VaultError("NotFound", `no ${name}`);
          return values[name];
        },
      };
    },
  });
  const resolve = (config: unknown, fresh = false) =>
    withVaultSecret(typeof config === "string" ? config : JSON.stringify(config), vaults, fresh);
  return { opened, values, resolve };
}

test("a token from a vault", async () => {
  const { resolve, opened } = world({ gh: '{"github_token":"ghp_1"}' });
  const config = parseConfig(await resolve(CONFIG));
  assert.deepEqual(config.credentials, { kind: "pat", token: "ghp_1" });
  assert.equal(config.limits.maxRunners, 5);
  assert.deepEqual(opened, [{
    type: "azure_key_vault",
    tenantId: "t",
    clientId: "c",
    url: "https://v",
    certificatePath: "/c",
  }]);
});

test("an app from a vault, its installation id as a number", async () => {
  const app = { github_app_id: "Iv1.x", github_app_installation_id: 12, github_app_private_key: KEY };
  const { resolve } = world({ gh: JSON.stringify(app) });
  const { credentials } = parseConfig(await resolve(CONFIG));
  assert.deepEqual(credentials, { kind: "app", appId: "Iv1.x", installationId: 12, privateKey: KEY.trim() });
});

test("a token beside half of an app is a token, as in a Secret", async () => {
  const { resolve } = world({ gh: '{"github_token":"ghp_1","github_app_id":"1"}' });
  assert.deepEqual(parseConfig(await resolve(CONFIG)).credentials, { kind: "pat", token: "ghp_1" });
});

test("the vault's proxy and a file", async () => {
  const { resolve, opened } = world({ gh: '{"github_token":"ghp_1"}' });
  await resolve({ ...CONFIG, vault_proxy: { http: "", https: "http://p:1", no_proxy: "a" } });
  await resolve({ ...CONFIG, vault_type: "file", azure_key_vault: null, file_vault: { path: "/s/{name}" } });
  assert.partialDeepStrictEqual(opened, [{ proxy: { https: "http://p:1", noProxy: "a" } }, {
    type: "file",
    path: "/s/{name}",
  }]);
});

test("a rotated secret is another text, at once when it is asked for anew", async () => {
  const { resolve, values } = world({ gh: '{"github_token":"ghp_1"}' });
  const before = await resolve(CONFIG);
  values.gh = '{"github_token":"ghp_2"}';
  assert.equal(await resolve(CONFIG), before);
  assert.deepEqual(parseConfig(await resolve(CONFIG, true)).credentials, { kind: "pat", token: "ghp_2" });
});

table<{ text: string }>("a config without a vault is left as it is", {
  "the reference's, with a Secret": { text: '{"vault_type":"","vault_lookup_key":"","github_token":"x"}' },
  "no JSON": { text: "{" },
  "no object": { text: "[]" },
  "nothing": { text: "" },
}, async ({ text }) => assert.equal(await world({}).resolve(text), text));

table<{ config: Record<string, unknown>; says: RegExp }>("a vault that can't be used, by the field", {
  "no name": { config: { vault_lookup_key: "" }, says: /vault_lookup_key is missing/ },
  "no settings": { config: { azure_key_vault: null }, says: /azure_key_vault is missing/ },
  "a field of another kind": { config: { azure_key_vault: { url: 1 } }, says: /azure_key_vault\.\w+ is not usable/ },
  "no file": { config: { vault_type: "file" }, says: /file_vault\.path is missing/ },
  "a type that nobody knows": { config: { vault_type: "hashicorp" }, says: /vault_type is hashicorp/ },
  "credentials that are none": { config: {}, says: /vault_lookup_key.*secret gh of the vault has no credentials/ },
}, async ({ config, says }) => {
  await assert.rejects(world({ gh: "{}" }).resolve({ ...CONFIG, ...config }), (error) => {
    assert.ok(error instanceof ListenerConfigError, String(error));
    assert.match(error.message, says);
    return true;
  });
});
