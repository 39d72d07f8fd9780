/** Half of a reference installation and half of ours: during a migration each can be there alone. */
import assert from "node:assert/strict";
import { referenceDefinitions, referenceListener } from "../support/reference.ts";
import { SimSystem, type SystemOptions } from "../support/sim_system.ts";
import { table } from "../support/table.ts";

interface Half {
  readonly options: Partial<SystemOptions>;
  /** Runners made for a job, at most. */
  readonly ratio: number;
}

const HALVES: Readonly<Record<string, Half>> = {
  "our listener where the definitions drop our fields": { options: { crds: referenceDefinitions() }, ratio: 1 },
  "the reference's listener": { options: { listener: referenceListener }, ratio: 1.1 },
  "the reference's listener and definitions": {
    options: { listener: referenceListener, crds: referenceDefinitions() },
    ratio: 1.1,
  },
};

for (const statisticsAt of ["creation", "delivery"] as const) {
  table(`a burst and a steady load, statistics of ${statisticsAt}`, HALVES, async ({ options, ratio }) => {
    await SimSystem.story({ ...options, behaviour: { statisticsAt } }, async (system) => {
      await system.scaleSet("linux", { maxRunners: 50 });
      system.queueJobs("linux", 20);
      for (let job = 0; job < 20; job++) {
        await system.run(200);
        system.queueJobs("linux", 1);
      }
      await system.allDone();
      await system.quiet(0, 150_000);
      await system.run(5_000);
      system.assertEachJobOnce();
      const jobs = system.world.service.ledger.jobs.size;
      assert.ok(system.made <= jobs * ratio, `${system.made} runners for ${jobs} jobs`);
      const { spec, status } = system.runnerSet("linux")!;
      const pruned = options.crds !== undefined;
      assert.equal(status?.observedGeneration === undefined, pruned, "the definitions drop our fields");
      assert.equal(spec?.runningJobs === undefined, pruned || options.listener !== undefined);
      assert.deepEqual(Object.keys(system.runnerSet("linux")?.metadata.annotations ?? {}).sort(), [
        "actions.github.com/runner-group-name",
        "actions.github.com/runner-scale-set-name",
      ]);
      const mark = system.world.timeline.count;
      await system.run(300_000);
      const writes = system.requests(mark).filter(({ client, what }) =>
        client === "arc-controller" && /^(create|patch|update|delete) /.test(what)
      );
      const polls = system.requests(mark).filter(({ what }) => what === "GET /_apis/runtime/messages/*");
      // The reference's listener patches the set at each poll that ends: its generation is then observed.
      assert.ok(writes.length <= (options.listener ? polls.length : 0), JSON.stringify(writes));
    });
  });
}
