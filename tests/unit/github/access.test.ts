/** What GitHub says of credentials and registrations, by reads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { firstWord, listRunners } from "../../../src/github/access.ts";
import type { Connection } from "../../../src/github/client.ts";
import { ServiceError } from "../../../src/github/errors.ts";
import { parseConfigUrl } from "../../../src/lib/config_url.ts";
import type { HttpRequest, HttpResponse } from "../../../src/lib/http.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { jsonReply } from "../../../src/sim/http.ts";
import { table } from "../../support/table.ts";

/** A connection with a token to a server that answers so. */
function connection(url: string, answer: (request: HttpRequest) => HttpResponse): Connection {
  return {
    configUrl: parseConfigUrl(url),
    credentials: { kind: "pat", token: "ghp_x" },
    transport: (request) => Promise.resolve(answer(request)),
    clock: new VirtualClock(),
    random: seededRandom(1),
    log: silentLog,
    userAgent: { version: "1", commit: "c", subsystem: "gha-scale-set-controller" },
  };
}

const DATE = "Thu, 01 Jan 2026 00:00:07 GMT";

table(
  "the first word",
  {
    "a classic token": {
      reply: [200, { "x-oauth-scopes": "repo, admin:org" }],
      scopes: ["repo", "admin:org"],
      refused: undefined,
    },
    "a classic token without scopes": { reply: [200, { "x-oauth-scopes": "" }], scopes: [], refused: undefined },
    "a fine-grained token": { reply: [200, {}], scopes: undefined, refused: undefined },
    "a token that is refused": { reply: [401, {}], scopes: undefined, refused: "Unauthorized" },
    "a token that may not": { reply: [403, {}], scopes: undefined, refused: "Forbidden" },
    "a server without a root": { reply: [404, {}], scopes: undefined, refused: undefined },
    "a server that is down": { reply: [502, {}], scopes: undefined, refused: undefined },
  } as const,
  async ({ reply: [status, headers], scopes, refused }) => {
    let asked = "";
    const first = await firstWord(connection("https://github.com/acme", (request) => {
      asked = `${request.method} ${request.url} ${request.headers.authorization}`;
      return jsonReply(status, { message: "m" }, { headers: { ...headers, date: DATE } });
    }));
    assert.equal(asked, "GET https://api.github.com/ Bearer ghp_x");
    assert.equal(first.status, status);
    assert.equal(first.date, Date.UTC(2026, 0, 1, 0, 0, 7));
    assert.deepEqual(first.scopes, scopes);
    assert.equal(first.refused?.kind, refused);
  },
);

table("where runners are listed", {
  "an organization": { url: "https://github.com/acme", path: "https://api.github.com/orgs/acme/actions/runners" },
  "a repository": { url: "https://github.com/acme/api", path: "https://api.github.com/repos/acme/api/actions/runners" },
  "an enterprise": {
    url: "https://github.com/enterprises/big",
    path: "https://api.github.com/enterprises/big/actions/runners",
  },
  "an enterprise server": {
    url: "https://ghes.example/acme",
    path: "https://ghes.example/api/v3/orgs/acme/actions/runners",
  },
}, async ({ url, path }) => {
  const asked: string[] = [];
  await listRunners(
    connection(url, (request) => {
      asked.push(`${request.method} ${request.url}`);
      return jsonReply(200, { total_count: 0, runners: [] });
    }),
    1_000,
  );
  assert.deepEqual(asked, [`GET ${path}?per_page=100&page=1`]);
});

/** A server with so many runners. */
function withRunners(count: number) {
  const runners = Array.from(
    { length: count },
    (_, id) => ({ id, name: `r${id}`, status: id % 2 ? "online" : "offline", busy: id === 1 }),
  );
  return connection("https://github.com/acme", (request) => {
    const page = Number(new URL(request.url).searchParams.get("page"));
    return jsonReply(200, { total_count: count, runners: runners.slice((page - 1) * 100, page * 100) });
  });
}

test("all pages are read, up to a limit, and whether that was all is told", async () => {
  const all = await listRunners(withRunners(250), 1_000);
  assert.equal(all.runners.length, 250);
  assert.equal(all.complete, true);
  assert.deepEqual(all.runners.slice(0, 2), [
    { id: 0, name: "r0", online: false, busy: false },
    { id: 1, name: "r1", online: true, busy: true },
  ]);
  const some = await listRunners(withRunners(250), 200);
  assert.deepEqual([some.runners.length, some.complete], [200, false]);
});

test("a list that may not be read is an error", async () => {
  const refusing = connection("https://github.com/acme", () => jsonReply(403, { message: "Resource not accessible" }));
  await assert.rejects(listRunners(refusing, 100), (error) => ServiceError.is(error, "Forbidden"));
});
