import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject, Stored } from "../../../src/k8s/resource.ts";
import { type Change, Store } from "../../../src/k8s/store.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";

interface Thing extends KubeObject {
  colour?: string;
  big?: string;
}

function thing(
  name: string,
  version: number,
  more: { uid?: string; colour?: string; big?: string } = {},
): Stored<Thing> {
  const { uid = `uid-${name}`, ...rest } = more;
  return { ...rest, metadata: { namespace: "n", name, uid, resourceVersion: String(version) } };
}

function setup(items: Stored<Thing>[] = [], version = 100) {
  const clock = new VirtualClock();
  const store = new Store<Thing>({ clock, indexes: { colour: (object) => object.colour } });
  store.reset(items, String(version));
  const changes: string[] = [];
  const brief = (object: Stored<Thing> | undefined) => object ? object.metadata.resourceVersion : "-";
  store.subscribe(({ before, after }: Change<Thing>) => {
    changes.push(`${(after ?? before)?.metadata.name} ${brief(before)}>${brief(after)}`);
  });
  const shown = () =>
    [...store.all()].map(({ metadata: { name, resourceVersion } }) => `${name}@${resourceVersion}`).sort();
  return { clock, store, changes, shown };
}

test("a store is synced after its first list, empty or not", () => {
  const store = new Store<Thing>({ clock: new VirtualClock() });
  store.wrote(thing("a", 101));
  assert.deepEqual([store.synced, store.size], [false, 1]);
  store.reset([], "100");
  assert.deepEqual([store.synced, store.size], [true, 1]);
});

test("a list swaps everything at once, before anybody hears of it", () => {
  const { store, changes, shown } = setup([thing("a", 90), thing("b", 91), thing("c", 92)]);
  const sizes: number[] = [];
  store.subscribe(() => sizes.push(store.size));
  store.reset([thing("b", 91), thing("c", 110), thing("d", 120), thing("e", 121)], "130");
  assert.deepEqual(shown(), ["b@91", "c@110", "d@120", "e@121"]);
  assert.deepEqual(changes, ["a 90>-", "c 92>110", "d ->120", "e ->121"]);
  assert.deepEqual(sizes, [4, 4, 4, 4]);
});

test("our own write is there at once, and its event is no second change", () => {
  const { store, changes } = setup();
  store.wrote(thing("a", 101));
  store.apply(thing("a", 101));
  assert.equal(store.get("n", "a")?.metadata.resourceVersion, "101");
  assert.equal(store.versionOf({ namespace: "n", name: "a" }), "101");
  assert.deepEqual(changes, ["a ->101"]);
});

test("a list that was taken before our create does not take the object away", () => {
  const { store, shown } = setup();
  store.wrote(thing("a", 105));
  store.reset([], "104");
  store.apply(thing("b", 104));
  assert.deepEqual(shown(), ["a@105", "b@104"]);
});

for (
  const [what, passes] of Object.entries({
    "an event": (store: Store<Thing>) => store.apply(thing("b", 106)),
    "a deletion": (store: Store<Thing>) => store.delete(thing("b", 106)),
    "a bookmark": (store: Store<Thing>) => store.progress("105"),
    "a list": (store: Store<Thing>) => store.reset([], "105"),
  })
) {
  test(`own writes: ${what} at or beyond its version drops one that the watch does not tell of`, () => {
    const { store } = setup();
    store.wrote(thing("a", 105));
    passes(store);
    assert.equal(store.get("n", "a"), undefined);
  });
}

test("of two own writes the newer stays, whichever answer comes first", () => {
  const { store } = setup([thing("a", 90)]);
  store.wrote(thing("a", 103, { colour: "new" }));
  store.wrote(thing("a", 102, { colour: "old" }));
  store.apply(thing("a", 102, { colour: "old" }));
  assert.equal(store.get("n", "a")?.colour, "new");
});

test("an answer that the watch has passed adds nothing", () => {
  const { store } = setup([], 200);
  store.wrote(thing("a", 150));
  assert.equal(store.size, 0);
});

