/** What a scale set says when it can't be served, that it heals, that others go on, and that no secret is told. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { CONFIG_MAPS, SECRETS } from "../../src/k8s/resource.ts";
import { RUNNER_NAMESPACE, type ScaleSetSpec, SimSystem } from "../support/sim_system.ts";
import { table } from "../support/table.ts";

const TOKEN = "ghp_simulated";
const SECRET_MARK = "ghp_MARKED0123456789";

interface Flaw {
  readonly reason: string;
  readonly spec: ScaleSetSpec;
  /** What the message names. */
  readonly names: RegExp;
  readonly prepare?: (system: SimSystem) => Promise<unknown> | void;
  readonly mend: (system: SimSystem) => Promise<unknown> | void;
  /** How long the healing may take, in ms. Default: at once. */
  readonly withinMs?: number;
}

const AT_ONCE_MS = 3_000;
/** What nobody watches is read again every 30 s. */
const RECHECK_MS = 33_000;

/** After minutes of failures the next try may be minutes away. */
const BACKOFF_MS = 300_000;

const patchSecret = (stringData: Record<string, string>, data: Record<string, null> = {}) => (system: SimSystem) =>
  system.done(system.kubectl.patch(SECRETS, { namespace: RUNNER_NAMESPACE, name: "bad" }, { stringData, data }));

const patchSpec = (spec: unknown) => (system: SimSystem) => system.patchScaleSet("bad", { spec });

const FLAWS: Readonly<Record<string, Flaw>> = {
  "a config URL without an owner": {
    reason: "InvalidConfigURL",
    spec: { githubConfigUrl: "https://github.com" },
    names: /githubConfigUrl/,
    mend: patchSpec({ githubConfigUrl: "https://github.com/acme" }),
  },
  "no config URL": {
    reason: "InvalidConfigURL",
    spec: { githubConfigUrl: undefined },
    names: /githubConfigUrl/,
    mend: patchSpec({ githubConfigUrl: "https://github.com/acme" }),
  },
  "a secret that is not there": {
    reason: "SecretNotFound",
    spec: { githubConfigSecret: "bad" },
    names: /githubConfigSecret.*arc-runners\/bad/,
    mend: (system) => system.createSecret("bad", { github_token: TOKEN }),
    withinMs: RECHECK_MS,
  },
  "a secret that is not there, another one is named": {
    reason: "SecretNotFound",
    spec: { githubConfigSecret: "bad" },
    names: /githubConfigSecret/,
    mend: patchSpec({ githubConfigSecret: "github" }),
  },
  "both kinds of credentials": {
    reason: "SecretInvalid",
    spec: { githubConfigSecret: "bad" },
    names: /github_token/,
    prepare: (system) =>
      system.createSecret("bad", {
        github_token: SECRET_MARK,
        github_app_id: "1",
        github_app_installation_id: "2",
        github_app_private_key: SECRET_MARK,
      }),
    mend: patchSecret({ github_token: TOKEN }, {
      github_app_id: null,
      github_app_installation_id: null,
      github_app_private_key: null,
    }),
    withinMs: RECHECK_MS,
  },
  "a key that is no key": {
    reason: "SecretInvalid",
    spec: { githubConfigSecret: "bad" },
    names: /github_app_private_key/,
    prepare: (system) =>
      system.createSecret("bad", {
        github_app_id: "1",
        github_app_installation_id: "2",
        github_app_private_key: SECRET_MARK,
      }),
    mend: patchSpec({ githubConfigSecret: "github" }),
  },
  "a runner group that is not there": {
    reason: "RunnerGroupNotFound",
    spec: { runnerGroup: "gpu pool" },
    names: /runnerGroup.*gpu pool/,
    mend: patchSpec({ runnerGroup: null }),
  },
  "a token that GitHub does not take": {
    reason: "Unauthorized",
    spec: { githubConfigSecret: "bad" },
    names: /401.*[0-9a-f]{8}-/,
    prepare: (system) => system.createSecret("bad", { github_token: `${SECRET_MARK}\n` }),
    mend: patchSecret({ github_token: `${TOKEN}\n` }),
    withinMs: BACKOFF_MS,
  },
  "a token that GitHub does not take, another secret is named": {
    reason: "Unauthorized",
    spec: { githubConfigSecret: "bad" },
    names: /401/,
    prepare: (system) => system.createSecret("bad", { github_token: SECRET_MARK }),
    mend: patchSpec({ githubConfigSecret: "github" }),
  },
  "an authority that is none": {
    reason: "CertificateInvalid",
    spec: { githubServerTLS: { certificateFrom: { configMapKeyRef: { name: "authority", key: "ca.crt" } } } },
    names: /authority/,
    prepare: (system) =>
      system.done(system.kubectl.create(CONFIG_MAPS, {
        metadata: { namespace: RUNNER_NAMESPACE, name: "authority" },
        data: { "ca.crt": "no certificate" },
      })),
    mend: patchSpec({ githubServerTLS: null }),
  },
  "a proxy that is none": {
    reason: "ProxyInvalid",
    spec: { proxy: { https: { url: "not a url" } } },
    names: /proxy\.https/,
    mend: patchSpec({ proxy: null }),
  },
  "a proxy whose credentials are not there": {
    reason: "ProxyInvalid",
    spec: { proxy: { https: { url: "http://proxy:3128", credentialSecretRef: "bad" } } },
    names: /proxy\.https/,
    mend: (system) => system.createSecret("bad", { username: "user", password: SECRET_MARK }),
    withinMs: RECHECK_MS,
  },
  "a vault that is not there": {
    reason: "VaultUnavailable",
    spec: {
      vaultConfig: {
        type: "azure_key_vault",
        azureKeyVault: {
          url: "https://vault.invalid",
          tenantId: "tenant",
          clientId: "client",
          certificatePath: "/nowhere/client.pfx",
        },
      },
    },
    names: /vault/i,
    mend: patchSpec({ vaultConfig: null }),
  },
  "a GitHub that is out of order": {
    reason: "ServiceUnavailable",
    spec: { githubConfigUrl: "https://github.com/other" },
    names: /50[23]/,
    prepare: (system) => {
      system.world.network.inject({
        name: "out of order",
        matches: ({ url }) => url.pathname.startsWith("/orgs/other/"),
        effect: { kind: "status", status: 503, text: "Service Unavailable" },
      });
    },
    mend: (system) => system.world.network.heal(),
    withinMs: BACKOFF_MS,
  },
};

