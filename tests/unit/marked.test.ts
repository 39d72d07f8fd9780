/** The search for secrets finds what it is to find: else all tests that use it could not fail. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import * as fc from "fast-check";
import { Marked } from "../support/marked.ts";
import { table } from "../support/table.ts";

const SECRET = 'p@ss "word"/ghp_MARKED0123';
const base64 = (text: string) => Buffer.from(text).toString("base64");

table<string>("a secret is found", {
  "as it is": SECRET,
  "in JSON": JSON.stringify({ a: SECRET }),
  "in a URL": `http://user:${encodeURIComponent(SECRET)}@proxy`,
  "in base64": base64(SECRET),
  "in the base64 of a longer text": base64(`{"token":"${SECRET}"}`),
  "in base64url": Buffer.from(`user:${SECRET}`).toString("base64url"),
  "in base64 in a URL": encodeURIComponent(base64(`x${SECRET}`)),
}, (text) => {
  const marked = new Marked();
  marked.add("the password", SECRET);
  const found = marked.in(`before ${text} after`);
  assert.equal(found.length, 1, found.join());
  assert.match(found[0]!, /^the password after /);
  assert.ok(!found[0]!.includes("MARKED"));
});

test("a line of a key is found, and nothing where there is nothing", () => {
  const marked = new Marked();
  marked.add("the key", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nAoIBAQC7VJTUt9Us\n-----END PRIVATE KEY-----");
  assert.equal(marked.in("x AoIBAQC7VJTUt9Us y").length, 1);
  assert.deepEqual(marked.in("-----BEGIN PRIVATE KEY----- is no secret"), []);
});

test("wherever it stands in whatever is encoded, it is found", () => {
  fc.assert(fc.property(fc.string({ maxLength: 30 }), fc.string({ maxLength: 30 }), (before, after) => {
    const marked = new Marked();
    marked.add("secret", "MARKED-0123456789-secret");
    for (const text of [before + "MARKED-0123456789-secret" + after]) {
      assert.equal(marked.in(text).length, 1);
      assert.ok(marked.in(base64(text)).length >= 1, base64(text));
    }
  }));
});
