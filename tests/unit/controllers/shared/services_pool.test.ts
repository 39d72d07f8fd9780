import assert from "node:assert/strict";
import { test } from "node:test";
import type { GithubSource } from "../../../../src/controllers/shared/services.ts";
import { ServicesPool } from "../../../../src/controllers/shared/services_pool.ts";
import { SourceReader } from "../../../../src/controllers/shared/source_reader.ts";
import { uncachedKinds } from "../../../../src/controllers/shared/stores_set.ts";
import type { Connection } from "../../../../src/github/client.ts";
import type { ActionsService, JitConfig } from "../../../../src/github/service.ts";
import { SECRETS } from "../../../../src/k8s/resource.ts";
import type { TransportOptions } from "../../../../src/lib/http.ts";
import { silentLog } from "../../../../src/lib/log.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { secret } from "../../../support/builders_set.ts";
import { MemoryKube } from "../../../support/memory_kube.ts";

function world(parallelJit?: number) {
  const kube = new MemoryKube();
  const clock = new VirtualClock();
  const { secrets, configMaps } = uncachedKinds(kube.client, clock);
  const connections: Connection[] = [];
  const transports: TransportOptions[] = [];
  const jit: { id: number; end: () => void }[] = [];
  kube.put(SECRETS, secret("gh", { github_token: "one" }));
  const pool = new ServicesPool({
    reader: new SourceReader({ secrets, configMaps }),
    transports(options) {
      transports.push(options);
      return () => Promise.reject(new Error("nobody calls here"));
    },
    clock,
    random: seededRandom(1),
    log: silentLog,
    userAgent: { version: "1", commit: "c", subsystem: "gha-scale-set-controller" },
    parallelJit,
    connect(connection) {
      connections.push(connection);
      const generateJitConfig = (id: number) =>
        new Promise<JitConfig>((resolve) => jit.push({ id, end: () => resolve({} as JitConfig) }));
      return { generateJitConfig } as unknown as ActionsService;
    },
  });
  return { kube, pool, connections, transports, jit };
}

const source = (changes: Partial<GithubSource> = {}): GithubSource => ({
  namespace: "arc-runners",
  githubConfigUrl: "https://github.com/acme",
  githubConfigSecret: "gh",
  ...changes,
});

test("one client for all who mean the same GitHub with the same credentials, whatever their secret's name", async () => {
  const { pool, kube, connections } = world();
  kube.put(SECRETS, secret("same", { github_token: "one" }));
  kube.put(SECRETS, secret("other", { github_token: "two" }));
  const first = await pool.of(source());
  assert.equal(await pool.of(source({ githubConfigUrl: "https://github.com/acme/" })), first);
  assert.equal(await pool.of(source({ githubConfigSecret: "same" })), first);
  assert.notEqual(await pool.of(source({ githubConfigSecret: "other" })), first);
  assert.notEqual(await pool.of(source({ githubConfigUrl: "https://github.com/else" })), first);
  assert.equal(connections.length, 3);
});

test("changed credentials give another client once they are read again", async () => {
  const { pool, kube, connections } = world();
  const first = await pool.of(source());
  kube.change(SECRETS, "arc-runners/gh", secret("gh", { github_token: "two" }));
  assert.equal(await pool.of(source()), first);
  pool.refresh(source());
  assert.notEqual(await pool.of(source()), first);
  assert.deepEqual(connections.map(({ credentials }) => credentials.kind === "pat" && credentials.token), [
    "one",
    "two",
  ]);
});

test("a changed proxy gives another client at once", async () => {
  const { pool, transports } = world();
  const first = await pool.of(source());
  const proxy = { https: { url: "http://proxy:1" }, noProxy: ["a"] };
  assert.notEqual(await pool.of(source({ proxy })), first);
  assert.deepEqual(transports, [{}, { proxy: { http: undefined, https: "http://proxy:1", noProxy: "a" } }]);
});

test("JIT configurations: so many at a time for one credential, sets take turns", async () => {
  const { pool, jit } = world(2);
  const service = await pool.of(source());
  for (let i = 0; i < 4; i++) service.generateJitConfig(1, { name: `a${i}`, workFolder: "_work" });
  service.generateJitConfig(2, { name: "b", workFolder: "_work" });
  const settle = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  await settle();
  assert.deepEqual(jit.map(({ id }) => id), [1, 1]);
  jit[0]!.end();
  await settle();
  jit[1]!.end();
  await settle();
  assert.deepEqual(jit.map(({ id }) => id), [1, 1, 1, 2]);
});
