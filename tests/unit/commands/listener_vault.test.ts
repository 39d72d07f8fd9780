/** A listener process whose credentials are in a vault: its start while the vault is down, and rotated credentials. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { withVaultSecret } from "../../../src/listener/vaulted.ts";
import { VaultError } from "../../../src/vault/vault.ts";
import { Vaults } from "../../../src/vault/vaults.ts";
import { Process } from "./process.ts";

const VAULT = {
  github_token: undefined,
  vault_type: "azure_key_vault",
  vault_lookup_key: "gh",
  azure_key_vault: { tenant_id: "t", client_id: "c", url: "https://v", certificate_path: "/c" },
};

/** A listener, and what its vault says. */
async function world(first: string | VaultError) {
  const process = new Process();
  const vault = { says: first };
  const vaults = new Vaults({
    transports: () => () => Promise.reject(new Error("nothing is asked over the network")),
    clock: process.clock,
    random: seededRandom(1),
    readText: () => Promise.reject(new Error("no file is read")),
    readBytes: () => Promise.reject(new Error("no file is read")),
    log: silentLog,
    open: () => ({
      secret: async () => {
        if (vault.says instanceof VaultError) throw vault.says;
        return vault.says;
      },
    }),
  });
  process.config = { ...process.config, ...VAULT };
  await process.start({ configText: () => withVaultSecret(JSON.stringify(process.config), vaults, true) });
  return { process, vault };
}

const DOWN = new VaultError("Unreachable", "vault v, secret gh: no answer");
const isListening = (process: Process) => process.lines.some((line) => line.includes("listening begins"));

test("a listener starts with the credentials of its vault", async () => {
  const { process } = await world('{"github_token":"ghp_first"}');
  assert.ok(isListening(process), process.complaints.join());
  assert.equal(process.secrets.hide("ghp_first"), "***");
  process.stop.abort();
});

test("a vault that is down at the start is waited for, and that is said once", async () => {
  const { process, vault } = await world(DOWN);
  await process.clock.advance(10 * 60_000);
  assert.equal(process.exitCode, undefined);
  assert.deepEqual(process.complaints, ["arc listener: waits for the vault: vault v, secret gh: no answer"]);
  vault.says = '{"github_token":"ghp_first"}';
  await process.clock.advance(2 * 60_000);
  assert.ok(isListening(process));
  process.stop.abort();
});

test("who waits for a vault can be stopped", async () => {
  const { process } = await world(DOWN);
  process.stop.abort();
  await process.clock.advance(1000);
  assert.equal(process.exitCode, 0);
});

test("a vault that refuses ends the listener with 2", async () => {
  const { process } = await world(new VaultError("Refused", "vault v, secret gh: HTTP 403"));
  assert.equal(process.exitCode, 2);
  assert.match(process.complaints.join(), /HTTP 403/);
});

test("a token that is refused is looked up in the vault again: a rotated one is taken up, the process goes on", async () => {
  const { process, vault } = await world('{"github_token":"ghp_first"}');
  vault.says = '{"github_token":"ghp_second"}';
  process.sim.controls.revokePat("ghp_first");
  process.sim.controls.expireTokens("admin");
  process.sim.controls.expireTokens("queue");
  await process.clock.advance(5 * 60_000);
  assert.ok(process.lines.some((line) => line.includes("the config has changed")), process.lines.join("\n"));
  assert.equal(process.exitCode, undefined);
  process.stop.abort();
});
