/** Random worlds: whatever fails meanwhile, what must always hold does, and when faults stop all comes right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EPHEMERAL_RUNNERS } from "../../../../src/api/kinds.ts";
import { isDeleting, PODS } from "../../../../src/k8s/resource.ts";
import { TransportError } from "../../../../src/lib/http.ts";
import { between, pick, seededRandom } from "../../../../src/lib/random.ts";
import { NAMESPACE } from "../../../support/builders.ts";
import { refusal } from "../../../support/memory_api.ts";
import { answer, RunnerWorld } from "../../../support/runner_world.ts";
import { Traffic } from "../../../support/traffic.ts";

interface Faults {
  /** Parts of all calls that fail, 0 to 1. */
  readonly api: number;
  readonly github: number;
  /** Chances in a second. */
  readonly restart: number;
  readonly podLost: number;
  readonly deletedByHand: number;
}

const faults: fc.Arbitrary<Faults> = fc.record({
  api: fc.constantFrom(0, 0.05, 0.2),
  github: fc.constantFrom(0, 0.05, 0.2),
  restart: fc.constantFrom(0, 0.1, 0.4),
  podLost: fc.constantFrom(0, 0.2),
  deletedByHand: fc.constantFrom(0, 0.3),
});

const worlds = fc.record({
  seed: fc.nat(),
  faults,
  min: fc.constantFrom(0, 3),
  factsMs: fc.constantFrom(0, 300, 1500),
  podEndsMs: fc.constantFrom(-500, 0, 1500),
  lateMs: fc.constantFrom(1, 200, 1000),
  jitMs: fc.constantFrom(0, 200),
  foreign: fc.boolean(),
});

/** Makes calls fail, before they are carried out or after. */
function breakThings(world: RunnerWorld, { api, github }: Faults, chance: () => number): () => void {
  const real = { create: world.api.create.bind(world.api), patch: world.api.patch.bind(world.api) };
  let isOn = true;
  const fails = (part: number) => isOn && chance() < part;
  world.api.refuse = () => {
    if (fails(api / 2)) throw refusal("Unavailable", 503, "no leader");
  };
  let depth = 0;
  world.api.create = (kind, object) => {
    const made = real.create(kind, object);
    if (depth === 0 && fails(api / 2)) throw new TransportError("reset", "the answer got lost");
    return made;
  };
  world.service.refuse = () => {
    if (fails(github)) throw answer("Unavailable", 503);
  };
  return () => {
    isOn = false;
    depth = 1;
  };
}

test("random worlds", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async ({ seed, faults, min, factsMs, podEndsMs, lateMs, jitMs, foreign }) => {
      const random = seededRandom(seed);
      const world = new RunnerWorld({ seed, jitMs, late: { sets: lateMs, runners: lateMs, pods: lateMs } });
      await world.clock.advance(1500);
      const heal = breakThings(world, faults, () => random.next());
      const forbidden: string[] = [];
      let asked: string | undefined;
      const refuse = world.api.refuse;
      world.api.refuse = (verb, kind, object) => {
        refuse(verb, kind, object);
        if (verb !== "delete" || kind.plural !== PODS.plural) return;
        // What is refused for its precondition does no harm.
        asked = (object as { name?: string }).name;
        queueMicrotask(() => asked = undefined);
      };
      const remove = world.api.delete.bind(world.api);
      world.api.delete = (kind, ref, grace) => {
        const { name } = ref;
        const pod = world.api.at(PODS, `${NAMESPACE}/${name}`);
        const id = world.service.idOf(name);
        const isAtWork = id !== undefined && world.service.busy.has(id) && pod?.status?.phase === "Running";
        if (kind.plural === PODS.plural && name === asked && isAtWork && !isDeleting(pod)) forbidden.push(name);
        return remove(kind, ref, grace);
      };
      const traffic = new Traffic(world, { jobMs: 1500, min, factsMs, podEndsMs, foreign });
      for (let second = 0; second < 30; second++) {
        if (second % 5 === 0) traffic.submit(between(random, 1, 12));
        await world.clock.advance(1000);
        if (random.next() < faults.restart) await world.restart();
        if (world.pods.length > 0 && random.next() < faults.podLost) {
          const { name } = pick(random, world.pods).metadata;
          world.api.delete(PODS, { namespace: NAMESPACE, name }, pick(random, [0, undefined]));
        }
        if (world.live.length > 0 && random.next() < faults.deletedByHand) {
          const { name } = pick(random, world.live).metadata;
          world.api.delete(EPHEMERAL_RUNNERS, { namespace: NAMESPACE, name });
        }
      }
      heal();
      await world.clock.advance(420_000);
      await world.stop();
      assert.deepEqual(forbidden, [], "pods with a job that the controllers deleted");
      assert.equal(new Set(world.startedFor).size, world.startedFor.length, "one start a registration");
      assert.equal(traffic.waiting, 0, "no job waits");
      assert.equal(world.live.length, min, "as many runners as are wanted");
      assert.equal(world.pods.length, min, "no pod without a runner");
      assert.equal(world.service.registrations.size, min, "no registration without a runner");
    }),
    { numRuns: 12 },
  );
});
