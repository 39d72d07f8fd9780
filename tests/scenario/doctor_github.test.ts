/** Each of the doctor's checks of a scale set's way to GitHub, failing in a simulated system. */
import { CONFIG_MAPS, SECRETS } from "../../src/k8s/resource.ts";
import { SIMULATED_PAT } from "../../src/sim/world.ts";
import { assertSaid, cut, type Failing, killControllers, ref, setSecret } from "../support/doctor_story.ts";
import { table } from "../support/table.ts";

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
