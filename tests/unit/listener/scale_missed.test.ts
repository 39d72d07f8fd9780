/** Whether figures that are read after a poll broke off speak of a message that got lost. */
import assert from "node:assert/strict";
import { speaksOfMore } from "../../../src/listener/scale.ts";
import type { Statistics } from "../../../src/github/service.ts";
import { table } from "../../support/table.ts";
import { assigned, started, stats } from "./events.ts";
import { type Happening, live, OPENED } from "./story.ts";

const LATER = { scaleSetAssignedAt: OPENED + 5_000 };
const BEFORE = { scaleSetAssignedAt: OPENED - 5_000 };
const offering = (statistics: Statistics): Statistics => ({ ...statistics, totalAvailableJobs: 1 });

interface Case {
  readonly story: Happening[];
  readonly figures: Statistics;
  readonly more: boolean;
  readonly max?: number;
}

table<Case>("a message seems to be lost", {
  "a session without jobs, and still none": { story: [{ session: stats(0) }], figures: stats(0), more: false },
  "a session without jobs, and then there is one": { story: [{ session: stats(0) }], figures: stats(1), more: true },
  "a session with jobs: its queue may hold facts of them": {
    story: [{ session: stats(2, 1) }],
    figures: stats(2, 1),
    more: true,
  },
  "its queue has been told up to something younger": {
    story: [{ session: stats(2, 1) }, { says: [assigned(3, LATER)], stats: stats(3, 1) }],
    figures: stats(3, 1),
    more: false,
  },
  "what has been told is older than the session": {
    story: [{ session: stats(2, 1) }, { says: [assigned(2, BEFORE)], stats: stats(2, 1) }],
    figures: stats(2, 1),
    more: true,
  },
  "events without times say nothing of their age": {
    story: [{ session: stats(2, 1) }, { says: [started(2)], stats: stats(2, 2) }],
    figures: stats(2, 2),
    more: true,
  },
  "the queue was quiet once": { story: [{ session: stats(2, 1) }, { empty: true }], figures: stats(2, 1), more: false },
  "a job has started since": { story: [{ session: stats(2, 1) }, { empty: true }], figures: stats(2, 2), more: true },
  "a job is offered": { story: [{ session: stats(0) }], figures: offering(stats(0)), more: true },
  "a job is offered that nobody may take": {
    story: [{ session: stats(0) }],
    figures: offering(stats(0)),
    more: false,
    max: 0,
  },
}, ({ story, figures, more, max: maxRunners = 10 }) => {
  const limits = { minRunners: 0, maxRunners };
  assert.equal(speaksOfMore(live(story, limits).state, figures, limits), more);
});
