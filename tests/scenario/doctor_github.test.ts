/** Each of the doctor's checks of a scale set's way to GitHub, failing in a simulated system. */
import { generateKeyPairSync } from "node:crypto";
import { CONFIG_MAPS, SECRETS } from "../../src/k8s/resource.ts";
import { SIMULATED_PAT } from "../../src/sim/world.ts";
import { assertSaid, cut, type Failing, killControllers, ref, setSecret } from "../support/doctor_story.ts";
import { table } from "../support/table.ts";

const KEYS = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const APP = { ids: ["1", "Iv1.abc"], installationId: 77, publicKey: KEYS.publicKey };
const APP_SECRET = {
  github_app_id: "1",
  github_app_installation_id: "77",
  github_app_private_key: KEYS.privateKey,
};

const failing: Record<string, Failing> = {
  "the secret is not there": {
    break: (system) => system.done(system.kubectl.delete(SECRETS, ref("github"))),
    check: "secret",
    says: /there is no secret arc-runners\/github/,
    wayOut: /kubectl -n arc-runners create secret generic github/,
  },
  "the secret lacks a key": {
    break: (system) => setSecret(system, { github_app_id: "1", github_app_private_key: "x" }),
    check: "secret",
    says: /lacks github_app_installation_id/,
    wayOut: /kubectl -n arc-runners edit secret github/,
  },
  "the secret has both kinds": {
    break: (system) =>
      setSecret(system, {
        github_token: "t",
        github_app_id: "1",
        github_app_installation_id: "2",
        github_app_private_key: "x",
      }),
    check: "secret",
    says: /has both github_token and the keys of a GitHub App/,
  },
  "the app's key is broken": {
    break: (system) =>
      setSecret(system, { github_app_id: "1", github_app_installation_id: "2", github_app_private_key: "-----BEGIN" }),
    check: "secret",
    says: /github_app_private_key that can't be read/,
  },
  "the token has a blank in it": {
    break: (system) => setSecret(system, { github_token: "ghp simulated" }),
    check: "secret",
    says: /secret github: the GitHub token has a blank/,
  },
  "the secret may not be read": {
    break: (system) => {
      const text = JSON.stringify({ kind: "Status", status: "Failure", reason: "Forbidden", message: "no", code: 403 });
      system.world.network.inject({
        name: "no right to read secrets",
        effect: { kind: "status", status: 403, text },
        matches: ({ url, client }) => client.startsWith("arc-doctor") && url.pathname.includes("/secrets"),
      });
    },
    check: "secret",
    state: "not checked",
    says: /no right to read secret arc-runners\/github/,
  },
  "the proxy's secret is not there": {
    spec: { proxy: { https: { url: "http://proxy.example:3128", credentialSecretRef: "proxy" } } },
    break: (system) => system.done(system.kubectl.delete(SECRETS, ref("proxy"))),
    check: "proxy",
    says: /proxy\.https\.credentialSecretRef: there is no secret proxy/,
  },
  "the authority's config map is not there": {
    spec: { githubServerTLS: { certificateFrom: { configMapKeyRef: { name: "authority", key: "ca.crt" } } } },
    break: (system) => system.done(system.kubectl.delete(CONFIG_MAPS, ref("authority"))),
    check: "certificate",
    says: /there is no config map authority/,
    wayOut: /ghes-proxies-cas/,
  },
  "GitHub's name is not found": {
    break: (system) => cut(system, "api.github.com", "dns"),
    check: "github",
    says: /api\.github\.com can't be reached from here, its name is not found/,
    wayOut: /DNS/,
  },
  "GitHub refuses connections": {
    break: (system) => cut(system, "api.github.com", "refused"),
    check: "github",
    says: /no connection/,
    wayOut: /firewall/,
  },
  "GitHub's certificate is not trusted": {
    break: (system) => cut(system, "api.github.com", "tls"),
    check: "github",
    says: /no trust/,
    wayOut: /githubServerTLS/,
  },
  "the proxy refuses": {
    break: (system) => cut(system, "api.github.com", "proxy"),
    check: "github",
    says: /the proxy does not let us through/,
  },
  "GitHub never answers": {
    break: (system) => {
      system.world.network.inject({
        name: "GitHub hangs",
        effect: { kind: "hang" },
        matches: ({ server }) => server.includes("api.github.com"),
      });
    },
    visit: { args: ["--timeout=2s"] },
    check: "github",
    says: /no answer in time: no answer from api\.github\.com within 2000 ms/,
  },
  "the config URL is none": {
    break: async (system) => {
      killControllers(system);
      await system.patchScaleSet("linux", { spec: { githubConfigUrl: "https://github.com" } });
    },
    check: "github",
    says: /githubConfigUrl: .*names no organization/,
    wayOut: /kubectl -n arc-runners edit autoscalingrunnerset linux/,
  },
  "the token lacks its scope": {
    options: { credentials: { pats: [SIMULATED_PAT], scopes: { [SIMULATED_PAT]: ["repo", "read:org"] } } },
    break: () => {},
    check: "token",
    says: /lacks the scope admin:org; it has: repo, read:org/,
    wayOut: /authentication/,
  },
  "the token is revoked": {
    break: (system) => system.world.service.controls.revokePat(SIMULATED_PAT),
    check: "token",
    says: /answered 401: Bad credentials/,
    wayOut: /patch secret github/,
  },
  "the app may only read": {
    options: {
      credentials: {
        pats: [SIMULATED_PAT],
        apps: [{ ...APP, permissions: { organization_self_hosted_runners: "read" } }],
      },
    },
    break: (system) => setSecret(system, APP_SECRET),
    check: "token",
    says: /the app has organization_self_hosted_runners: read, and needs write/,
    wayOut: /GitHub Apps/,
  },
  "the app is suspended": {
    options: { credentials: { pats: [SIMULATED_PAT], apps: [{ ...APP, suspended: true }] } },
    break: (system) => setSecret(system, APP_SECRET),
    check: "token",
    says: /installation at acme is suspended/,
  },
  "the app is installed at somebody else's": {
    options: { credentials: { pats: [SIMULATED_PAT], apps: [{ ...APP, account: "other" }] } },
    break: (system) => setSecret(system, APP_SECRET),
    check: "token",
    says: /installation at other, and githubConfigUrl is of acme/,
  },
  "the app has no such installation": {
    options: { credentials: { pats: [SIMULATED_PAT], apps: [APP] } },
    break: (system) => setSecret(system, { ...APP_SECRET, github_app_installation_id: "78" }),
    check: "token",
    says: /github_app_installation_id: this app has no such installation/,
  },
  "the key is another app's": {
    options: { credentials: { pats: [SIMULATED_PAT], apps: [{ ...APP, ids: ["2"] }] } },
    break: (system) => setSecret(system, APP_SECRET),
    check: "token",
    says: /github_app_id and github_app_private_key do not belong together/,
  },
  "the clock of this machine makes the app's token invalid": {
    options: { credentials: { pats: [SIMULATED_PAT], apps: [APP] } },
    break: (system) => setSecret(system, APP_SECRET),
    visit: { inPod: true, aheadMs: 1_200_000 },
    check: "clock",
    object: "api.github.com",
    says: /20m ahead of that of api\.github\.com/,
  },
  "an app that is fine": {
    options: { credentials: { pats: [SIMULATED_PAT], apps: [APP] } },
    break: (system) => setSecret(system, APP_SECRET),
    check: "token",
    state: "ok",
    says: /an app, installed at acme, with organization_self_hosted_runners: write/,
  },
  "the runner group is not there": {
    break: async (system) => {
      killControllers(system);
      await system.patchScaleSet("linux", { spec: { runnerGroup: "gpu" } });
    },
    check: "runner-group",
    says: /there is no runner group "gpu"/,
  },
  "GitHub has forgotten the scale set": {
    break: (system) => {
      killControllers(system);
      system.world.service.controls.forgetScaleSet(1);
    },
    check: "scale-set",
    says: /does not know its id 1/,
  },
  "the scale set has other labels at GitHub": {
    break: async (system) => {
      killControllers(system);
      await system.patchScaleSet("linux", { spec: { runnerScaleSetLabels: ["gpu"] } });
    },
    check: "scale-set",
    says: /lacks the label gpu/,
  },
};

table("a check fails", failing, assertSaid);