test("after our delete neither a lagging watch nor a late answer brings the object back, even 14 minutes later", async () => {
  const { store, clock } = setup([thing("a", 90)]);
  store.deleted("uid-a");
  await clock.advance(14 * 60_000);
  store.apply(thing("a", 101));
  store.wrote(thing("a", 102));
  store.reset([thing("a", 101)], "103");
  assert.equal(store.get("n", "a"), undefined);
});

test("a delete that leaves the object for its finalizers shows it as it is left", () => {
  const { store } = setup([thing("a", 90)]);
  const left = thing("a", 101);
  left.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
  left.metadata.finalizers = ["x/y"];
  store.deleted("uid-a", left);
  assert.equal(store.get("n", "a")?.metadata.deletionTimestamp, "2026-01-01T00:00:00Z");
});

test("the answer to the removal of a dying object's last finalizer, with its old version, is its end", () => {
  const { store, changes } = setup([thing("a", 90)]);
  const released = thing("a", 90);
  released.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
  store.wrote(released);
  assert.deepEqual(changes, ["a 90>-"]);
});

test("a new object of an old one's name wins, and the old one's late answers find nothing to do", () => {
  const { store } = setup([thing("a", 90, { uid: "old" })]);
  store.wrote(thing("a", 110, { uid: "new" }));
  store.wrote(thing("a", 105, { uid: "old" }));
  store.apply(thing("a", 104, { uid: "old" }));
  store.delete(thing("a", 106, { uid: "old" }));
  assert.equal(store.get("n", "a")?.metadata.uid, "new");
  store.deleted("new");
  store.wrote(thing("a", 109, { uid: "old" }));
  assert.equal(store.get("n", "a"), undefined);
});

test("an object that leaves the selection and comes back is seen again", () => {
  const { store, shown } = setup([thing("a", 90)]);
  store.delete(thing("a", 101));
  store.apply(thing("a", 102));
  assert.deepEqual(shown(), ["a@102"]);
});

test("a list of a server that was restored from a backup is believed, though everything in it is older", () => {
  const { store, shown } = setup([thing("a", 900), thing("b", 901)], 1_000);
  store.wrote(thing("c", 1_001));
  store.reset([thing("a", 50)], "60");
  assert.deepEqual(shown(), ["a@50"]);
  store.apply(thing("a", 61));
  assert.deepEqual(shown(), ["a@61"]);
});

test("indexes follow every change, and only declared ones can be asked", () => {
  const { store } = setup([thing("a", 90, { colour: "red" }), thing("b", 91, { colour: "red" }), thing("c", 92)]);
  assert.deepEqual([store.count("colour", "red"), store.by("colour", "red").length], [2, 2]);
  store.apply(thing("a", 101, { colour: "blue" }));
  store.delete(thing("b", 102));
  assert.deepEqual([store.count("colour", "red"), store.count("colour", "blue")], [0, 1]);
  assert.throws(() => store.count("size", "1"), RangeError);
});

test("what a projection leaves out is not kept; managedFields never are", () => {
  const clock = new VirtualClock();
  const project = ({ metadata }: Stored<Thing>): Stored<Thing> => ({ metadata });
  const small = new Store<Thing>({ clock, project });
  small.wrote(thing("a", 101, { big: "x" }));
  assert.equal(small.get("n", "a")?.big, undefined);
  const plain = new Store<Thing>({ clock });
  const full = thing("a", 101, { big: "x" });
  Object.assign(full.metadata, { managedFields: [{}] });
  plain.wrote(full);
  assert.deepEqual(plain.get("n", "a"), thing("a", 101, { big: "x" }));
});

test("who has unsubscribed hears nothing more", () => {
  const { store } = setup();
  let heard = 0;
  const end = store.subscribe(() => heard++);
  store.apply(thing("a", 101));
  end();
  store.apply(thing("a", 102));
  assert.equal(heard, 1);
});

test("what is remembered of the dead goes away with time", async () => {
  const { store, clock } = setup();
  for (let i = 0; i < 1_000; i++) {
    store.wrote(thing(`a${i}`, 101 + 2 * i));
    store.deleted(`uid-a${i}`);
    store.delete(thing(`a${i}`, 102 + 2 * i));
    await clock.advance(1_000);
  }
  assert.ok(store.remembered < 100, `${store.remembered} are remembered`);
});
