import assert from "node:assert/strict";
import { createVerify, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { appToken, CredentialsError, expiryOf, privateKeyOf } from "../../../src/github/auth.ts";
import { ServiceError } from "../../../src/github/errors.ts";
import { parseConfigUrl } from "../../../src/lib/config_url.ts";
import { TransportError } from "../../../src/lib/http.ts";
import { table } from "../../support/table.ts";
import { json, jwt, Wire } from "./wire.ts";

const SCALE_SET = { id: 7, name: "linux", runnerGroupId: 1, runnerGroupName: "Default", labels: [] };
const KEYS = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
});

table("the way in", {
  "a repository": { url: "https://github.com/acme/api", path: "/repos/acme/api", href: "https://github.com/acme/api" },
  "an organization": { url: "https://github.com/acme/", path: "/orgs/acme", href: "https://github.com/acme" },
  "an enterprise": {
    url: "https://github.com/enterprises/acme",
    path: "/enterprises/acme",
    href: "https://github.com/enterprises/acme",
  },
}, async ({ url, path, href }) => {
  const wire = new Wire().script(json(200, SCALE_SET));
  await wire.result(wire.connect({ configUrl: parseConfigUrl(url) }).getScaleSet(7));
  assert.deepEqual(wire.wayIn, [
    `POST ${path}/actions/runners/registration-token`,
    "POST /actions/runner-registration",
  ]);
  const [first, second, third] = wire.requests;
  assert.equal(first?.headers["authorization"], "Bearer ghp_secret");
  assert.equal(second?.headers["authorization"], "RemoteAuth REG");
  assert.deepEqual(JSON.parse(second?.body ?? ""), { url: href, runner_event: "register" });
  assert.match(third?.headers["authorization"] ?? "", /^Bearer eyJ/);
});

test("a server's REST API lies below /api/v3, with its port", async () => {
  const wire = new Wire().script(json(200, { url: "https://ghe.example.com:8443/_services/x", token: jwt(2e12) }));
  wire.way.set("/registration-token", [json(201, { token: "REG" })]);
  wire.way.set("/runner-registration", [
    json(200, { url: "https://ghe.example.com:8443/_services", token: jwt(2e12) }),
  ]);
  wire.script(json(200, SCALE_SET));
  await wire.result(wire.connect({ configUrl: parseConfigUrl("https://ghe.example.com:8443/acme") }).getScaleSet(7));
  assert.deepEqual(wire.requests.map(({ url }) => url), [
    "https://ghe.example.com:8443/api/v3/orgs/acme/actions/runners/registration-token",
    "https://ghe.example.com:8443/api/v3/actions/runner-registration",
    "https://ghe.example.com:8443/_services/_apis/runtime/runnerscalesets/7?api-version=6.0-preview",
  ]);
});

test("a GitHub App shows a JWT that its key has signed, and gets in by the installation's token", async () => {
  const wire = new Wire().script(json(200, SCALE_SET));
  const credentials = { kind: "app", appId: " Iv1.abc\n", installationId: 42, privateKey: KEYS.privateKey } as const;
  await wire.result(wire.connect({ credentials }).getScaleSet(7));
  assert.equal(wire.wayIn[0], "POST /app/installations/42/access_tokens");
  assert.equal(wire.requests[1]?.headers["authorization"], "Bearer ghs_installation");
  const [head, claims, signature] = wire.requests[0]!.headers["authorization"]!.slice("Bearer ".length).split(".");
  const now = wire.clock.now() / 1000;
  const read = (part = "") => JSON.parse(Buffer.from(part, "base64url").toString());
  assert.deepEqual(read(head), { alg: "RS256", typ: "JWT" });
  assert.deepEqual(read(claims), { iat: now - 60, exp: now - 60 + 540, iss: "Iv1.abc" });
  const verified = createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(
    KEYS.publicKey,
    signature!,
    "base64url",
  );
  assert.equal(verified, true);
});

test("whoever asks at the same time shares one flight, and the calls do not wait for each other", async () => {
  const wire = new Wire().script(json(200, SCALE_SET));
  const service = wire.connect();
  await wire.result(Promise.all(Array.from({ length: 20 }, () => service.getScaleSet(7))));
  assert.equal(wire.wayIn.length, 2);
  assert.equal(wire.calls.length, 20);

  wire.script("silence", json(200, SCALE_SET));
  const hanging = service.getScaleSet(7).catch((error) => error);
  const before = wire.clock.now();
  await wire.result(service.getScaleSet(7));
  assert.equal(wire.clock.now(), before, "a call waited behind one that hangs");
  assert.ok(await wire.result(hanging) instanceof ServiceError);
});

test("who stops waiting does not end the flight of the others", async () => {
  const wire = new Wire().script(json(200, SCALE_SET));
  wire.way.set("/registration-token", [new TransportError("reset", "connection reset")]);
  const service = wire.connect();
  const stop = new AbortController();
  const reason = new Error("enough");
  const first = service.getScaleSet(7, { signal: stop.signal }).catch((error) => error);
  const second = service.getScaleSet(7);
  stop.abort(reason);
  assert.equal(await first, reason);
  assert.equal((await wire.result(second)).id, 7);
});

