/** GitHub refuses each of its tokens for a while, then the credentials themselves: it heals without a restart. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { jsonReply } from "../../src/sim/http.ts";
import { eventually } from "../support/eventually.ts";
import { type Story, story } from "../support/story.ts";

const REFUSED_MS = 15_000;
/** The longest back-off is 30 s; the rest is a runner's start on a busy machine. */
const RECOVERY_SECONDS = 60;

/** By which of its calls each token is refused. */
const TOKENS = {
  admin: (path: string) => path.includes("/_apis/") && !path.includes("/_apis/runtime/messages/"),
  queue: (path: string) => path.includes("/_apis/runtime/messages/") || path.endsWith("/acquirejobs"),
  registration: (path: string) => path.endsWith("/actions/runner-registration"),
};

async function afterwards(it: Story, what: string): Promise<void> {
  const seconds = await it.flow(5);
  it.note(`${what}: five more jobs started after`, `${seconds} s`);
  assert.ok(seconds <= RECOVERY_SECONDS, `${what}: ${seconds} s`);
}

story("GitHub refuses tokens", { seed: 91 }, async (it) => {
  const { cluster } = it;
  const { controls } = cluster.service;
  for (const [token, isRefused] of Object.entries(TOKENS)) {
    const stop = it.work();
    await it.flow(3);
    let refused = 0;
    cluster.intercept = (request, answer) => {
      if (!isRefused(new URL(request.url).pathname)) return answer(request);
      refused++;
      return Promise.resolve(jsonReply(401, { typeName: "UnauthorizedException", message: "Unauthorized" }));
    };
    if (token === "registration") controls.expireTokens("admin");
    await delay(REFUSED_MS);
    cluster.intercept = undefined;
    it.note(`the ${token} token: calls refused in ${REFUSED_MS / 1000} s`, refused);
    assert.ok(refused >= 2 && refused <= 100, `${refused} calls with a refused ${token} token`);
    await afterwards(it, `the ${token} token`);
    stop();
    await it.done();
  }
});

story("the personal access token is revoked, and restored", { seed: 92 }, async (it) => {
  const { cluster } = it;
  const { controls } = cluster.service;
  it.work();
  await it.flow(3);
  controls.revokePat("ghp_simulated");
  controls.expireTokens("admin");
  await delay(REFUSED_MS);
  const waiting = await eventually("runners that can't be registered say why", async () => {
    return (await cluster.list(EPHEMERAL_RUNNERS)).find(({ status }) => status?.reason === "Unauthorized");
  });
  it.note("meanwhile a runner says", waiting.status?.message);
  assert.match(waiting.status?.message ?? "", /401/);
  controls.revokePat("ghp_simulated", false);
  await afterwards(it, "the personal access token");
});
