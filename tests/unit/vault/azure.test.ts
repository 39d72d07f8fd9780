/** A secret from an Azure Key Vault, by the official SDK over a simulated Entra ID and vault. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TransportError, type TransportOptions } from "../../../src/lib/http.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { FileError } from "../../../src/lib/runtime.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { azureVault } from "../../../src/vault/azure.ts";
import { type AzureVaultSettings, VaultError, type VaultProblem } from "../../../src/vault/vault.ts";
import { CLIENT, type SimAzure, simAzure, TENANT, VAULT_URL } from "../../support/azure.ts";
import { authority } from "../../support/pki.ts";
import { table } from "../../support/table.ts";

const SIGNER = authority();
const APP = SIGNER.issueRsa("app");
const OTHER = SIGNER.issueRsa("other");
const EC = SIGNER.issue("app");
const PATH = "/certs/app.pem";
const SETTINGS: AzureVaultSettings = {
  type: "azure_key_vault",
  url: VAULT_URL,
  tenantId: TENANT,
  clientId: CLIENT,
  certificatePath: PATH,
};

function world(settings: Partial<AzureVaultSettings> = {}) {
  const clock = new VirtualClock();
  const azure = simAzure(APP.cert, () => clock.now());
  azure.secrets.set("gh", '{"github_token":"ghp_1"}');
  const files = new Map<string, string | Uint8Array>([[PATH, APP.cert + APP.key]]);
  const transports: TransportOptions[] = [];
  const vault = azureVault({ ...SETTINGS, ...settings }, {
    transports: (options) => {
      transports.push(options);
      return azure.transport;
    },
    clock,
    random: seededRandom(1),
    readBytes: async (path) => {
      const file = files.get(path);
      if (file === undefined) throw new FileError(path, Object.assign(new Error(), { code: "ENOENT" }));
      return Buffer.from(file);
    },
  });
  return { clock, azure, files, transports, vault };
}

const logins = (azure: SimAzure) => azure.asked.filter((one) => one.endsWith("/oauth2/v2.0/token")).length;

test("a secret is read with a login by certificate, and the login serves the next secret", async () => {
  const { vault, azure } = world();
  azure.secrets.set("other", "x");
  assert.equal(await vault.secret("gh"), '{"github_token":"ghp_1"}');
  assert.equal(await vault.secret("other"), "x");
  assert.equal(logins(azure), 1);
});

test("nothing is asked before the first secret", () => {
  assert.deepEqual(world().azure.asked, []);
});

test("each secret is read as it is now", async () => {
  const { vault, azure } = world();
  await vault.secret("gh");
  azure.secrets.set("gh", "rotated");
  assert.equal(await vault.secret("gh"), "rotated");
});

test("secrets asked for at the same time fail each for itself", async () => {
  const { vault } = world();
  const [there, absent] = await Promise.allSettled([vault.secret("gh"), vault.secret("absent")]);
  assert.equal(there.status, "fulfilled");
  assert.ok(absent.status === "rejected" && VaultError.is(absent.reason, "NotFound"), String(absent.status));
});

test("a certificate that is renewed counts at the next login", async () => {
  const { vault, azure, files } = world();
  azure.certificate = OTHER.cert;
  await assert.rejects(vault.secret("gh"), (error) => VaultError.is(error, "Refused"));
  files.set(PATH, OTHER.key + OTHER.cert);
  assert.equal(await vault.secret("gh"), '{"github_token":"ghp_1"}');
});

test("the vault's own proxy is used, for the login too", async () => {
  const proxy = { https: "http://u:p@proxy:3128", noProxy: "10.0.0.0/8" };
  const { vault, transports } = world({ proxy });
  await vault.secret("gh");
  assert.deepEqual(transports, [{ proxy }]);
});

const TLS = new TransportError("tls", "the certificate of team.vault.azure.net is not trusted");
const failing = (host: RegExp, fail: () => { status: number; body: string }) => (azure: SimAzure) => {
  azure.trouble = (url) => host.test(url.host) ? fail() : undefined;
};
const VAULT = /vault\.azure\.net/;
const LOGIN = /^login\./;

table<{
  name?: string;
  settings?: Partial<AzureVaultSettings>;
  pem?: string | null;
  trouble?: (azure: SimAzure) => void;
  kind: VaultProblem;
  says: RegExp;
}>("what a vault's failure is told as", {
  "a field that is missing": { settings: { tenantId: "", url: "" }, kind: "Settings", says: /lacks url and tenantId/ },
  "no TLS": { settings: { url: "http://team.vault.azure.net" }, kind: "Settings", says: /https:/ },
  "no certificate file": { pem: null, kind: "Settings", says: /certificatePath: \/certs\/app\.pem.*no such file/ },
  "a file of another kind": { pem: "\u0000\u0001", kind: "Settings", says: /neither PEM nor PKCS #12/ },
  "a key alone": { pem: APP.key, kind: "Settings", says: /no certificate/ },
  "a certificate alone": { pem: APP.cert, kind: "Settings", says: /no private key/ },
  "a key of another kind": { pem: EC.cert + EC.key, kind: "Settings", says: /no RSA key/ },
  "a key that is encrypted": {
    pem: `${APP.cert}-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n`,
    kind: "Settings",
    says: /encrypted/,
  },
  "a broken key": { pem: APP.cert + APP.key.replace(/\n\w{20}/, "\n"), kind: "Settings", says: /can't be read/ },
  "a certificate that nobody knows": {
    pem: OTHER.cert + OTHER.key,
    kind: "Refused",
    says: /login at Entra ID failed: HTTP 401: AADSTS700027: the certificate is not known$/,
  },
  "a secret that is not there": { name: "absent", kind: "NotFound", says: /secret absent: HTTP 404.*was not found/ },
  "a secret that is empty": {
    trouble: (azure) => azure.secrets.set("gh", ""),
    kind: "Invalid",
    says: /secret gh is empty/,
  },
  "no right to read": {
    trouble: (azure) =>
      azure.trouble = (url) =>
        VAULT.test(url.host) && logins(azure) > 0
          ? { status: 403, body: '{"error":{"code":"Forbidden","message":"The user lacks secrets get."}}' }
          : undefined,
    kind: "Refused",
    says: /HTTP 403: The user lacks secrets get\./,
  },
  "a vault that is too busy": {
    trouble: failing(VAULT, () => ({ status: 429, body: "" })),
    kind: "Unreachable",
    says: /HTTP 429/,
  },
  "a login that is down": {
    trouble: failing(LOGIN, () => ({ status: 503, body: "<html>" })),
    kind: "Unreachable",
    says: /login at Entra ID failed: HTTP 503$/,
  },
  "a vault that can't be reached": {
    trouble: failing(VAULT, () => {
      throw TLS;
    }),
    kind: "Unreachable",
    says: /team\.vault\.azure\.net, secret gh: .*not trusted/,
  },
  "a login that can't be reached": {
    trouble: failing(LOGIN, () => {
      throw new TransportError("dns", "login.microsoftonline.com has no address");
    }),
    kind: "Unreachable",
    says: /login at Entra ID failed: .*has no address/,
  },
}, async ({ name = "gh", settings, pem, trouble, kind, says }) => {
  const { vault, azure, files } = world(settings);
  if (pem === null) files.delete(PATH);
  else if (pem !== undefined) files.set(PATH, pem);
  trouble?.(azure);
  await assert.rejects(vault.secret(name), (error) => {
    assert.ok(error instanceof VaultError, String(error));
    assert.match(error.message, says);
    assert.equal(error.kind, kind);
    assert.ok(!/azure-token|ghp_1|BEGIN/.test(error.message), "no secret is shown");
    return true;
  });
});

test("a vault that never answers is given up after ten seconds", async () => {
  const { clock } = world();
  const vault = azureVault(SETTINGS, {
    transports: () => ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    clock,
    random: seededRandom(1),
    readBytes: async () => Buffer.from(APP.cert + APP.key),
  });
  const asked = assert.rejects(vault.secret("gh"), (error) => VaultError.is(error, "Unreachable"));
  while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(10_000);
  await asked;
});
