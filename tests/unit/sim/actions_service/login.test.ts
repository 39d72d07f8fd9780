import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { enterpriseServer, GITHUB_COM, residencyHost } from "../../../../src/sim/actions_service/hosts.ts";
import { table } from "../../../support/table.ts";
import { Fixture } from "./client.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const PEM = publicKey.export({ type: "spki", format: "pem" }).toString();

table("a config URL leads to its own host's service", {
  "github.com, an organisation": {
    api: "https://api.github.com",
    owner: "orgs/acme",
    url: "https://github.com/acme",
    service: /^https:\/\/pipelines\.actions\.githubusercontent\.com\/[a-z0-9]+\/$/,
  },
  "an enterprise server, a repository": {
    api: "https://ghe.example.com/api/v3",
    owner: "repos/acme/api",
    url: "https://ghe.example.com/acme/api",
    service: /^https:\/\/ghe\.example\.com\/_services\/[a-z0-9]+\/$/,
  },
  "data residency, an enterprise": {
    api: "https://api.acme.ghe.com",
    owner: "enterprises/acme",
    url: "https://acme.ghe.com/enterprises/acme",
    service: /^https:\/\/pipelines\.acme\.ghe\.com\/[a-z0-9]+\/$/,
  },
}, async ({ api, owner, url, service }) => {
  const hosts = [GITHUB_COM, enterpriseServer("https://ghe.example.com"), residencyHost("acme.ghe.com")];
  const world = new Fixture({ hosts });
  assert.equal((await world.login(url, api, owner)).status, 200);
  assert.match(world.base, service);
  const group = await world.call("GET", "runtime/runnergroups/?groupName=Default");
  assert.deepEqual(group.json["value"], [{ id: 1, name: "Default", size: 0, isDefaultGroup: true }]);
});

test("a wrong token gets 401 at every step", async () => {
  const world = new Fixture();
  const api = "https://api.github.com";
  const registration = await world.send("POST", `${api}/orgs/acme/actions/runners/registration-token`, "Bearer wrong");
  assert.equal(registration.status, 401);
  const body = { url: "https://github.com/acme", runner_event: "register" };
  const admin = await world.send("POST", `${api}/actions/runner-registration`, "RemoteAuth wrong", body);
  assert.equal(admin.status, 401);
  await world.login();
  assert.equal((await world.call("GET", "runtime/runnerscalesets", undefined, { token: "wrong" })).status, 401);
});

test("a fresh registration token takes a moment to be known", async () => {
  const world = new Fixture({ behaviour: { registrationDelayMs: 2000 } });
  const api = "https://api.github.com";
  const { json } = await world.send(
    "POST",
    `${api}/orgs/acme/actions/runners/registration-token`,
    "Bearer ghp_simulated",
  );
  const register = () =>
    world.send("POST", `${api}/actions/runner-registration`, `RemoteAuth ${json["token"]}`, {
      url: "https://github.com/acme",
      runner_event: "register",
    });
  assert.equal((await register()).status, 401);
  await world.clock.advance(2000);
  assert.equal((await register()).status, 200);
});

test("an admin token says in exp when it ends, and may die before", async () => {
  const world = new Fixture({ behaviour: { adminTokenMs: 3_600_000, adminTokenDiesAfterMs: 1_000_000 } });
  await world.login();
  const claims = JSON.parse(Buffer.from(world.token.split(".")[1]!, "base64url").toString()) as { exp: number };
  assert.equal(claims.exp * 1000, world.clock.now() + 3_600_000);
  await world.clock.advance(999_999);
  assert.equal((await world.call("GET", "runtime/runnerscalesets")).status, 200);
  await world.clock.advance(1);
  assert.equal((await world.call("GET", "runtime/runnerscalesets")).status, 401);
});

const NOW = Date.UTC(2026, 0, 1) / 1000;

table(
  "a GitHub App's JWT",
  {
    "is good when it is signed with the app's key": { status: 201 },
    "may name the client id": { iss: "Iv1.abc", status: 201 },
    "is refused with another key": { key: other.privateKey, status: 401 },
    "is refused for another app": { iss: "8", status: 401 },
    "is refused when it has ended": { exp: NOW - 1, status: 401 },
    "is refused when it lasts longer than ten minutes": { exp: NOW + 601, status: 401 },
    "is refused when it comes from the future": { iat: NOW + 60, status: 401 },
    "is refused when it is signed otherwise": { alg: "HS256", status: 401 },
  },
  async (
    example: { key?: typeof privateKey; iss?: string; exp?: number; iat?: number; alg?: string; status: number },
  ) => {
    const apps = [{ ids: ["7", "Iv1.abc"], installationId: 42, publicKey: PEM }];
    const world = new Fixture({ credentials: { apps } });
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const { iss = "7", iat = NOW - 60, exp = NOW + 540, alg = "RS256", key = privateKey } = example;
    const content = `${part({ alg, typ: "JWT" })}.${part({ iss, iat, exp })}`;
    const token = `${content}.${sign("RSA-SHA256", Buffer.from(content), key).toString("base64url")}`;
    const url = "https://api.github.com/app/installations/42/access_tokens";
    const reply = await world.send("POST", url, `Bearer ${token}`);
    assert.equal(reply.status, example.status, reply.text);
    if (reply.status !== 201) return;
    const next = "https://api.github.com/orgs/acme/actions/runners/registration-token";
    assert.equal((await world.send("POST", next, `Bearer ${reply.json["token"]}`)).status, 201);
  },
);
