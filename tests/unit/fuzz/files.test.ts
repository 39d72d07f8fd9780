/** Files and secrets: what people write, generate, mount, and break. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { certificatesOf, credentialsOf, proxyUrlOf, valuesOf } from "../../../src/controllers/shared/credentials.ts";
import { SourceError } from "../../../src/controllers/shared/services.ts";
import { CredentialsError, privateKeyOf } from "../../../src/github/auth.ts";
import { credentialsIn } from "../../../src/github/secret.ts";
import { ConfigError, serverOf } from "../../../src/k8s/config.ts";
import { ListenerConfigError, parseConfig } from "../../../src/listener/config.ts";
import { withVaultSecret } from "../../../src/listener/vaulted.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { clientCertificateOf } from "../../../src/vault/assertion.ts";
import { Pkcs12Error, readPkcs12 } from "../../../src/vault/pkcs12.ts";
import { valuesOf as vaultValuesOf } from "../../../src/vault/values.ts";
import { VaultError } from "../../../src/vault/vault.ts";
import { Vaults } from "../../../src/vault/vaults.ts";
import { altered, anyJson, anyText, fuzz, MARK, spoiled } from "../../support/fuzz.ts";
import { machine } from "../../support/machine.ts";
import { pfxOf } from "../../support/pfx.ts";
import { authority } from "../../support/pki.ts";

const IDENTITY = authority().issueRsa("vault");

const CONFIG: fc.JsonValue = {
  configure_url: "https://github.com/acme",
  github_token: MARK,
  ephemeral_runner_set_namespace: "arc-runners",
  ephemeral_runner_set_name: "linux",
  max_runners: 5,
  min_runners: 1,
  runner_scale_set_id: 7,
  runner_scale_set_name: "linux",
  server_root_ca: "",
  log_level: "info",
  log_format: "text",
  metrics_addr: ":8080",
  metrics_endpoint: "/metrics",
  metrics: {
    counters: { gha_started_jobs_total: { labels: ["repository"] } },
    histograms: { gha_job_startup_duration_seconds: { labels: [], buckets: [1, 2] } },
  },
};
const VAULT_CONFIG: fc.JsonValue = {
  ...CONFIG,
  vault_type: "azure_key_vault",
  vault_lookup_key: "gh",
  azure_key_vault: { url: "https://v", tenant_id: "t", client_id: "c", certificate_path: "/c" },
  vault_proxy: { http: "", https: `http://u:${MARK}@p:1`, no_proxy: "" },
};
const configText = fc.oneof(
  anyText,
  spoiled(JSON.stringify(CONFIG)),
  altered(CONFIG).map((value) => JSON.stringify(value)),
);

fuzz("config.json", {
  from: configText,
  read: (text) => parseConfig(text),
  throws: [ListenerConfigError],
  names: /^config\.json/,
  // What was altered may have put the mark where no secret belongs; whole secrets are tried below.
  mayQuote: true,
  holds(config) {
    const { limits: { minRunners, maxRunners }, scaleSetId } = config;
    assert.ok(Number.isInteger(scaleSetId) && scaleSetId > 0);
    assert.ok(minRunners >= 0 && (maxRunners === 0 || maxRunners >= minRunners));
    assert.ok(config.runnerSet.name !== "" && config.runnerSet.namespace !== "");
    assert.match(config.credentials.kind, /^(pat|app)$/);
  },
});

fuzz("config.json whose secrets are broken", {
  from: fc.tuple(anyText, fc.nat(400)).map(([text, end]) => [
    JSON.stringify({ ...CONFIG as object, github_token: `${MARK} ${text}` }),
    JSON.stringify({
      ...CONFIG as object,
      github_token: "",
      github_app_id: "1",
      github_app_installation_id: 2,
      github_app_private_key: MARK + text,
    }),
    JSON.stringify(CONFIG).slice(0, end),
  ]).chain((texts) => fc.constantFrom(...texts)),
  read: (text) => parseConfig(text),
  throws: [ListenerConfigError],
  names: /^config\.json/,
});

fuzz("config.json with a vault", {
  from: fc.tuple(
    altered(VAULT_CONFIG).map((value) => JSON.stringify(value)),
    fc.oneof(anyText, altered({ github_token: MARK }).map((value) => JSON.stringify(value))),
  ),
  read: async ([text, secret]) => await withVaultSecret(text, vaultsThatSay(secret), true),
  throws: [ListenerConfigError, VaultError],
  mayQuote: true,
  holds: (text) => assert.equal(typeof text, "string"),
});

fuzz("a secret of a vault", {
  from: fc.oneof(
    anyText,
    spoiled(`{"github_token":"${MARK}"}`),
    altered({ github_token: MARK, github_app_id: 1 }).map((value) => JSON.stringify(value)),
  ),
  read: (text) => vaultValuesOf(text, "secret gh of the vault"),
  throws: [VaultError],
  names: /^secret gh of the vault /,
  mayQuote: true,
  holds: (values) => assert.ok(Object.values(values).every((value) => typeof value === "string")),
});

function vaultsThatSay(secret: string): Vaults {
  return new Vaults({
    transports: () => () => Promise.reject(new Error("no network")),
    clock: new VirtualClock(),
    random: seededRandom(1),
    readText: () => Promise.reject(new Error("no file")),
    readBytes: () => Promise.reject(new Error("no file")),
    log: silentLog,
    open: () => ({ secret: () => Promise.resolve(secret) }),
  });
}

const secretText = fc.oneof(anyText, spoiled(IDENTITY.key), fc.constant(IDENTITY.key), fc.constant(MARK));
const secretValues = fc.record({
  github_token: secretText,
  github_app_id: secretText,
  github_app_installation_id: fc.oneof(secretText, fc.nat().map(String)),
  github_app_private_key: secretText,
}, { requiredKeys: [] });

fuzz("the secret of a scale set", {
  from: secretValues,
  read: (values) => credentialsIn(values),
  throws: [CredentialsError],
  names: /github_/,
  holds(found) {
    if (found.kind === "app") assert.ok(found.installationId > 0 && found.appId !== "");
    else assert.notEqual(found.token, "");
  },
});

fuzz("the secret of a scale set, as the API server has it", {
  from: fc.dictionary(
    fc.constantFrom("github_token", "github_app_id", "github_app_private_key", "x"),
    fc.oneof(anyText, fc.base64String()),
  ),
  read: (data) => credentialsOf(valuesOf({ data }), "secret a/b"),
  throws: [SourceError],
  names: /^secret a\/b .*github_/,
});

fuzz("the private key of a GitHub App", {
  from: fc.oneof(secretText, spoiled(IDENTITY.key.replaceAll("\n", "\\n")), spoiled(IDENTITY.cert + IDENTITY.key)),
  read: privateKeyOf,
  throws: [CredentialsError],
  names: /private key/,
});

fuzz("a proxy of a scale set", {
  from: fc.tuple(
    fc.oneof(anyText, spoiled("http://proxy:3128")),
    fc.option(fc.dictionary(fc.constantFrom("username", "password"), anyText)),
  ),
  read: ([url, values]) =>
    proxyUrlOf({ url, ...(values ? { credentialSecretRef: "s" } : {}) }, "proxy.https", values ?? undefined),
  throws: [SourceError],
  names: /proxy\.https/,
  holds(url) {
    assert.ok(url === "" || URL.canParse(url) || URL.canParse(`http://${url}`), url);
  },
});

fuzz("the authorities in a config map", {
  from: fc.record({
    data: fc.dictionary(
      fc.constantFrom("ca.crt", "x"),
      fc.oneof(anyText, spoiled(IDENTITY.cert), spoiled(IDENTITY.cert + IDENTITY.key)),
    ),
  }),
  read: (map) => certificatesOf(map, { name: "authority", key: "ca.crt" }),
  throws: [SourceError],
  names: /^githubServerTLS: .*authority/,
  costs: 2,
});

const PFX = ["3des", "aes", "none"].map((cipher) => pfxOf(IDENTITY, { cipher: cipher as "3des" | "aes" | "none" }));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.tuple(fc.constantFrom(...PFX), fc.array(fc.tuple(fc.nat(4_000), fc.nat(255)), { maxLength: 4 }), fc.nat(4_000))
    .map(
      ([file, changes, end]) => {
        const copy = Uint8Array.from(file);
        for (const [at, byte] of changes) copy[at % copy.length] = byte;
        return end % 3 === 0 ? copy.subarray(0, end % copy.length) : copy;
      },
    ),
);

fuzz("a PKCS #12 file", { from: bytes, read: readPkcs12, throws: [Pkcs12Error], costs: 8 });

fuzz("the certificate of a vault's login", {
  from: fc.oneof(
    bytes,
    fc.oneof(anyText, spoiled(IDENTITY.cert + IDENTITY.key), spoiled(PFX[0]!.toString("base64"))).map((text) =>
      Buffer.from(text)
    ),
  ),
  read: (file) => clientCertificateOf(file, "/etc/c.pem"),
  throws: [VaultError],
  names: /^certificatePath \/etc\/c\.pem: /,
  costs: 8,
  holds: ({ thumbprint }) => assert.match(thumbprint, /^[\w-]{43}$/),
});

const KUBECONFIG: fc.JsonValue = {
  clusters: [{ name: "c", cluster: { server: "https://api:6443", "certificate-authority-data": btoa(IDENTITY.cert) } }],
  users: [{ name: "u", user: { token: MARK } }, {
    name: "v",
    user: { username: "a", password: MARK, "client-key-data": MARK },
  }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "n" } }],
  "current-context": "x",
};
const YAML = `apiVersion: v1
clusters:
- {name: c, cluster: {server: "https://api:6443"}}
users:
- name: u
  user:
    token: ${MARK}
contexts:
- {name: x, context: {cluster: c, user: u}}
current-context: x
`;

fuzz("a kubeconfig", {
  from: fc.oneof(
    anyText,
    spoiled(YAML),
    spoiled(JSON.stringify(KUBECONFIG)),
    altered(KUBECONFIG).map((value) => JSON.stringify(value)),
    anyJson.map((value) => JSON.stringify(value)),
  ),
  async read(text) {
    const source = {
      machine: machine({ files: { "/k": text } }),
      transports: () => () => Promise.reject(new Error("no network")),
    };
    return await serverOf({ kubeconfig: "/k" }, source);
  },
  throws: [ConfigError],
  costs: 2,
  // The names of contexts, clusters and users are shown: the mark may have got into one.
  mayQuote: true,
  holds: ({ baseUrl, namespace }) => assert.ok(URL.canParse(baseUrl) && namespace !== ""),
});

fuzz("a kubeconfig that breaks off", {
  from: fc.nat(YAML.length).map((end) => YAML.slice(0, end)),
  async read(text) {
    const source = {
      machine: machine({ files: { "/k": text } }),
      transports: () => () => Promise.reject(new Error("no network")),
    };
    return await serverOf({ kubeconfig: "/k" }, source);
  },
  throws: [ConfigError],
  names: /\/k|context/,
});
