/**
 * No secret leaves the program but in a Secret: worlds with marked tokens, keys, configurations and passwords, in which
 * all goes wrong that can, and everything that controllers and listeners say is searched for them.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { ODD_FAULTS } from "../../src/sim/faults/odd_faults.ts";
import { SERVICE_FAULTS } from "../../src/sim/faults/service_faults.ts";
import { CONFIG_MAPS, type Secret, SECRETS } from "../../src/k8s/resource.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { type Random, seededRandom } from "../../src/lib/random.ts";
import type { AppParts } from "../../src/server/app.ts";
import { createApp } from "../../src/server/app.ts";
import { VaultError } from "../../src/vault/vault.ts";
import { Vaults } from "../../src/vault/vaults.ts";
import { Marked, markWorld } from "../support/marked.ts";
import { authority } from "../support/pki.ts";
import { RUNNER_NAMESPACE, type ScaleSetSpec, SimSystem, type SystemOptions } from "../support/sim_system.ts";

const PAT = "ghp_MARKEDtokenOfThisWorld0123456789";
const WRONG_PAT = "ghp_MARKEDtokenThatIsRefused98765432";
const PROXY_USER = "marked-user";
const PROXY_PASSWORD = "MARKED p@ss/word of the proxy";
const ADMIN_TOKEN = "MARKED-bearer-of-the-api-server-0123";
const APP = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const CA = authority("marked authority");
const CA_KEY = CA.issue("ca.example").key;

interface Story {
  readonly mode: "pod" | "embedded";
  readonly credentials: "pat" | "app" | "vault";
  readonly seeds: readonly number[];
}

/** What a program says, where, and what of it must not be there. */
class Ears {
  readonly marked = new Marked();
  readonly parts: AppParts[] = [];
  readonly #told: string[] = [];
  readonly #seen = new Set<string>();
  #chars = 0;

  /** A request: what is written into a Secret may be secret, and what is sent to GitHub goes to GitHub. */
  request(method: string, url: string, body = ""): void {
    const { hostname, pathname } = new URL(url);
    const isToSecret = /\/secrets(\/|$)/.test(pathname) || pathname.endsWith("/token");
    this.hear(`URL of ${method}`, url);
    if (hostname === "kube.sim" && !isToSecret) this.hear(`body of ${method} ${pathname}`, body);
  }

  hear(where: string, text: string): void {
    if (this.#seen.has(text)) return;
    this.#seen.add(text);
    this.#chars += text.length;
    this.#told.push(`${where}\n${text}`);
  }

  /** What was told of secrets, now that all of them are known. @returns one line each */
  leaks(): string[] {
    return this.#told.flatMap((text) =>
      this.marked.in(text).map((leak) => `${text.slice(0, text.indexOf("\n"))}: ${leak}`)
    );
  }

  get chars(): number {
    return this.#chars;
  }
}

/** Vaults that now and then say no, quoting what they should not. */
function vaultsOf(clock: Clock, random: Random): Vaults {
  return new Vaults({
    transports: () => () => Promise.reject(new Error("nothing is asked over the network")),
    clock,
    random,
    readText: () => Promise.reject(new Error("no file is read")),
    readBytes: () => Promise.reject(new Error("no file is read")),
    log: silentLog,
    ttlMs: 5_000,
    open: () => ({
      async secret(name) {
        if (random.next() < 0.2) throw new VaultError("Unreachable", `vault v, secret ${name}: no answer`);
        if (name === "proxy") return JSON.stringify({ username: PROXY_USER, password: PROXY_PASSWORD });
        return name === "broken" ? `{"github_token":"${WRONG_PAT}` : JSON.stringify({ github_token: PAT });
      },
    }),
  });
}

/** Where gateways quote what they refuse. */
const QUOTES = [
  { name: "GitHub's gateway", server: "github", status: 502, first: "headers" },
  { name: "GitHub's firewall", server: "github", status: 403, first: "body" },
  { name: "the API server's gateway", server: "kube", status: 400, first: "body" },
  { name: "the API server's firewall", server: "kube", status: 422, first: "body" },
  { name: "the API server's balancer", server: "kube", status: 503, first: "headers" },
] as const;

