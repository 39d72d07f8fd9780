/** Credentials that GitHub refuses: read again, tried again, and told of when there are no others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assigned, stats } from "./events.ts";
import { refuse, World } from "./world.ts";

test("401: the credentials are asked for again and the session that lives is ended before another is opened", async () => {
  const world = new World();
  let refused = 0;
  world.start({
    onRefused: async () => {
      refused++;
    },
  });
  await world.pass(10);
  world.github.fail("poll", refuse("Unauthorized"));
  world.github.says([assigned(1)], stats(1));
  await world.pass(5000);
  world.github.says([assigned(2)], stats(2));
  await world.pass(5000);
  assert.equal(refused, 1);
  assert.equal(world.github.session, "s-2");
  assert.equal(world.told, "2/0 #2");
});

test("credentials are refused, and there are others when they are read again: those are tried, and nobody is alarmed", async () => {
  const world = new World();
  world.start({
    onRefused: async () => {
      await world.clock.sleep(300);
      world.changeCredentials();
    },
  });
  await world.pass(10);
  world.github.fail("poll", refuse("Unauthorized"));
  world.github.says([assigned(1)], stats(1));
  const kinds: (string | undefined)[] = [];
  for (let step = 0; step < 6; step++) {
    await world.pass(100);
    kinds.push(world.health.problem?.kind);
  }
  assert.deepEqual([...new Set(kinds)], [undefined]);
  assert.equal(world.told, "1/0 #1");
  world.github.fail("poll", refuse("Unauthorized"));
  world.github.fail("open", refuse("Unauthorized"));
  world.github.says([assigned(2)], stats(2));
  await world.pass(700);
  assert.equal(world.health.problem?.kind, "Unauthorized", "the new ones are refused as well");
});

test("credentials are refused and nobody can read them again: that is said after a few seconds", async () => {
  const world = new World();
  world.start({ onRefused: () => new Promise(() => {}) });
  await world.pass(10);
  world.github.fail("poll", ...Array.from({ length: 3 }, () => refuse("Unauthorized")));
  world.github.says([assigned(1)], stats(1));
  const said: (string | undefined)[] = [];
  for (const ms of [4_900, 200]) {
    await world.pass(ms);
    said.push(world.health.problem?.kind);
  }
  assert.deepEqual(said, [undefined, "Unauthorized"]);
});

test("credentials are refused for long: another config is tried at once, and does not hurry what is not about them", async () => {
  const world = new World();
  world.start();
  await world.pass(10);
  const opens = () => world.github.calls.filter((call) => call === "open").length;
  for (const [kind, more] of [["Unauthorized", 1], ["Unavailable", 0]] as const) {
    world.github.fail("open", ...Array.from({ length: 8 }, () => refuse(kind)));
    world.github.fail("poll", refuse("SessionNotFound"));
    world.github.says([assigned(1)], stats(1));
    await world.pass(60_000);
    const before = opens();
    world.change({ minRunners: 1, maxRunners: 5 });
    await world.pass(100);
    assert.equal(opens() - before, 0, `${kind}: other limits`);
    world.changeCredentials();
    await world.pass(100);
    assert.equal(opens() - before, more, `${kind}: other credentials`);
    await world.pass(300_000);
  }
});

test("credentials are refused and each reading gives another client: it is tried with waits all the same", async () => {
  const world = new World();
  world.start({
    onRefused: async () => {
      await world.clock.sleep(5);
      world.changeCredentials();
    },
  });
  world.github.fail("open", ...Array.from({ length: 5_000 }, () => refuse("Unauthorized")));
  await world.pass(10_000);
  const opened = world.github.calls.filter((call) => call === "open").length;
  assert.ok(opened < 20, `${opened} tries within 10 s`);
});

test("a stop while credentials are being read again: it ends at once, and nobody is told of trouble", async () => {
  const world = new World();
  const process = world.start({ onRefused: () => new Promise(() => {}) });
  world.github.fail("open", refuse("Unauthorized"));
  await world.pass(1_000);
  process.stop();
  await world.pass(1);
  assert.equal(process.ended.is, true);
  assert.equal(world.health.problem?.kind, undefined);
});