table("an admin token is used until 60 s before its end", {
  "61 s left": { afterMs: 3_539_000, flights: 1 },
  "59 s left": { afterMs: 3_541_000, flights: 2 },
}, async ({ afterMs, flights }) => {
  const wire = new Wire().script(json(200, SCALE_SET));
  const service = wire.connect();
  await wire.result(service.getScaleSet(7));
  await wire.clock.advance(afterMs);
  await wire.result(service.getScaleSet(7));
  assert.equal(wire.wayIn.length, 2 * flights);
});

test("a jump of the wall clock does not end a token", async () => {
  const wire = new Wire().script(json(200, SCALE_SET));
  const service = wire.connect();
  await wire.result(service.getScaleSet(7));
  wire.clock.jump(86_400_000);
  await wire.result(service.getScaleSet(7));
  assert.equal(wire.wayIn.length, 2);
});

test("a 401 before the token's end fetches another one, once, and repeats the call", async () => {
  const wire = new Wire().script(json(200, SCALE_SET));
  const service = wire.connect();
  await wire.result(service.getScaleSet(7));
  wire.script({ status: 401, text: "" }, json(200, SCALE_SET));
  assert.equal((await wire.result(service.getScaleSet(7))).id, 7);
  const tokens = wire.calls.map(({ headers }) => headers["authorization"]);
  assert.equal(tokens.length, 3);
  assert.equal(tokens[0], tokens[1]);
  assert.notEqual(tokens[1], tokens[2]);
});

test("a 401 that stays is an error after one refresh", async () => {
  const wire = new Wire().script({ status: 401, text: "no" });
  const error = await wire.failure(wire.connect().getScaleSet(7));
  assert.ok(ServiceError.is(error, "Unauthorized"));
  assert.equal(wire.calls.length, 2);
  assert.equal(wire.wayIn.length, 4);
});

table("a registration token takes a moment to be known", {
  "401 twice": { status: 401 },
  "403 twice": { status: 403 },
}, async ({ status }) => {
  const wire = new Wire().script(json(200, SCALE_SET));
  wire.way.set("/runner-registration", [json(status, { message: "no" }), json(status, { message: "no" })]);
  assert.equal((await wire.result(wire.connect().getScaleSet(7))).id, 7);
  assert.equal(wire.wayIn.filter((call) => call.endsWith("runner-registration")).length, 3);
  assert.ok(wire.clock.monotonic() >= 2000, "it waited between the tries");
});

test("refused credentials are not asked about again at once, by whomever", async () => {
  const wire = new Wire();
  wire.way.set("/registration-token", Array.from({ length: 50 }, () => json(401, { message: "Bad credentials" })));
  const service = wire.connect();
  for (let i = 0; i < 20; i++) {
    assert.ok(ServiceError.is(await wire.failure(service.getScaleSet(7)), "Unauthorized"));
  }
  assert.equal(wire.wayIn.length, 1);
  await wire.clock.advance(1000);
  await wire.failure(service.getScaleSet(7));
  assert.equal(wire.wayIn.length, 2);
});

table("a private key", {
  "alone": KEYS.privateKey,
  "with blanks around": `\n\n  ${KEYS.privateKey}\n `,
  "behind text and a certificate":
    `Bag Attributes\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${KEYS.privateKey}`,
  "on one line with \\n": KEYS.privateKey.trim().replaceAll("\n", "\\n"),
  "indented": KEYS.privateKey.replaceAll(/^/gm, "    "),
}, (text) => {
  const token = appToken(privateKeyOf(text), "1", 0);
  const [head, claims, signature] = token.split(".");
  assert.ok(createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(KEYS.publicKey, signature!, "base64url"));
});

table(
  "credentials that can't be used",
  {
    "an empty token": { kind: "pat", token: " \n" },
    "a token with a blank": { kind: "pat", token: "ghp_a b" },
    "no key block": { kind: "app", appId: "1", installationId: 2, privateKey: "TOPSECRET" },
    "a broken key": {
      kind: "app",
      appId: "1",
      installationId: 2,
      privateKey: "-----BEGIN RSA PRIVATE KEY-----\nTOPSECRET\n-----END RSA PRIVATE KEY-----",
    },
    "no app id": { kind: "app", appId: "", installationId: 2, privateKey: KEYS.privateKey },
  } as const,
  (credentials) => {
    assert.throws(() => new Wire().connect({ credentials }), (error) => {
      assert.ok(error instanceof CredentialsError);
      assert.ok(!error.message.includes("TOPSECRET") && !error.message.includes("ghp_"));
      return true;
    });
  },
);

table("the end of a token", {
  "a JWT": { token: jwt(1_700_000_000_000), end: 1_700_000_000_000 },
  "no exp": { token: `a.${Buffer.from("{}").toString("base64url")}.c`, end: undefined },
  "null claims": { token: `a.${Buffer.from("null").toString("base64url")}.c`, end: undefined },
  "no JWT": { token: "opaque", end: undefined },
}, ({ token, end }) => assert.equal(expiryOf(token), end));

test("a token that seems to have ended when it is issued is used all the same: our clock is wrong", async () => {
  const wire = new Wire().script(json(200, SCALE_SET));
  wire.lifeMs = -3_600_000;
  const service = wire.connect();
  for (let i = 0; i < 5; i++) await wire.result(service.getScaleSet(7));
  assert.equal(wire.wayIn.length, 2);
});
