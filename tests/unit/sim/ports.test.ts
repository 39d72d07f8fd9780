import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/lib/clock.ts";
import { call } from "../../../src/lib/http.ts";
import { nodeTransports } from "../../../src/lib/http_node.ts";
import { World } from "../../../src/sim/world.ts";

test("a world on real ports: the API server and a GitHub whose config URLs begin with its address", async () => {
  const world = new World({ seed: 1, crds: [], clock: systemClock, latencyMs: [0, 0] });
  const ports = await world.listen();
  try {
    const send = (method: string, url: string, authorization: string, body?: unknown) =>
      call(nodeTransports({}), {
        method,
        url,
        headers: { authorization, "user-agent": "arc/1" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }, { clock: systemClock, deadlineMs: 10_000 });
    assert.equal((await send("GET", `${ports.kubeUrl}/api/v1/pods`, "")).status, 200);
    const api = `${ports.githubUrl}/api/v3`;
    const token = await send("POST", `${api}/orgs/acme/actions/runners/registration-token`, "Bearer ghp_simulated");
    const registration = JSON.parse(token.text) as { token: string };
    const body = { url: `${ports.githubUrl}/acme`, runner_event: "register" };
    const reply = await send("POST", `${api}/actions/runner-registration`, `RemoteAuth ${registration.token}`, body);
    const admin = JSON.parse(reply.text) as { url: string; token: string };
    assert.ok(admin.url.startsWith(`${ports.githubUrl}/_services/`), admin.url);
    const sets = await send(
      "GET",
      `${admin.url}_apis/runtime/runnerscalesets?api-version=6.0-preview`,
      `Bearer ${admin.token}`,
    );
    assert.equal(sets.status, 200);
    assert.match(world.timeline.text(), /#1 arc GET kube\/api\/v1\/pods/);
  } finally {
    await ports.close();
    await world.close();
  }
});
