import assert from "node:assert/strict";
import { test } from "node:test";
import { readText } from "../../../src/lib/http.ts";
import { nodeTransports } from "../../../src/lib/http_node.ts";
import { createApp } from "../../../src/server/app.ts";
import { listen, parseListenAddress } from "../../../src/server/listen.ts";
import { table } from "../../support/table.ts";

table<readonly [text: string, address: object | undefined]>("an address", {
  "port alone": [":8080", { port: 8080 }],
  "all interfaces": ["0.0.0.0:8080", { host: "0.0.0.0", port: 8080 }],
  "a name": ["localhost:80", { host: "localhost", port: 80 }],
  "IPv6": ["[::1]:8080", { host: "::1", port: 8080 }],
  "any port": [":0", { port: 0 }],
  "zero is off": ["0", undefined],
  "empty is off": ["", undefined],
}, ([text, address]) => assert.deepEqual(parseListenAddress(text), address));

for (const text of ["8080", ":", ":x", ":70000", "::1:80", "http://a:1", "a:b:1"]) {
  test(`${text} is no address`, () => assert.throws(() => parseListenAddress(text), /is no address to listen at/));
}

async function get(url: string): Promise<string> {
  const signal = new AbortController().signal;
  const { status, body } = await nodeTransports({})({ method: "GET", url, headers: {}, signal });
  return `${status} ${await readText(body)}`;
}

test("an app answers on its port until it is closed, and the port is free again", async () => {
  const app = createApp({ health: { ready: [] } });
  const server = await listen(app, { host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${server.port}/readyz`;
  assert.equal(await get(url), '200 {"status":"ok","checks":{}}');
  await server.close();
  await assert.rejects(get(url), /refused the connection/);
  const again = await listen(app, { host: "127.0.0.1", port: server.port });
  await again.close();
});

test("closing does not wait for a request that never ends", async () => {
  const reached = Promise.withResolvers<void>();
  const app = {
    fetch: () => {
      reached.resolve();
      return new Promise<Response>(() => {});
    },
  };
  const server = await listen(app, { host: "127.0.0.1", port: 0 });
  const call = get(`http://127.0.0.1:${server.port}/`);
  const broken = assert.rejects(call, /broke/);
  await reached.promise;
  await server.close();
  await broken;
});

test("a port that is taken is said in one line", async () => {
  const app = createApp({});
  const server = await listen(app, { host: "127.0.0.1", port: 0 });
  await assert.rejects(listen(app, { host: "127.0.0.1", port: server.port }), {
    message: `can't listen at 127.0.0.1:${server.port}: another program does`,
  });
  await server.close();
});
