/** A listener whose GitHub and API server fail at random: when that stops, everything is as it should be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type HttpRequest, type HttpResponse, type Transport, TransportError } from "../../../src/lib/http.ts";
import { between, pick, type Random, seededRandom } from "../../../src/lib/random.ts";
import { drawBehaviour } from "../../../src/sim/actions_service/behaviour.ts";
import { kubeRefuses } from "../listener/world.ts";
import { Process } from "./process.ts";

/** Of ten calls one or two fail, before or after the service has acted. */
function faulty(transport: Transport, random: Random, on: { is: boolean }): Transport {
  const reply = (status: number): HttpResponse => ({
    status,
    headers: {},
    body: (async function* () {})(),
  });
  return async (request: HttpRequest) => {
    if (!on.is || random.next() > 0.15) return await transport(request);
    const fault = pick(random, ["reset", "lost", "500", "429", "401"]);
    if (fault === "lost") await transport(request);
    if (fault === "reset" || fault === "lost") throw new TransportError("reset", "connection reset");
    return reply(Number(fault));
  };
}

for (let seed = 1; seed <= 12; seed++) {
  test(`faults of GitHub and of the API server are survived (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const faults = { is: false };
    const process = new Process({
      ...drawBehaviour(random),
      sessionIdleMs: 20_000,
      pollMs: between(random, 5, 50) * 1000,
    });
    await process.start({ transports: () => faulty(process.sim.handle, random, faults) });
    faults.is = true;
    const { clock, cluster, sim } = process;
    const github = process.github();
    const links: { finish(result: string): void }[] = [];
    for (let i = 0; i < 40; i++) {
      if (random.next() < 0.3) {
        cluster.fail(pick(random, ["set", "runner"]), kubeRefuses("Unavailable"), between(random, 1, 3));
      }
      if (random.next() < 0.1) sim.controls.loseSession(process.id);
      if (random.next() < 0.1) sim.controls.expireTokens(pick(random, ["admin", "queue"]));
      if (random.next() < 0.5) sim.queueJob({ labels: ["linux"], durationMs: 1000 });
      if (random.next() < 0.4) {
        const name = `runner-${i}`;
        cluster.addRunners(name);
        const jit = github.generateJitConfig(process.id, { name, workFolder: "_work" });
        await clock.advance(50);
        const connection = sim.connectRunner((await jit).encoded);
        if (connection.kind === "connected") links.push(connection.link);
      }
      if (random.next() < 0.3) links.shift()?.finish("succeeded");
      await clock.advance(between(random, 10, 8000));
    }
    faults.is = false;
    cluster.heal();
    await clock.advance(120_000);

    const { totalAssignedJobs, totalRunningJobs } = sim.controls.statistics(process.id);
    const told = `${Math.min(totalAssignedJobs, 10)}/${totalRunningJobs}`;
    assert.equal(process.told, told, "the runner set knows the service's figures");
    for (const { name, busy } of sim.registrations()) {
      if (busy) assert.ok(cluster.runners.get(name)?.status["jobId"], `${name} has a job and does not know it`);
    }
    await clock.advance(600_000);
    assert.equal(sim.scaleSets()[0]?.messages, 0, "no message is left");
    assert.equal(process.exitCode, undefined);
    process.stop.abort(new Error("SIGTERM"));
    await clock.advance(1000);
    assert.equal(process.exitCode, 0);
    assert.equal(sim.scaleSets()[0]?.sessionOwner, undefined, "no session is left");
    sim.close();
    assert.equal(clock.pendingTimers, 0, "no timer is left");
  });
}
