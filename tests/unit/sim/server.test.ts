import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import type { HttpRequest, Transport } from "../../../src/lib/http.ts";
import { listen } from "../../../src/sim/server.ts";

const encoder = new TextEncoder();

/** One plain request, on a connection of its own. */
function ask(url: string, method = "GET", body?: string): Promise<{ status: number; text: string; headers: object }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, agent: false, headers: { "x-one": "1" } }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => text += chunk);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
      response.on("error", reject);
    });
    call.on("error", reject);
    call.end(body);
  });
}

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield encoder.encode(text);
}

async function serving<T>(handler: Transport, use: (url: string) => Promise<T>): Promise<T> {
  const server = await listen(handler);
  try {
    return await use(server.url);
  } finally {
    await server.close();
  }
}

test("a request arrives whole, an answer goes out whole", async () => {
  const seen: HttpRequest[] = [];
  const handler: Transport = (request) => {
    seen.push(request);
    return Promise.resolve({ status: 201, headers: { "x-two": "2" }, body: chunks("a", "b") });
  };
  await serving(handler, async (url) => {
    const answer = await ask(`${url}/path?x=%20y`, "POST", "body ü");
    assert.deepEqual([answer.status, answer.text], [201, "ab"]);
    assert.equal((answer.headers as Record<string, string>)["x-two"], "2");
    assert.equal(seen[0]?.url, `${url}/path?x=%20y`);
    assert.deepEqual([seen[0]?.method, seen[0]?.body, seen[0]?.headers["x-one"]], ["POST", "body ü", "1"]);
  });
});

test("a client that goes aborts the request and ends the stream", async () => {
  let gone: () => void = () => {};
  const aborted = new Promise<void>((resolve) => gone = resolve);
  const handler: Transport = ({ signal }) => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield encoder.encode("first");
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      gone();
    }
    return Promise.resolve({ status: 200, headers: {}, body: endless() });
  };
  await serving(handler, async (url) => {
    await new Promise<void>((resolve) => {
      const call = request(url, { agent: false }, (response) => {
        response.on("error", () => {}); // destroyed below
        response.once("data", () => {
          call.destroy();
          resolve();
        });
      });
      call.on("error", () => {}); // destroyed above
      call.end();
    });
    await aborted;
  });
});

test("a handler that throws gives no answer", async () => {
  const handler: Transport = () => Promise.reject(new Error("nobody here"));
  await serving(handler, async (url) => {
    await assert.rejects(ask(url));
  });
});

test("a stream that breaks breaks the answer", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield encoder.encode("half");
    throw new Error("broken");
  }
  const handler: Transport = () => Promise.resolve({ status: 200, headers: {}, body: broken() });
  await serving(handler, async (url) => {
    await assert.rejects(ask(url));
  });
});

test("a port that is taken is an error", async () => {
  const handler: Transport = () => Promise.resolve({ status: 200, headers: {}, body: chunks() });
  await serving(handler, async (url) => {
    await assert.rejects(listen(handler, { port: Number(new URL(url).port) }), /EADDRINUSE|in use/);
  });
});
