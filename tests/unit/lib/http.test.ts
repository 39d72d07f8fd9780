import assert from "node:assert/strict";
import { test } from "node:test";
import { call, linesOf, readText, type Transport, TransportError } from "../../../src/lib/http.ts";
import { messageOf } from "../../../src/lib/errors.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";

const REQUEST = { method: "GET", url: "https://user:secret@host.example:8443/path?token=x", headers: {} };

async function* chunks(...parts: (string | number[])[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? new TextEncoder().encode(part) : Uint8Array.from(part);
}

/** Never answers, and ends as the signal says. */
const hangs: Transport = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("call: a silent server ends in a timeout that names the host and nothing secret", async () => {
  const clock = new VirtualClock(0);
  const outcome = call(hangs, REQUEST, { clock, deadlineMs: 30_000 }).catch((error) => error);
  await clock.advance(30_000);
  const error = await outcome;
  assert.ok(error instanceof TransportError);
  assert.equal(error.kind, "timeout");
  assert.equal(error.message, "no answer from host.example:8443 within 30000 ms");
});

test("call: a body that never ends is under the same deadline", async () => {
  const clock = new VirtualClock(0);
  const drips: Transport = ({ signal }) =>
    Promise.resolve({
      status: 200,
      headers: {},
      body: (async function* () {
        while (!signal.aborted) {
          yield new Uint8Array([65]);
          await clock.sleep(1000, signal);
        }
      })(),
    });
  const outcome = call(drips, REQUEST, { clock, deadlineMs: 5000 }).catch((error) => error);
  await clock.advance(6000);
  assert.equal((await outcome).kind, "timeout");
  assert.equal(clock.pendingTimers, 0);
});

test("call: the caller's signal ends it with the caller's reason", async () => {
  const clock = new VirtualClock(0);
  const abort = new AbortController();
  const outcome = call(hangs, REQUEST, { clock, deadlineMs: 5000, signal: abort.signal }).catch((error) => error);
  abort.abort(new Error("shutting down"));
  assert.equal((await outcome).message, "shutting down");
  assert.equal(clock.pendingTimers, 0);
});

test("text: characters cut by chunks are put together, a byte order mark is dropped", async () => {
  assert.equal(await readText(chunks([0xef, 0xbb], [0xbf, 0x7b, 0xe2, 0x82], [0xac, 0x7d])), "{€}");
});

test("lines: cut anywhere, with and without a last line end", async () => {
  const lines = [];
  for await (const line of linesOf(chunks("a", "b\nc\n", "\nd"))) lines.push(line);
  assert.deepEqual(lines, ["ab", "c", "", "d"]);
});

test("messageOf: one line with the causes, each said once", () => {
  const cause = new Error("connect\nrefused");
  assert.equal(messageOf(new Error("no answer", { cause })), "no answer: connect refused");
  assert.equal(messageOf(new Error("failed: connect\nrefused", { cause })), "failed: connect refused");
  assert.equal(messageOf("text"), "text");
  assert.equal(messageOf(undefined), "unknown error");
});