function bringQuotes(system: SimSystem, random: Random): void {
  const { name, server, ...quote } = QUOTES[Math.floor(random.next() * QUOTES.length)]!;
  system.world.network.inject({
    name,
    times: 1 + Math.floor(random.next() * 6),
    // The administrator's kubectl and the kubelet are not what is tested.
    matches: (request) => request.server.startsWith(server) && /^(gha|arc)/.test(request.client),
    effect: { kind: "quote", ...quote },
  });
}

const SCALE_SETS: Readonly<Record<Story["credentials"], ScaleSetSpec>> = {
  pat: {},
  app: {},
  vault: {
    vaultConfig: {
      type: "azure_key_vault",
      azureKeyVault: { url: "https://v.vault.azure.net", tenantId: "t", clientId: "c", certificatePath: "/c.pem" },
    },
  },
};

/** Scale sets whose secrets are wrong: what is wrong is told, what it is is not. */
const BROKEN: Readonly<Record<string, { readonly data: Record<string, string>; readonly spec?: ScaleSetSpec }>> = {
  "refused": { data: { github_token: WRONG_PAT } },
  "two-kinds": {
    data: {
      github_token: WRONG_PAT,
      github_app_id: "1",
      github_app_installation_id: "2",
      github_app_private_key: CA_KEY,
    },
  },
  "half-a-key": {
    data: {
      github_app_id: "1",
      github_app_installation_id: "2",
      github_app_private_key: APP.privateKey.slice(0, APP.privateKey.length / 2),
    },
  },
  "swapped": {
    data: { github_app_id: WRONG_PAT, github_app_installation_id: WRONG_PAT, github_app_private_key: WRONG_PAT },
  },
  "blank-in-token": { data: { github_token: `${WRONG_PAT} ${PAT}` } },
  "password-in-url": {
    data: { github_token: PAT },
    spec: { githubConfigUrl: `https://user:${encodeURIComponent(PROXY_PASSWORD)}@github.com/acme` },
  },
  "token-in-url": { data: { github_token: PAT }, spec: { githubConfigUrl: `https://github.com/acme?token=${PAT}` } },
  "key-in-authority": {
    data: { github_token: PAT },
    spec: { githubServerTLS: { certificateFrom: { configMapKeyRef: { name: "authority", key: "broken.crt" } } } },
  },
};

async function tell(story: Story, seed: number): Promise<void> {
  const ears = new Ears();
  const { marked } = ears;
  const values = { PAT, WRONG_PAT, PROXY_PASSWORD, ADMIN_TOKEN, "APP.privateKey": APP.privateKey, CA_KEY };
  for (const [name, value] of Object.entries(values)) marked.add(name, value);
  const random = seededRandom(seed);
  const options: SystemOptions = {
    seed,
    faults: "all",
    faultGapMs: 1_500,
    behaviour: "drawn",
    adminToken: ADMIN_TOKEN,
    listenerMode: story.mode,
    leaderElection: true,
    controllers: 2,
    credentials: {
      pats: [PAT],
      apps: [{ ids: ["12345"], installationId: 678, publicKey: APP.publicKey }],
    },
    vaults: story.credentials === "vault"
      ? (clock) => ({ vaults: vaultsOf(clock, random), secretFiles: "/nowhere" })
      : undefined,
    onRequest: ({ method, url, body, headers }) => {
      marked.add("a bearer", headers["authorization"]?.replace(/^\w+ /, ""));
      ears.request(method, url, body);
    },
    serve: (parts) => ears.parts.push(parts),
  };
  await SimSystem.story(options, async (system) => {
    await live(story, system, ears, random);
    await system.run(1_000);
  });
  const leaks = ears.leaks();
  assert.deepEqual(leaks.slice(0, 10), [], `${leaks.length} leaks (seed ${seed})`);
  assert.ok(marked.size > 12, `only ${marked.size} secrets`);
  assert.ok(ears.chars > 100_000, `only ${ears.chars} characters were heard`);
}

