/** Texts of people and machines: URLs, addresses, flags, durations, schedules, tokens. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { invalidSpec } from "../../../src/controllers/autoscaling_runner_set/validate.ts";
import { limitsOf } from "../../../src/controllers/autoscaling_runner_set/limits.ts";
import type { AutoscalingRunnerSetSpec } from "../../../src/api/kinds.ts";
import { CONTROLLER_OPTIONS, LISTENER_OPTIONS, SANDBOX_OPTIONS } from "../../../src/commands/options.ts";
import { expiryOf } from "../../../src/github/auth.ts";
import { ConfigUrlError, parseConfigUrl } from "../../../src/lib/config_url.ts";
import { CronError, CronSchedule } from "../../../src/lib/cron.ts";
import { formatDuration, parseDuration } from "../../../src/lib/duration.ts";
import { messageOf, readableLine } from "../../../src/lib/errors.ts";
import { type OptionTable, parseOptions } from "../../../src/lib/options.ts";
import { bypassesProxy, parseProxy, proxyAuthorization, proxyFor } from "../../../src/lib/proxy.ts";
import { Secrets, withoutTokens } from "../../../src/lib/secrets.ts";
import { workflowName, workflowTarget } from "../../../src/listener/workflow_ref.ts";
import { parseListenAddress } from "../../../src/server/listen.ts";
import { altered, anyJson, anyText, fuzz, MARK, spoiled } from "../../support/fuzz.ts";

const NOW = Date.UTC(2026, 5, 1, 12);

fuzz("a config URL", {
  from: fc.oneof(
    anyText,
    spoiled("https://github.com/acme/app"),
    spoiled("https://ghes.example:8443/enterprises/big"),
    fc.constantFrom(
      "https://",
      "http://@",
      "https://[::1]:1/a",
      "https://xn--/a",
      "https://github.com/%",
      "HTTPS://A/b",
    ),
    anyText.map((text) => `https://user:${MARK}@github.com/${text}`),
    anyText.map((text) => `https://github.com/acme?${text}=${MARK}`),
  ),
  read: (text) => parseConfigUrl(text),
  throws: [ConfigUrlError],
  names: /^config URL /,
  // The place, without user info, query and fragment, is shown: it is what is to be corrected.
  mayQuote: true,
  holds(url) {
    assert.deepEqual(parseConfigUrl(url.href), url, "what was read is read alike again");
    assert.match(url.href, /^https?:\/\/[^/@?#]+\/[^?#@]+$/);
    assert.ok((url.scope === "enterprise") === (url.enterprise !== undefined));
    assert.ok((url.scope === "repository") === (url.repository !== undefined));
    assert.ok(URL.canParse(url.apiBase));
  },
});

fuzz("a config URL with a credential in it", {
  from: fc.tuple(fc.constantFrom("https", "http", "ftp", "x y"), anyText, fc.nat(2)).map(([scheme, text, where]) =>
    [`${scheme}://me:${MARK}@host/${text}`, `${scheme}://host/a?${MARK}`, `${scheme}://host/a#${MARK}`][where]!
  ),
  read: (text) => parseConfigUrl(text),
  throws: [ConfigUrlError],
});

fuzz("a proxy's URL", {
  from: fc.oneof(anyText, spoiled("http://user:pass@proxy:3128"), anyText.map((text) => `http://u:${MARK}@${text}`)),
  read(text) {
    const url = parseProxy(text);
    return { url, header: proxyAuthorization(url) };
  },
  throws: [RangeError],
  holds({ url, header }) {
    assert.ok(url.hostname !== "" && /^https?:$/.test(url.protocol));
    assert.ok(header === undefined || /^Basic [A-Za-z0-9+/=]+$/.test(header));
  },
});

const noProxy = fc.oneof(
  anyText,
  fc.array(
    fc.oneof(spoiled("10.0.0.0/8"), spoiled("[::1]:443"), spoiled("*.acme.com"), spoiled("::ffff:1.2.3.4"), anyText),
  )
    .map((entries) => entries.join(",")),
);

fuzz("whom a proxy does not serve", {
  from: fc.tuple(fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), anyText), noProxy),
  read: ([host, entries]) => bypassesProxy(host, "443", entries),
  holds: (answer) => assert.equal(typeof answer, "boolean"),
});

fuzz("the way to a URL", {
  from: fc.tuple(fc.webUrl(), anyText, noProxy),
  read: ([url, proxy, entries]) => proxyFor(new URL(url), { http: proxy, https: proxy, noProxy: entries }),
  throws: [RangeError],
});

fuzz("an address to listen at", {
  from: fc.oneof(anyText, spoiled("127.0.0.1:8080"), spoiled("[::1]:8080")),
  read: parseListenAddress,
  throws: [RangeError],
  names: /is no address to listen at/,
  mayQuote: true,
  holds: (address) => assert.ok(!address || (address.port >= 0 && address.port <= 65_535)),
});

fuzz("a duration", {
  from: fc.oneof(anyText, spoiled("1h30m0.5s"), spoiled("100ms")),
  read: parseDuration,
  holds(ms) {
    if (ms === undefined) return;
    assert.equal(typeof ms, "number");
    assert.ok(!Number.isNaN(ms));
  },
});

fuzz("a duration that was written is read again", {
  from: fc.integer({ min: -1e12, max: 1e12 }),
  read: (ms) => parseDuration(formatDuration(ms)),
  holds: (read, ms) => assert.ok(Math.abs(read! - ms) < 1, `${ms} became ${formatDuration(ms)}, which is ${read}`),
});

const field = fc.oneof(fc.constantFrom("*", "*/5", "0", "1-5", "1,2", "L", "?", "SUN", "31", "60", "1/0"), anyText);
const expression = fc.oneof(
  fc.array(field, { minLength: 3, maxLength: 7 }).map((fields) => fields.join(" ")),
  spoiled("30 8 * * 1-5"),
  fc.constantFrom("0 0 30 2 *", "0 0 29 2 1", "@daily", "0 0 31 4,6,9,11 *"),
);
const zone = fc.oneof({ weight: 3, arbitrary: fc.constantFrom("UTC", "Europe/Berlin", "Asia/Kathmandu") }, {
  weight: 1,
  arbitrary: anyText,
});

