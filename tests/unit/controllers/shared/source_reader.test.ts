/** From a spec to credentials, proxy and authority: what is taken, and what is said when something is wrong. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import type { GithubSource } from "../../../../src/controllers/shared/services.ts";
import { SourceError } from "../../../../src/controllers/shared/services.ts";
import { SourceReader } from "../../../../src/controllers/shared/source_reader.ts";
import { uncachedKinds } from "../../../../src/controllers/shared/stores_set.ts";
import { CONFIG_MAPS, SECRETS } from "../../../../src/k8s/resource.ts";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { secret } from "../../../support/builders_set.ts";
import { MemoryKube, refusal } from "../../../support/memory_kube.ts";
import { authority } from "../../../support/pki.ts";
import { table } from "../../../support/table.ts";

const KEY = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();
const APP = { github_app_id: "Iv1.x", github_app_installation_id: "12", github_app_private_key: KEY };
const CA = authority().ca;

interface World {
  /** The GitHub secret's values. */
  readonly github?: Record<string, string>;
  readonly proxySecret?: Record<string, string>;
  readonly ca?: string;
  readonly source?: Partial<GithubSource>;
  readonly forbidden?: boolean;
}

function world({ github = { github_token: "ghp_x" }, proxySecret, ca, forbidden }: World) {
  const kube = new MemoryKube();
  if (Object.keys(github).length > 0) kube.put(SECRETS, secret("gh", github));
  if (proxySecret) kube.put(SECRETS, secret("pw", proxySecret));
  if (ca) kube.put(CONFIG_MAPS, { metadata: { name: "ca", namespace: "arc-runners" }, data: { "ca.crt": ca } });
  if (forbidden) {
    kube.refuse = () => {
      throw refusal("Forbidden");
    };
  }
  const { secrets, configMaps } = uncachedKinds(kube.client, new VirtualClock());
  return { kube, reader: new SourceReader({ secrets, configMaps }) };
}

const source = (changes: Partial<GithubSource> = {}): GithubSource => ({
  namespace: "arc-runners",
  githubConfigUrl: "https://github.com/acme",
  githubConfigSecret: "gh",
  ...changes,
});
const TLS = { certificateFrom: { configMapKeyRef: { name: "ca", key: "ca.crt" } } };
const PROXY = { https: { url: "http://proxy:3128", credentialSecretRef: "pw" } };

table<World & { reason: string; says: RegExp }>("a source that can't be used", {
  "no URL": { source: { githubConfigUrl: undefined }, reason: "InvalidConfigURL", says: /githubConfigUrl.*empty/ },
  "no name of a secret": { source: { githubConfigSecret: "" }, reason: "SecretNotFound", says: /githubConfigSecret/ },
  "no secret": { github: {}, reason: "SecretNotFound", says: /no secret arc-runners\/gh/ },
  "a secret that may not be read": { forbidden: true, reason: "SecretNotFound", says: /403/ },
  "an empty secret": { github: { x: "1" }, reason: "SecretInvalid", says: /needs github_token, or/ },
  "only white space": { github: { github_token: " \n" }, reason: "SecretInvalid", says: /no credentials/ },
  "both kinds": { github: { github_token: "t", ...APP }, reason: "SecretInvalid", says: /both/ },
  "an app without its key": {
    github: { ...APP, github_app_private_key: "" },
    reason: "SecretInvalid",
    says: /lacks github_app_private_key/,
  },
  "an installation of 0": {
    github: { ...APP, github_app_installation_id: "0" },
    reason: "SecretInvalid",
    says: /github_app_installation_id/,
  },
  "an installation in hexadecimal": {
    github: { ...APP, github_app_installation_id: "0x10" },
    reason: "SecretInvalid",
    says: /github_app_installation_id/,
  },
  "a key that is none": {
    github: { ...APP, github_app_private_key: "-----BEGIN" },
    reason: "SecretInvalid",
    says: /github_app_private_key/,
  },
  "no config map": { source: { githubServerTLS: TLS }, reason: "CertificateInvalid", says: /no config map ca/ },
  "no such key": {
    ca: CA,
    source: { githubServerTLS: { certificateFrom: { configMapKeyRef: { name: "ca", key: "x" } } } },
    reason: "CertificateInvalid",
    says: /no key x/,
  },
  "no certificate": { ca: "hello", source: { githubServerTLS: TLS }, reason: "CertificateInvalid", says: /no PEM/ },
  "a broken certificate": {
    ca: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    source: { githubServerTLS: TLS },
    reason: "CertificateInvalid",
    says: /certificate 1/,
  },
  "a proxy of a strange kind": {
    source: { proxy: { http: { url: "socks5://p:1" } } },
    reason: "ProxyInvalid",
    says: /proxy\.http\.url.*socks5/,
  },
  "a proxy's secret that is not there": { source: { proxy: PROXY }, reason: "ProxyInvalid", says: /no secret pw/ },
  "a proxy's secret without a user": {
    source: { proxy: PROXY },
    proxySecret: { password: "x" },
    reason: "ProxyInvalid",
    says: /username/,
  },
  "a vault where there is no way to one": {
    source: { vaultConfig: { type: "azure_key_vault" } },
    reason: "VaultUnavailable",
    says: /vaultConfig.*no way to vaults/,
  },
}, async (example) => {
  const { reader } = world(example);
  await assert.rejects(reader.read(source(example.source)), (error) => {
    assert.ok(error instanceof SourceError);
    assert.equal(error.reason, example.reason);
    assert.match(error.message, example.says);
    assert.ok(!error.message.includes("BEGIN RSA") && !error.message.includes(KEY.slice(40, 80)), "no secret is shown");
    return true;
  });
});

test("a token, trimmed", async () => {
  const { reader } = world({ github: { github_token: " ghp_x\n" } });
  assert.deepEqual((await reader.read(source())).credentials, { kind: "pat", token: "ghp_x" });
});

test("an app, trimmed", async () => {
  const github = Object.fromEntries(Object.entries(APP).map(([key, value]) => [key, `${value}\n`]));
  const { credentials } = await world({ github }).reader.read(source());
  assert.deepEqual(credentials, { kind: "app", appId: "Iv1.x", installationId: 12, privateKey: KEY.trim() });
});

test("a token beside half of an app is a token", async () => {
  const { reader } = world({ github: { github_token: "t", github_app_id: "1" } });
  assert.deepEqual((await reader.read(source())).credentials, { kind: "pat", token: "t" });
});

test("a proxy's credentials are escaped; path and port stay", async () => {
  const { reader } = world({ proxySecret: { username: "dom\\a b", password: "p@:/%" } });
  const proxy = { ...PROXY, http: { url: "http://plain:8080" }, noProxy: ["a", "10.0.0.0/8"] };
  assert.deepEqual((await reader.read(source({ proxy }))).proxy, {
    http: "http://plain:8080",
    https: "http://dom%5Ca%20b:p%40%3A%2F%25@proxy:3128",
    noProxy: "a,10.0.0.0/8",
  });
});

test("an authority's certificate", async () => {
  const { reader } = world({ ca: CA });
  assert.equal((await reader.read(source({ githubServerTLS: TLS }))).ca, CA);
});

test("secrets are read once, and again after forget", async () => {
  const { reader, kube } = world({});
  await reader.read(source());
  await reader.read(source());
  assert.equal(kube.requests.length, 1);
  reader.forget(source());
  await reader.read(source());
  assert.equal(kube.requests.length, 2);
});
