import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics } from "../../../src/lib/metrics.ts";
import { type Check, createApp } from "../../../src/server/app.ts";

function check(name: string, reason?: string): Check {
  return { name, failing: () => reason };
}

test("/readyz is 200 when all is well, and says of each check that it is", async () => {
  const app = createApp({ health: { ready: [check("caches"), check("lease")] } });
  const reply = await app.request("/readyz");
  assert.equal(reply.status, 200);
  assert.deepEqual(await reply.json(), { status: "ok", checks: { caches: "ok", lease: "ok" } });
});

test("/readyz is 503 with the reasons of those that fail; a check that throws is one of them", async () => {
  const broken: Check = {
    name: "crds",
    failing: () => {
      throw new Error("no answer");
    },
  };
  const app = createApp({ health: { ready: [check("caches"), check("lease", "held by another"), broken] } });
  const reply = await app.request("/readyz");
  assert.equal(reply.status, 503);
  assert.deepEqual(await reply.json(), {
    status: "failing",
    checks: { caches: "ok", lease: "held by another", crds: "no answer" },
  });
});

test("/healthz asks the live checks alone", async () => {
  const ready = [check("lease", "held by another")];
  assert.equal((await createApp({ health: { ready } }).request("/healthz")).status, 200);
  const app = createApp({ health: { ready, live: [check("loop", "stuck for 10 min")] } });
  assert.equal((await app.request("/healthz")).status, 503);
});

test("metrics are served at their path, in Prometheus' format", async () => {
  const source = new Metrics();
  source.declare({ up: { name: "up", help: "Up.", type: "gauge" } }).up.set({}, 1);
  const app = createApp({ metrics: { path: "/custom", source } });
  const reply = await app.request("/custom");
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.equal(await reply.text(), "# HELP up Up.\n# TYPE up gauge\nup 1\n");
  assert.equal((await createApp({ metrics: { path: "m", source } }).request("/m")).status, 200);
});

test("what is not served is 404", async () => {
  const app = createApp({});
  for (const path of ["/", "/healthz", "/readyz", "/metrics"]) assert.equal((await app.request(path)).status, 404);
});