table("a scale set that can't be served", FLAWS, async ({ reason, spec, names, prepare, mend, withinMs }) => {
  await SimSystem.story({}, async (system) => {
    await system.scaleSet("good", { maxRunners: 5 });
    await prepare?.(system);
    await system.createScaleSet("bad", { maxRunners: 5, ...spec });
    await system.until(
      `Ready is False ${reason}`,
      () => system.condition("bad", "Ready") === `False ${reason}`,
      90_000,
    );
    await system.run(60_000);
    const ready = system.ars("bad")?.status?.conditions?.find(({ type }) => type === "Ready");
    assert.equal(`${ready?.status} ${ready?.reason}`, `False ${reason}`, "it stays so");
    assert.match(ready?.message ?? "", names);
    const event = system.events().find(({ object }) => object === "AutoscalingRunnerSet bad");
    assert.deepEqual([event?.type, event?.reason], ["Warning", reason]);

    const secrets = await serveOne(system, "good");
    const mark = system.world.timeline.count;
    await system.run(300_000);
    const asked = system.requests(mark).filter(({ client, what }) =>
      client === "gha-scale-set-controller" || /^(get|patch|create) (secrets|autoscalingrunnersets|events)/.test(what)
    );
    assert.ok(asked.length < 60, `${asked.length} requests in five minutes of an error`);

    await mend(system);
    await system.until("it is ready", () => system.condition("bad", "Ready") === "True Ready", withinMs ?? AT_ONCE_MS);
    if (!spec.proxy?.https?.credentialSecretRef) secrets.push(...await serveOne(system, "bad"));
    system.assertEachJobOnce();
    assertNotTold(system, [TOKEN, SECRET_MARK, ...secrets]);
  });
});

/** A job of this scale set is served, soon. @returns the secrets that were made for it */
async function serveOne(system: SimSystem, name: string): Promise<string[]> {
  await system.until(`${name} is listened for`, () => system.service(name)?.sessionOwner !== undefined, 10_000);
  await system.run(200);
  const [job] = system.queueJobs(name, 1);
  const record = system.world.service.ledger.jobs.get(job!);
  await system.until(`a job of ${name} runs`, () => record?.startedAt !== undefined, 3_000);
  const jits = system.objects(SECRETS).flatMap(({ data }) => data?.["jitToken"] ?? []);
  assert.ok(jits.length > 0, "there is a JIT configuration");
  await system.allDone();
  return jits.flatMap((jit) => [jit, Buffer.from(jit, "base64").toString()]);
}

/** None of these stands in a condition, an event or a log line. */
function assertNotTold(system: SimSystem, secrets: readonly string[]): void {
  const { secrets: _held, ...objects } = system.world.kube.snapshot();
  const places = { objects: JSON.stringify(objects), log: system.said.map(({ text }) => text).join("") };
  for (const [place, text] of Object.entries(places)) {
    const told = secrets.filter((secret) =>
      text.includes(secret) || text.includes(Buffer.from(secret).toString("base64"))
    );
    assert.deepEqual(told.map((secret) => secret.slice(0, 12)), [], `a secret stands in the ${place}`);
  }
}

test("nothing of a secret is told in a night of faults", async () => {
  await SimSystem.story({ seed: 3, faults: "all", faultGapMs: 500 }, async (system) => {
    await system.scaleSet("linux", { maxRunners: 10, minRunners: 1 });
    system.world.faults.start();
    const secrets = new Set<string>();
    for (let job = 0; job < 40; job++) {
      system.queueJobs("linux", 1);
      await system.run(500);
      for (const { data } of system.objects(SECRETS)) {
        if (data?.["jitToken"]) secrets.add(data["jitToken"]).add(Buffer.from(data["jitToken"], "base64").toString());
      }
    }
    assert.ok(secrets.size > 10, `only ${secrets.size} configurations`);
    assert.ok(system.said.some(({ level }) => level === "warn"), "there was something to tell");
    assertNotTold(system, [TOKEN, ...secrets]);
  });
});
