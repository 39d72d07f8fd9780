/** Secrets in mounted files, and what any secret of a vault must look like. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FileError } from "../../../src/lib/runtime.ts";
import { fileVault, filled } from "../../../src/vault/file.ts";
import { valuesOf } from "../../../src/vault/values.ts";
import { VaultError, type VaultProblem } from "../../../src/vault/vault.ts";
import { table } from "../../support/table.ts";

const PATH = "/etc/arc/secrets/{namespace}/{name}";

function vault(files: Record<string, string>) {
  return fileVault({ type: "file", path: filled(PATH, { namespace: "team-a" }) }, async (path) => {
    const text = files[path];
    if (text === "denied") throw new FileError(path, Object.assign(new Error(), { code: "EACCES" }));
    if (text === undefined) throw new FileError(path, Object.assign(new Error(), { code: "ENOENT" }));
    return text;
  });
}

test("a secret is the file of its namespace and name, as it is now", async () => {
  const files = { "/etc/arc/secrets/team-a/gh": "one" };
  const secrets = vault(files);
  assert.equal(await secrets.secret("gh"), "one");
  files["/etc/arc/secrets/team-a/gh"] = "two";
  assert.equal(await secrets.secret("gh"), "two");
});

table<{ name: string; kind: VaultProblem; says: RegExp }>("no secret", {
  "no such file": { name: "absent", kind: "NotFound", says: /absent.*no file \/etc\/arc\/secrets\/team-a\/absent/ },
  "a file that may not be read": { name: "denied", kind: "Unreachable", says: /permission denied/ },
  "a name that leads out of the folder": { name: "../team-b/gh", kind: "Settings", says: /can't be the name/ },
  "a name that is the folder above": { name: "..", kind: "Settings", says: /can't be the name/ },
  "a name that is hidden": { name: ".x", kind: "Settings", says: /can't be the name/ },
  "no name": { name: "", kind: "Settings", says: /can't be the name/ },
  "a name with a zero": { name: "a\0b", kind: "Settings", says: /can't be the name/ },
}, async ({ name, kind, says }) => {
  const secrets = vault({ "/etc/arc/secrets/team-a/denied": "denied", "/etc/arc/secrets/team-b/gh": "theirs" });
  await assert.rejects(secrets.secret(name), (error) => {
    assert.ok(error instanceof VaultError);
    assert.match(error.message, says);
    assert.equal(error.kind, kind);
    return true;
  });
});

table<{ text: string; values: Record<string, string> }>("the keys of a secret", {
  "a token": { text: '{"github_token": " ghp_1\\n"}', values: { github_token: "ghp_1" } },
  "an installation id that is a number": {
    text: '{"github_app_id": 1, "github_app_installation_id": 12345}',
    values: { github_app_id: "1", github_app_installation_id: "12345" },
  },
  "nulls are absent": { text: '{"github_token": null, "github_app_id": "1"}', values: { github_app_id: "1" } },
  "a byte order mark": { text: '\uFEFF{"github_token": "x"}', values: { github_token: "x" } },
}, ({ text, values }) => assert.deepEqual(valuesOf(text, "secret gh"), values));

table<{ text: string }>("a text that is no secret is not shown", {
  "a token alone": { text: "ghp_secret" },
  "a text in JSON": { text: '"ghp_secret"' },
  "a list": { text: '["ghp_secret"]' },
  "keys within keys": { text: '{"github_token": {"value": "ghp_secret"}}' },
  "nothing": { text: "" },
}, ({ text }) => {
  assert.throws(() => valuesOf(text, "secret gh"), (error) => {
    assert.ok(VaultError.is(error, "Invalid"));
    assert.match(error.message, /^secret gh /);
    assert.doesNotMatch(error.message, /ghp_secret/);
    return true;
  });
});
