import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ConfigUrl, ConfigUrlError, parseConfigUrl } from "../../../src/lib/config_url.ts";
import { table } from "../../support/table.ts";

const org = { scheme: "https", scope: "organization", organization: "acme" } as const;
const cloud = { ...org, host: "github.com", hosted: true, apiBase: "https://api.github.com" } as const;
const server = { ...org, host: "ghe.example.com", hosted: false, apiBase: "https://ghe.example.com/api/v3" } as const;

table<[text: string, url: ConfigUrl, options?: { forceServer: boolean }]>("config URL", {
  "an organization": ["https://github.com/acme", { ...cloud, href: "https://github.com/acme" }],
  "a repository": [
    "https://github.com/acme/api",
    { ...cloud, scope: "repository", repository: "api", href: "https://github.com/acme/api" },
  ],
  "a repository with dots, dashes and underscores in its name": [
    "https://github.com/acme/.github-x_y",
    { ...cloud, scope: "repository", repository: ".github-x_y", href: "https://github.com/acme/.github-x_y" },
  ],
  "an enterprise": [
    "https://github.com/enterprises/big-co",
    {
      ...{ scheme: "https", host: "github.com", hosted: true, apiBase: "https://api.github.com" },
      ...{ scope: "enterprise", enterprise: "big-co", href: "https://github.com/enterprises/big-co" },
    },
  ],
  "enterprises in any case": [
    "https://github.com/Enterprises/Big",
    {
      ...{ scheme: "https", host: "github.com", hosted: true, apiBase: "https://api.github.com" },
      ...{ scope: "enterprise", enterprise: "Big", href: "https://github.com/Enterprises/Big" },
    },
  ],
  "trailing slashes and blanks around are dropped": [
    "  https://github.com/acme//\n",
    { ...cloud, href: "https://github.com/acme" },
  ],
  "the default port is no port": ["https://github.com:443/acme", { ...cloud, href: "https://github.com/acme" }],
  "www.github.com has the API of github.com": [
    "https://www.github.com/acme",
    { ...cloud, host: "www.github.com", href: "https://www.github.com/acme" },
  ],
  "github.localhost is hosted": [
    "https://github.localhost/acme",
    {
      ...cloud,
      ...{ host: "github.localhost", href: "https://github.localhost/acme", apiBase: "https://api.github.localhost" },
    },
  ],
  "a tenant of ghe.com, whatever its case": [
    "HTTPS://Octo.GHE.com/acme",
    { ...cloud, host: "octo.ghe.com", href: "https://octo.ghe.com/acme", apiBase: "https://api.octo.ghe.com" },
  ],
  "the API of GitHub's cloud is never asked in plain text": [
    "http://github.com/acme",
    { ...cloud, scheme: "http", href: "http://github.com/acme" },
  ],
  "a server": ["https://ghe.example.com/acme", { ...server, href: "https://ghe.example.com/acme" }],
  "a server on a port of its own, over http": [
    "http://ghe.example.com:8080/acme/",
    {
      ...server,
      ...{ scheme: "http", host: "ghe.example.com:8080", href: "http://ghe.example.com:8080/acme" },
      apiBase: "http://ghe.example.com:8080/api/v3",
    },
  ],
  "a host that only looks like GitHub's is a server": [
    "https://notghe.com/acme",
    { ...server, host: "notghe.com", href: "https://notghe.com/acme", apiBase: "https://notghe.com/api/v3" },
  ],
  "forced, github.com is a server too": [
    "https://github.com/acme",
    { ...cloud, href: "https://github.com/acme", hosted: false, apiBase: "https://github.com/api/v3" },
    { forceServer: true },
  ],
}, ([text, url, options]) => assert.deepEqual(parseConfigUrl(text, options), url));

table<[text: string, says: RegExp]>("config URL refused", {
  "empty": [" ", /is empty: write https:\/\/github\.com\/ORGANIZATION/],
  "no scheme": ["github.com/acme", /"github\.com\/acme" does not begin with https:/],
  "another scheme": ["ssh://github.com/acme", /does not begin with https:/],
  "no host": ["https:///acme", /does not begin with https:\/\/HOST/],
  "a host that can't be": ["https://git hub.com/acme", /has a blank/],
  "a port that can't be": ["https://github.com:99999/acme", /no valid host or port/],
  "no name": ["https://ghe.example.com/", /names no organization.*https:\/\/ghe\.example\.com\/ORGANIZATION/],
  "no enterprise": ["https://github.com/enterprises/", /names no enterprise/],
  "too many parts": ["https://github.com/acme/api/settings", /has too many parts/],
  "a slash too many": ["https://github.com/acme//api", /has two slashes in a row/],
  "a way up": ["https://github.com/acme/../api", /has a \. or \.\./],
  "an escaped slash": ["https://github.com/acme%2Fapi", /has "acme\/api" for a name/],
  "an escaped way up": ["https://github.com/acme/%2e%2E/api", /has a \. or \.\./],
  "a broken escape": ["https://github.com/%zz", /broken percent escape/],
  "a query": ["https://github.com/acme?tab=repositories", /has a query/],
  "a fragment": ["https://github.com/acme#readme", /has a query or a fragment/],
}, ([text, says]) => assert.throws(() => parseConfigUrl(text), { name: "ConfigUrlError", message: says }));

table("config URL: an error shows no secret", {
  "a password": "https://user:hunter2@github.com/acme",
  "a password with a slash": "https://user:hun/hunter2@github.com/acme",
  "a password without a scheme": "user:hunter2@github.com/acme",
  "a token in the query": "https://github.com/acme?token=hunter2",
  "a token in the fragment": "github.com#hunter2",
}, (text) => {
  assert.throws(
    () => parseConfigUrl(text),
    (error) => error instanceof ConfigUrlError && !error.message.includes("hunter2"),
  );
});

test("config URL: an error is not longer than a line of a log", () => {
  assert.throws(
    () => parseConfigUrl(`x${"/y".repeat(10_000)}`),
    (error) => error instanceof ConfigUrlError && error.message.length < 500,
  );
});

test("config URL: any text is read or refused with a ConfigUrlError", () => {
  const pieces = fc.constantFrom(
    "https://",
    "http:",
    "github.com",
    "/",
    "//",
    "enterprises",
    "@",
    "%2f",
    "%",
    "?",
    "[",
    ":",
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.oneof(pieces, fc.string())).map((it) => it.join("")),
  );
  fc.assert(fc.property(text, fc.boolean(), (input, forceServer) => {
    try {
      parseConfigUrl(input, { forceServer });
    } catch (error) {
      assert.ok(error instanceof ConfigUrlError, String(error));
    }
  }));
});

test("config URL: what is read reads the same again from its href", () => {
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,20}$/);
  const host = fc.constantFrom(
    "github.com",
    "GitHub.com:443",
    "octo.ghe.com",
    "ghe.example.com:8443",
    "10.0.0.1",
    "[::1]",
  );
  const path = fc.array(name, { minLength: 1, maxLength: 2 }).filter(([first]) =>
    first?.toLowerCase() !== "enterprises"
  );
  fc.assert(fc.property(host, path, fc.constantFrom("", "/"), (at, names, end) => {
    const url = parseConfigUrl(`https://${at}/${names.join("/")}${end}`);
    assert.deepEqual([url.organization, url.repository].filter((it) => it !== undefined), names);
    assert.deepEqual(parseConfigUrl(url.href), url);
  }));
});