/** A night of faults, and in it everything that is said. */
async function live(story: Story, system: SimSystem, ears: Ears, random: Random): Promise<void> {
  const isApp = story.credentials === "app";
  await system.createSecret(
    "credentials",
    isApp
      ? { github_app_id: "12345", github_app_installation_id: "678", github_app_private_key: APP.privateKey }
      : { github_token: `${PAT}\n` },
  );
  await system.createSecret("proxy", { username: PROXY_USER, password: PROXY_PASSWORD });
  await system.done(system.kubectl.create(CONFIG_MAPS, {
    metadata: { namespace: RUNNER_NAMESPACE, name: "authority" },
    data: { "ca.crt": CA.ca + CA_KEY, "broken.crt": `${CA.ca.replace("MII", "M@@")}${CA_KEY}` },
  }));
  await system.createScaleSet("linux", {
    githubConfigSecret: "credentials",
    proxy: { https: { url: "http://proxy:3128", credentialSecretRef: "proxy" }, noProxy: ["internal"] },
    githubServerTLS: { certificateFrom: { configMapKeyRef: { name: "authority", key: "ca.crt" } } },
    minRunners: 1,
    maxRunners: 8,
    ...SCALE_SETS[story.credentials],
  });
  for (const [name, { data, spec }] of Object.entries(BROKEN)) {
    await system.createSecret(name, data);
    const vault = story.credentials === "vault" ? { githubConfigSecret: "broken" } : {};
    await system.createScaleSet(name, {
      githubConfigSecret: name,
      ...SCALE_SETS[story.credentials],
      ...vault,
      ...spec,
    });
  }
  await system.until("linux is listened for", () => system.service("linux")?.sessionOwner !== undefined, 300_000);
  system.world.faults.start();
  const odd = [...ODD_FAULTS, ...SERVICE_FAULTS];
  for (let step = 0; step < 60; step++) {
    system.queueJobs("linux", 1, { durationMs: 1_000 + Math.floor(random.next() * 8_000) });
    if (step % 3 === 0) bringQuotes(system, random);
    if (step % 5 === 0) system.world.faults.apply(odd[Math.floor(random.next() * odd.length)]!, random);
    if (step === 30) system.controllers.find(({ end }) => end === undefined)?.kill();
    await system.run(2_000);
    if (step === 40) system.startController();
    listen(system, ears);
    if (step % 10 === 0) await scrape(system, ears);
  }
  system.world.faults.stop();
  await system.deleteScaleSet("linux");
  await system.run(60_000);
  listen(system, ears);
  await scrape(system, ears);
  for (const { text } of system.said) ears.hear("log", text);
  assert.ok(system.said.some(({ level }) => level === "debug") && system.said.some(({ level }) => level === "warn"));
}

/** Secrets that have come up since, and the objects of the cluster as they are now. */
function listen(system: SimSystem, ears: Ears): void {
  const { marked } = ears;
  markWorld(marked, system.world.service.tokens, system.objects<Secret>(SECRETS));
  for (const token of system.accountTokens) marked.add("a service account's token", token);
  const { secrets: _secrets, configmaps: _users, ...objects } = system.world.kube.snapshot();
  for (const [kind, list] of Object.entries(objects)) {
    for (const object of list) {
      // Who writes a secret into a URL has told it already: what is ours is the status.
      const isUsers = kind === "autoscalingrunnersets";
      ears.hear(`${kind} ${object.metadata.name}`, JSON.stringify(isUsers ? { ...object, spec: undefined } : object));
    }
  }
}

/** What the ports of controllers and listeners answer. */
async function scrape(system: SimSystem, ears: Ears): Promise<void> {
  for (const parts of ears.parts) {
    const app = createApp(parts);
    for (const path of ["/metrics", "/healthz", "/readyz", "/", "/debug/pprof/"]) {
      const response = await system.done(Promise.resolve(app.request(path)));
      ears.hear(path, await system.done(response.text()));
    }
  }
}

const STORIES: Readonly<Record<string, Story>> = {
  "a token, listener pods": { mode: "pod", credentials: "pat", seeds: [1, 2] },
  "a token, embedded listeners": { mode: "embedded", credentials: "pat", seeds: [4] },
  "a GitHub App, listener pods": { mode: "pod", credentials: "app", seeds: [6, 7] },
  "a GitHub App, embedded listeners": { mode: "embedded", credentials: "app", seeds: [8] },
  "a vault, embedded listeners": { mode: "embedded", credentials: "vault", seeds: [9] },
};

for (const [title, story] of Object.entries(STORIES)) {
  for (const seed of story.seeds) test(`no secret is told: ${title}, seed ${seed}`, () => tell(story, seed));
}
