import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { DEFAULT_BEHAVIOUR } from "../../../../src/sim/actions_service/behaviour.ts";
import { MessageQueue } from "../../../../src/sim/actions_service/message_queue.ts";
import type { WireStatistics } from "../../../../src/sim/actions_service/model.ts";
import { Timers } from "../../../../src/sim/timers.ts";

const NONE = {} as WireStatistics;
/** Fractions of a millisecond, as a system's clock has them. */
const moment = fc.integer({ min: 0, max: 2 ** 53 - 1 }).map((n) => n / 2 ** 53 * 1e7);

test("a message that nobody deletes comes again in time, whatever the fractions of the clock, and is not waited for hot", async () => {
  await fc.assert(
    fc.asyncProperty(moment, moment, async (first, between) => {
      const clock = new VirtualClock();
      let tries = 0;
      const queue: MessageQueue = new MessageQueue({
        clock,
        timers: new Timers(clock),
        behaviour: { ...DEFAULT_BEHAVIOUR },
        statistics: () => NONE,
        truth: () => NONE,
        ready: () => {
          tries++;
          if (queue.next(0)) got = clock.monotonic();
        },
        delivered: () => {},
      });
      let got: number | undefined;
      await clock.advance(first);
      queue.pushStrange();
      await clock.advance(100);
      const delivered = got!;
      got = undefined;
      await clock.advance(between % (DEFAULT_BEHAVIOUR.redeliverMs - 1_000)); // before it is due
      queue.next(0);
      tries = 0;
      await clock.advance(DEFAULT_BEHAVIOUR.redeliverMs + 5);
      assert.ok(got !== undefined && got - delivered - DEFAULT_BEHAVIOUR.redeliverMs <= 2, `${got}, ${delivered}`);
      assert.ok(tries <= 2, `${tries} tries`);
    }),
    { numRuns: 500 },
  );
});
