import assert from "node:assert/strict";
import { test } from "node:test";
import { Secrets, withoutCredential, withoutTokens } from "../../../src/lib/secrets.ts";
import { crashText } from "../../../src/lib/runtime.ts";
import { table } from "../../support/table.ts";

test("a secret is hidden wherever it stands, in every form that it may take", () => {
  const secrets = new Secrets();
  secrets.add(" p@ss/word 1\n");
  assert.equal(secrets.hide("x p@ss/word 1 y p%40ss%2Fword%201 cEBzcy93b3JkIDE="), "x *** y *** ***=");
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
  assert.equal(secrets.hide("AoIBAQC7VJTU -----END PRIVATE KEY-----"), "*** -----END PRIVATE KEY-----");
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

test("a secret that two have added is hidden until both have removed it", () => {
  const secrets = new Secrets();
  secrets.add("shared-password");
  secrets.add("shared-password");
  secrets.remove("shared-password");
  assert.equal(secrets.hide("shared-password"), "***");
  secrets.remove("shared-password");
  assert.equal(secrets.hide("shared-password"), "shared-password");
});

const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NSJ9.c2lnbmF0dXJl_-x";
table<{ text: string; shown: string }>("what looks like a secret is hidden though nobody has told of it", {
  "a personal access token": { text: "bad token ghp_abcDEF0123456789", shown: "bad token ***" },
  "a fine-grained one": { text: "github_pat_11ABCDEFG0_xyzxyz!", shown: "***!" },
  "an installation token": { text: '{"token":"ghs_16C7e42F292c6912E7710c838347Ae178B4a"}', shown: '{"token":"***"}' },
  "a token in a URL's parameter": {
    text: "?to=%2Flogin%3Fkey%3Dghp_abcDEF0123456789",
    shown: "?to=%2Flogin%3Fkey%3D***",
  },
  "a JWT behind an escaped quote": { text: `%22${JWT}%22`, shown: "%22***%22" },
  "a JWT": { text: `token=${JWT} expired`, shown: "token=*** expired" },
  "a runner's configuration": { text: `jit "${btoa('{".runner":"eyJhZ2VudElkIjoxfQ=="}')}"`, shown: 'jit "***"' },
  "a quoted header": { text: "authorization: Bearer abcdef0123456789abcdef", shown: "authorization: Bearer ***" },
  "a proxy's header": {
    text: "proxy-authorization: Basic dXNlcjpwYXNzd29yZA==",
    shown: "proxy-authorization: Basic ***",
  },
  "a URL's password": { text: "via http://me:hunter2@proxy:3128/x", shown: "via http://***@proxy:3128/x" },
  "a private key": {
    text: "key -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- end",
    shown: "key *** end",
  },
  "a key in JSON that breaks off": {
    text: '{"key":"-----BEGIN PRIVATE KEY-----MIIE","a":1}',
    shown: '{"key":"***","a":1}',
  },
  "an ordinary line": {
    text: "Basic authentication is no Bearer of eyJ at https://github.com/acme:8080/x@y",
    shown: "Basic authentication is no Bearer of eyJ at https://github.com/acme:8080/x@y",
  },
}, ({ text, shown }) => assert.equal(withoutTokens(text), shown));

test("an answer that quotes the credential that it was sent", () => {
  assert.equal(
    withoutCredential("you sent: RemoteAuth AREG0123 x", "RemoteAuth AREG0123"),
    "you sent: RemoteAuth *** x",
  );
  assert.equal(withoutCredential("nothing", undefined), "nothing");
});

test("a crash tells where and why, and no secret", () => {
  const secrets = new Secrets();
  secrets.add("hunter2-of-the-proxy");
  const cause = new Error(`refused: ${JWT}`);
  const text = crashText(new Error("no way with hunter2-of-the-proxy and ghp_abcDEF0123456789", { cause }), secrets);
  assert.match(text, /^arc has crashed, [^]*Error: no way with \*\*\* and \*\*\*\n +at [^]*cause: refused: \*\*\*\n$/);
  assert.match(crashText("just a text", secrets), /just a text\n$/);
});