fuzz("a schedule", {
  from: fc.tuple(expression, zone, fc.integer({ min: 0, max: 4e12 })),
  read([text, timeZone, at]) {
    const schedule = new CronSchedule(text, timeZone);
    return { next: schedule.next(at), last: schedule.last(at) };
  },
  throws: [CronError],
  mayQuote: true,
  costs: 2,
  holds({ next, last }, [, , at]) {
    assert.ok(next === undefined || next > at, `next: ${next}, at ${at}`);
    assert.ok(last === undefined || last <= at, `last: ${last}, at ${at}`);
  },
});

const SPEC: fc.JsonValue = {
  githubConfigUrl: "https://github.com/acme",
  minRunners: 1,
  maxRunners: 5,
  paused: false,
  scheduledOverrides: [{ schedule: "0 8 * * 1-5", duration: "10h", timeZone: "UTC", minRunners: 2, maxRunners: 9 }],
};
/** What the API server lets through by our CRD: the types are right, the texts are anybody's. */
const override = fc.record(
  {
    schedule: expression,
    duration: fc.oneof(anyText, spoiled("8h")),
    timeZone: zone,
    minRunners: fc.nat(),
    maxRunners: fc.nat(),
  },
  { requiredKeys: ["schedule", "duration"] },
);

fuzz("the limits and schedules of a scale set", {
  from: fc.record(
    {
      githubConfigUrl: fc.oneof(anyText, fc.constant("https://github.com/acme")),
      minRunners: fc.nat(),
      maxRunners: fc.nat(),
      paused: fc.boolean(),
      scheduledOverrides: fc.array(override, { maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
  read: (spec) => ({ limits: limitsOf(spec, NOW, false), problem: invalidSpec({ spec }) }),
  costs: 2,
  holds({ limits, problem }, spec) {
    const { minRunners, maxRunners, nextChange } = limits;
    if (spec.maxRunners === undefined || (spec.minRunners ?? 0) <= spec.maxRunners) assert.ok(minRunners <= maxRunners);
    assert.ok(nextChange === undefined || nextChange > NOW);
    if (problem) assert.match(problem.message, /^(githubConfigUrl|maxRunners|scheduledOverrides\[\d\])/);
  },
});

fuzz("the limits of a scale set whose CRD checks nothing", {
  from: altered(SPEC),
  read(spec) {
    // Whatever it is: the reconcile that reads it fails with an error, which is told, and hangs nothing.
    try {
      return limitsOf(spec as unknown as AutoscalingRunnerSetSpec, NOW, false);
    } catch (error) {
      return messageOf(error);
    }
  },
});

const TABLES: Readonly<Record<string, OptionTable>> = {
  controller: CONTROLLER_OPTIONS,
  listener: LISTENER_OPTIONS,
  sandbox: SANDBOX_OPTIONS,
};
for (const [command, table] of Object.entries(TABLES)) {
  const flags = Object.values(table).flatMap(({ flag }) => flag ?? []);
  const variables = Object.values(table).flatMap(({ env }) => env ?? []);
  const flag = fc.constantFrom(...flags).chain((name) =>
    fc.oneof(
      fc.constant(`--${name}`),
      anyText.map((text) => `--${name}=${text}`),
      anyText.map((text) => `-${name}${text}`),
    )
  );
  fuzz(`the flags and variables of arc ${command}`, {
    from: fc.tuple(
      fc.array(fc.oneof(flag, anyText), { maxLength: 6 }),
      variables.length === 0 ? fc.constant({}) : fc.dictionary(fc.constantFrom(...variables), anyText),
    ),
    read: ([args, env]) => parseOptions(`arc ${command}`, table, args, env),
    holds(parsed) {
      if (parsed.kind === "error") {
        assert.match(parsed.message, new RegExp(`^arc ${command}: .+\\(see arc ${command} --help\\)`));
      }
      if (parsed.kind !== "values") return;
      for (const [name, option] of Object.entries(table)) {
        const value: unknown = (parsed.values as Readonly<Record<string, unknown>>)[name];
        if (option.type === "int" && value !== undefined) assert.ok(Number.isInteger(value), `${name} is ${value}`);
        if (option.type === "enum" && value !== undefined) assert.ok(option.values.includes(value as string));
        if (option.type === "bool") assert.equal(typeof value, "boolean");
      }
    },
  });
}

fuzz("a token's end", {
  from: fc.oneof(
    anyText,
    spoiled("eyJhbGciOiJub25lIn0.eyJleHAiOjE3MDAwMDAwMDB9.x"),
    anyJson.map((claims) => `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.y`),
    anyJson.map((exp) => `x.${Buffer.from(JSON.stringify({ exp })).toString("base64url")}.y`),
  ),
  read: expiryOf,
  holds: (end) => assert.ok(end === undefined || Number.isFinite(end)),
});

fuzz("a workflow's reference", {
  from: fc.oneof(anyText, spoiled("acme/app/.github/workflows/ci.yml@refs/pull/7/merge")),
  read: (text) => [workflowName(text), workflowTarget(text)],
  holds: (parts) => assert.ok(parts.every((part) => typeof part === "string")),
});

fuzz("words of others", {
  from: fc.oneof(anyText, anyJson.map((value) => JSON.stringify(value)), fc.string({ maxLength: 3_000 })),
  read: (text) => [readableLine(text), readableLine(new Error(text)), messageOf(new Error(text))],
  holds([line, other]) {
    assert.ok(line!.length <= 200 && !line!.includes("\n"));
    assert.equal(line, other);
  },
});

fuzz("a line that holds a secret", {
  from: fc.tuple(
    fc.string({ maxLength: 60 }),
    fc.string({ minLength: 8, maxLength: 40 }),
    fc.string({ maxLength: 60 }),
  ),
  read([before, secret, after]) {
    const secrets = new Secrets();
    secrets.add(secret);
    return secrets.hide(before + secret + after);
  },
  holds(line, [, secret]) {
    if (secret.trim().length >= 8) assert.ok(!line.includes(secret.trim()), line);
  },
});

fuzz("a long text that looks like a secret everywhere", {
  from: fc.tuple(
    fc.constantFrom("://a:", "eyJ", "-----BEGIN PRIVATE KEY-----", "ghp_", "Bearer ", "@", "a"),
    fc.nat(3_000),
  )
    .map(([part, count]) => part.repeat(count)),
  read: withoutTokens,
  costs: 8,
});
