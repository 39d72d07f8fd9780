import { test } from "node:test";
import fc from "fast-check";
import { type Happening, StoreModel } from "./store_model.ts";

const name = fc.constantFrom("a", "b", "c");
const who = fc.constantFrom("us" as const, "us" as const, "other" as const);
const write = fc.constantFrom(
  "create" as const,
  "create" as const,
  "update" as const,
  "relabel" as const,
  "delete" as const,
  "release" as const,
);

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: write, who, name }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("answer" as const), which: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("watch" as const), events: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("bookmark" as const, "list" as const, "relist" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 70_000 }) }) },
);

test("whatever is late, the store shows nothing older than before, raises no dead, and ends as the server is", () => {
  const plays = fc.property(
    fc.integer({ min: 0, max: 9 }),
    fc.array(happening, { maxLength: 80, size: "max" }),
    fc.array(fc.nat(9), { minLength: 1, maxLength: 8 }),
    (start, happenings, order) => {
      const model = new StoreModel(start > 0);
      for (const what of happenings) {
        model.happen(what);
        model.check();
      }
      model.finish(order);
      model.check();
      model.checkConverged();
    },
  );
  fc.assert(plays, { numRuns: 2_000 });
});
