import assert from "node:assert/strict";
import { test } from "node:test";
import { Secrets } from "../../../src/lib/secrets.ts";

test("a secret is hidden wherever it stands, in every form that it may take", () => {
  const secrets = new Secrets();
  secrets.add(" p@ss/word 1\n");
  assert.equal(secrets.hide("x p@ss/word 1 y p%40ss%2Fword%201"), "x *** y ***");
});

test("a longer secret that begins with another one is hidden whole", () => {
  const secrets = new Secrets();
  secrets.add("ghp_12345");
  secrets.add("ghp_12345678");
  assert.equal(secrets.hide("ghp_12345678 ghp_12345"), "*** ***");
});

test("each line of a key is a secret, its borders are none", () => {
  const secrets = new Secrets();
  secrets.add("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\nAoIBAQC7VJTU\n-----END PRIVATE KEY-----\n");
  assert.equal(secrets.hide("AoIBAQC7VJTU -----BEGIN PRIVATE KEY-----"), "*** -----BEGIN PRIVATE KEY-----");
});

test("short and empty values hide nothing; a removed one is shown", () => {
  const secrets = new Secrets();
  secrets.add("");
  secrets.add(undefined);
  secrets.add("42");
  secrets.add("rotated-away");
  secrets.remove("rotated-away");
  assert.equal(secrets.hide("42 rotated-away"), "42 rotated-away");
});
