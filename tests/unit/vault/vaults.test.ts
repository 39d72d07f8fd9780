/** How long a vault's word is believed, and what holds while it says nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logOf } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { VaultError, type VaultSettings } from "../../../src/vault/vault.ts";
import { Vaults } from "../../../src/vault/vaults.ts";

const AZURE: VaultSettings = {
  type: "azure_key_vault",
  url: "https://a",
  tenantId: "t",
  clientId: "c",
  certificatePath: "/c",
};
const FILE: VaultSettings = { type: "file", path: "/{name}" };
const MINUTE = 60_000;

function world() {
  const clock = new VirtualClock();
  const values: Record<string, string | VaultError> = { gh: "one" };
  const asked: string[] = [];
  const opened: VaultSettings[] = [];
  const lines: string[] = [];
  const vaults = new Vaults({
    transports: () => () => Promise.reject(new Error("nothing is asked over the network")),
    clock,
    random: seededRandom(1),
    readText: () => Promise.reject(new Error("no file is read")),
    readBytes: () => Promise.reject(new Error("no file is read")),
    log: logOf((level, message) => lines.push(`${level} ${message}`)),
    open: (settings) => {
      opened.push(settings);
      return {
        secret: async (name) => {
          asked.push(name);
          const value = values[name] ?? new VaultError("NotFound", `no ${name}`);
          if (value instanceof VaultError) throw value;
          return value;
        },
      };
    },
  });
  return { clock, values, asked, opened, lines, vaults };
}

const DOWN = new VaultError("Unreachable", "no answer");

test("a secret is asked for once in ten minutes, by however many", async () => {
  const { clock, asked, opened, vaults } = world();
  const values = await Promise.all(Array.from({ length: 50 }, () => vaults.secret({ ...AZURE }, "gh")));
  assert.deepEqual(new Set(values), new Set(["one"]));
  await clock.advance(9 * MINUTE);
  await vaults.secret(AZURE, "gh");
  assert.deepEqual([asked.length, opened.length], [1, 1]);
  await clock.advance(2 * MINUTE);
  await vaults.secret(AZURE, "gh");
  assert.deepEqual([asked.length, opened.length], [2, 1]);
});

test("another vault with a secret of that name is another secret", async () => {
  const { opened, asked, vaults } = world();
  await vaults.secret(AZURE, "gh");
  await vaults.secret({ ...AZURE, url: "https://b" }, "gh");
  await vaults.secret({ ...AZURE, proxy: { https: "http://p" } }, "gh");
  assert.deepEqual([opened.length, asked.length], [3, 3]);
});

test("a secret that is forgotten is asked for again, and no other", async () => {
  const { values, asked, vaults } = world();
  values.other = "x";
  await vaults.secret(AZURE, "gh");
  await vaults.secret(AZURE, "other");
  values.gh = "two";
  vaults.forget(["gh"]);
  assert.equal(await vaults.secret(AZURE, "gh"), "two");
  await vaults.secret(AZURE, "other");
  assert.deepEqual(asked, ["gh", "other", "gh"]);
});

test("a file is looked at again after five seconds", async () => {
  const { clock, values, vaults } = world();
  await vaults.secret(FILE, "gh");
  values.gh = "two";
  await clock.advance(5000);
  assert.equal(await vaults.secret(FILE, "gh"), "two");
});

test("while a vault can't be reached what it said before holds, with one line for each such time", async () => {
  const { clock, values, lines, vaults } = world();
  await vaults.secret(AZURE, "gh");
  values.gh = DOWN;
  await clock.advance(11 * MINUTE);
  for (let i = 0; i < 5; i++) {
    vaults.forget(["gh"]);
    assert.equal(await vaults.secret(AZURE, "gh"), "one");
    await clock.advance(6000);
  }
  assert.deepEqual(lines, ["warn a vault can't be reached: what it said before holds"]);
  values.gh = "two";
  assert.equal(await vaults.secret(AZURE, "gh"), "two");
  values.gh = DOWN;
  await clock.advance(11 * MINUTE);
  assert.equal(await vaults.secret(AZURE, "gh"), "two");
  assert.equal(lines.length, 2);
});

test("a vault that refuses is believed at once: what it said before does not hold", async () => {
  const { values, vaults } = world();
  await vaults.secret(AZURE, "gh");
  values.gh = new VaultError("Refused", "no right");
  vaults.forget(["gh"]);
  await assert.rejects(vaults.secret(AZURE, "gh"), (error) => VaultError.is(error, "Refused"));
});

test("a failure is believed for five seconds, whatever is forgotten: many who retry are one request", async () => {
  const { clock, values, asked, vaults } = world();
  values.gh = DOWN;
  for (let i = 0; i < 20; i++) {
    await assert.rejects(vaults.secret(AZURE, "gh"), VaultError);
    vaults.forget(["gh"]);
  }
  assert.equal(asked.length, 1);
  await clock.advance(5000);
  values.gh = "two";
  assert.equal(await vaults.secret(AZURE, "gh"), "two");
});

test("what is remembered does not grow for ever", async () => {
  const { values, asked, vaults } = world();
  for (let i = 0; i <= 1000; i++) {
    values[`s${i}`] = "x";
    await vaults.secret(AZURE, `s${i}`);
  }
  await vaults.secret(AZURE, "s1000");
  assert.equal(asked.length, 1001);
  await vaults.secret(AZURE, "s0");
  assert.equal(asked.length, 1002);
});
