import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogLevel } from "../../../src/lib/log.ts";
import { createLog, type LogFormat } from "../../../src/lib/logtape.ts";
import { Secrets } from "../../../src/lib/secrets.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";

function recorder(format: LogFormat, level: LogLevel = "info", secrets?: Secrets) {
  const lines: string[] = [];
  const clock = new VirtualClock(Date.UTC(2026, 10, 24, 10));
  const log = createLog({ name: "controller", format, level, clock, secrets, write: (line) => lines.push(line) });
  return { log, lines, clock };
}

test("text is logfmt: time of the clock, level, writer, message, fields", async () => {
  const { log, lines, clock } = recorder("text");
  log.info("runner made", { runner: "linux-runner-x", tries: 2, note: 'two words "quoted"', gone: undefined });
  await clock.advance(1500);
  log.with({ set: "linux" }).warn("slow");
  assert.deepEqual(lines, [
    'time=2026-11-24T10:00:00.000Z level=info logger=controller msg="runner made" runner=linux-runner-x tries=2 ' +
    'note="two words \\"quoted\\""\n',
    "time=2026-11-24T10:00:01.500Z level=warning logger=controller msg=slow set=linux\n",
  ]);
});

test("json is one object a line, fields beside the message", () => {
  const { log, lines } = recorder("json");
  log.error("it broke", { where: { namespace: "a" }, error: new Error("outer", { cause: new Error("inner") }) });
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^[^\n]*\n$/);
  assert.deepEqual(JSON.parse(lines[0]!), {
    "@timestamp": "2026-11-24T10:00:00.000Z",
    level: "ERROR",
    message: "it broke",
    logger: "controller",
    where: { namespace: "a" },
    error: "outer: inner",
  });
});

test("milliseconds are whole, whatever chance made of them", () => {
  const { log, lines } = recorder("json");
  log.info("waiting", { delayMs: 812.3456789, ms: 0.4, ratio: 0.25, retryInMs: "soon" });
  const { delayMs, ms, ratio, retryInMs } = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.deepEqual({ delayMs, ms, ratio, retryInMs }, { delayMs: 812, ms: 0, ratio: 0.25, retryInMs: "soon" });
});

test("a field can't take the place of a line's own facts", () => {
  const { log, lines } = recorder("json");
  log.info("true", { message: "false", level: "x", logger: "y", time: 1 });
  const line: unknown = JSON.parse(lines[0]!);
  assert.deepEqual(line, {
    "@timestamp": "2026-11-24T10:00:00.000Z",
    level: "INFO",
    message: "true",
    logger: "controller",
    message_: "false",
    level_: "x",
    logger_: "y",
    time_: 1,
  });
});

test("an error of the program itself comes with its stack, one line all the same", () => {
  const { log, lines } = recorder("text");
  log.error("bug", { error: new TypeError("x is undefined") });
  assert.match(lines[0]!, /error="x is undefined" errorStack="TypeError: x is undefined\\n/);
  assert.equal(lines[0]!.split("\n").length, 2);
});

for (const [at, least] of (["debug", "info", "warn", "error"] as const).entries()) {
  test(`level ${least} writes ${4 - at} of 4 levels`, () => {
    const { log, lines } = recorder("text", least);
    for (const level of ["debug", "info", "warn", "error"] as const) log[level]("x");
    assert.equal(lines.length, 4 - at);
  });
}

test("a registered secret is in no line, whatever field it came in", () => {
  const secrets = new Secrets();
  secrets.add("ghp_abcdefgh");
  for (const format of ["text", "json"] as const) {
    const { log, lines } = recorder(format, "debug", secrets);
    log.debug("token ghp_abcdefgh", { deep: { deeper: ["ghp_abcdefgh"] }, error: new Error("at ghp_abcdefgh") });
    assert.doesNotMatch(lines.join(""), /ghp_abcdefgh/);
    assert.match(lines.join(""), /\*\*\*/);
  }
});
