/**
 * A runner's name is taken at GitHub when it is registered (409): a leftover in our own scale set is removed and the
 * registration made again; a runner of another scale set is left alone, and ours gives way to one of another name.
 */
import assert from "node:assert/strict";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { eventually } from "../support/eventually.ts";
import { story } from "../support/story.ts";

const OURS = 3;
const FOREIGN = 3;

story("names of runners are taken at GitHub", {
  seed: 111,
  sets: [{ name: "story", max: 30 }, { name: "other", max: 5 }],
}, async (it) => {
  const { cluster } = it;
  const { service } = cluster;
  // Looked up now: at the story's end one set goes before the other, whose calls still come through here.
  const [ours, others] = [it.setId(), it.setId("other")];
  const leftovers = new Map<string, number>();
  const foreign = new Map<string, number>();
  cluster.intercept = (request, answer) => {
    if (request.url.includes(`/${ours}/generatejitconfig`)) {
      const { name } = JSON.parse(request.body ?? "{}") as { name: string };
      const isNew = !leftovers.has(name) && !foreign.has(name);
      if (isNew && leftovers.size < OURS) leftovers.set(name, service.controls.registerRunner(ours, name));
      else if (isNew && foreign.size < FOREIGN) {
        foreign.set(name, service.controls.registerRunner(others, name));
      }
    }
    return answer(request);
  };
  it.burst(10);
  it.note("all had runners after", `${await it.flow(10)} s`);
  assert.equal(leftovers.size, OURS);
  assert.equal(foreign.size, FOREIGN);
  assert.equal(service.ledger.refused.get("generatejitconfig 409"), OURS + FOREIGN, "each name was refused once");
  const { jits } = service.ledger;
  for (const [name, id] of leftovers) {
    assert.equal(jits.get(id)?.removedBy, "client", `the leftover ${name} was removed`);
    const again = [...jits.values()].filter((jit) => jit.name === name && jit.agentId !== id);
    assert.equal(again.length, 1, `${name} was registered again, by the same runner object`);
  }
  for (const [name, id] of foreign) {
    assert.equal(jits.get(id)?.removedAt, undefined, `${name} of another scale set was left alone`);
    const again = [...jits.values()].filter((jit) => jit.name === name && jit.agentId !== id);
    assert.deepEqual(again, [], `${name} is no name of ours`);
  }
  await eventually("runners whose names were taken are gone", async () => {
    const there = await cluster.list(EPHEMERAL_RUNNERS);
    return there.every(({ metadata }) => !foreign.has(metadata.name));
  });
  const said = it.controller.log().split("\n").filter((line) => line.includes("NameTaken"));
  for (const name of foreign.keys()) assert.ok(said.some((line) => line.includes(name)), `the log says it of ${name}`);
  for (const name of foreign.keys()) service.controls.forgetRunner(name);
});
