/**
 * Nine small scale sets beside one of five hundred runners and two whose GitHub accepts connections and never answers:
 * the nine are as fast as alone. Seconds are of the machine, so the same jobs are timed without and with the neighbours.
 */
import assert from "node:assert/strict";
import { after } from "node:test";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { enterpriseServer } from "../../src/sim/actions_service/hosts.ts";
import { quantile, queueSeconds } from "../support/books.ts";
import { editScaleSet } from "../support/edit.ts";
import { eventually } from "../support/eventually.ts";
import { runnerPods } from "../support/figures.ts";
import { type Story, story } from "../support/story.ts";
import { type TcpDoor, tcpDoor } from "../support/tcp_door.ts";

const NINE = Array.from({ length: 9 }, (_, at) => `small-${at + 1}`);
const HANGING = ["hanging-1", "hanging-2"];
/** A machine that is busy with other work does not bring up five hundred in time: BIG=100 in the environment. */
const BIG = Number(process.env.BIG ?? 500);
const ROUNDS = 6;
/** Jobs of one round come at once, one for each small set. */
const EVERY_MS = 3000;
/** Beside neighbours that stand still: what a busy machine varies by from minute to minute. */
const STANDING_RATIO = 2;
/** Shares of a second are the machine's: waits are compared from here on. */
const LEAST_SECONDS = 1;

/** Times jobs of the nine. */
async function timed(it: Story, rounds = ROUNDS): Promise<number[]> {
  const jobs: string[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const set of NINE) jobs.push(it.job({ set, durationMs: [500, 1000] }));
    await delay(EVERY_MS);
  }
  await it.done();
  return queueSeconds(it.cluster, jobs);
}

function shown(seconds: readonly number[]): string {
  return [0.5, 0.95, 1].map((part) => quantile(seconds, part).toFixed(1)).join(", ");
}

function median(seconds: readonly number[]): number {
  return Math.max(LEAST_SECONDS, quantile(seconds, 0.5));
}

/** Seconds from `began` until the runners of the big one were at work. */
function crowdSeconds({ cluster }: Story, began: number): number[] {
  return runnerPods(cluster).filter(({ name, startedAt }) => name.startsWith("big-") && startedAt !== undefined)
    .map(({ startedAt }) => (startedAt! - began) / 1000);
}

function setMin({ cluster }: Story, name: string, minRunners: number): Promise<void> {
  return editScaleSet(cluster, { name }, (spec) => Object.assign(spec, { minRunners }));
}

const small = NINE.map((name) => ({ name, max: 5 }));
let door: TcpDoor | undefined;
after(() => door?.close());

story("nine small scale sets beside a big one and a GitHub that hangs", {
  seed: 181,
  sets: [...small, { name: "big", max: BIG }],
}, async (it) => {
  const { cluster } = it;
  const alone = await timed(it);
  it.note("alone, the nine waited (half, 95 %, longest)", `${shown(alone)} s`);

  door = await tcpDoor(Number(new URL(cluster.configUrl).port));
  cluster.service.addHost(enterpriseServer(`http://127.0.0.1:${door.port}`));
  door.set("silent");
  for (const name of HANGING) {
    await cluster.applyScaleSet({ name, min: 1, max: 5, configUrl: `http://127.0.0.1:${door.port}/acme` });
  }
  const began = Date.now();
  await setMin(it, "big", BIG);
  await eventually("the big one is under way", async () => crowdSeconds(it, began).length >= 10, 180_000);
  const rush: number[] = [];
  while (crowdSeconds(it, began).length < BIG) {
    rush.push(...await timed(it, 1));
    assert.ok(
      Date.now() - began < 300_000,
      `only ${crowdSeconds(it, began).length} of ${BIG} runners are there after five minutes`,
    );
  }
  const crowd = crowdSeconds(it, began);
  it.note(`while ${BIG} runners came, the nine waited`, `${shown(rush)} s (${rush.length} jobs)`);
  it.note("and the big one", `${shown(crowd)} s`);
  // one queue for all would let the nine wait for what is left of the five hundred
  assert.ok(median(rush) <= median(crowd) / 2, "the nine do not wait behind the big one");

  const beside = await timed(it);
  const ratio = median(beside) / median(alone);
  it.note(`beside ${BIG} idle runners and a GitHub that hangs`, `${shown(beside)} s`);
  it.note("times as long as alone", ratio.toFixed(2));
  assert.ok(ratio <= STANDING_RATIO, `the nine wait ${ratio.toFixed(2)} times as long as alone`);

  door.set("open");
  door.cut();
  await eventually("the scale sets that hung have come to life", async () => {
    const live = cluster.service.scaleSets().filter(({ sessionOwner }) => sessionOwner).map(({ name }) => name);
    return HANGING.every((name) => live.includes(name));
  }, 120_000);
  for (const name of [...HANGING, "big"]) await setMin(it, name, 0);
  await eventually(
    "nobody is idle any more",
    async () => (await cluster.list(EPHEMERAL_RUNNERS)).length === 0,
    180_000,
  );
});
