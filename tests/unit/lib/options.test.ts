import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { optionTable, type Parsed, parseOptions } from "../../../src/lib/options.ts";
import { helpOf } from "../../../src/lib/options_help.ts";
import { table } from "../../support/table.ts";

const group = "Group";
function mustBeEven(text: string): void {
  if (text.length % 2 === 1) throw new RangeError(`${JSON.stringify(text)} is odd`);
}
const TABLE = optionTable({
  name: { flag: "name", type: "string", group, help: "A name.", unit: "NAME" },
  region: { flag: "region", env: "REGION", type: "string", default: "north", group, help: "A region." },
  count: { flag: "count", type: "int", min: 0, max: 100, default: 3, group, help: "How many.", unit: "runners" },
  rate: { flag: "rate", type: "number", min: 0.5, whenAbsent: "no limit", group, help: "How fast." },
  even: { flag: "even", type: "string", check: mustBeEven, group, help: "Even." },
  on: { flag: "on", type: "bool", group, help: "Whether." },
  every: { flag: "every", type: "duration", default: 90_000, min: 0, group: "Times", help: "How often." },
  items: { flag: "item", env: "ITEMS", type: "list", group, help: "Which." },
  color: { flag: "color", type: "enum", values: ["red", "green", ""], default: "", group, help: "A colour." },
  old: { flag: "old", type: "string", group: "Old", help: "Old.", noEffect: "it is gone", warn: true },
  older: { flag: "older", type: "bool", group: "Old", help: "Older.", noEffect: "it is gone", warn: true },
});

const NOTHING_GIVEN = {
  name: undefined,
  region: "north",
  count: 3,
  rate: undefined,
  even: undefined,
  on: false,
  every: 90_000,
  items: [],
  color: "",
  old: undefined,
  older: false,
};

function parse(args: readonly string[], env: Record<string, string> = {}): Parsed<typeof TABLE> {
  return parseOptions("arc test", TABLE, args, env);
}

table<{ args: string[]; env?: Record<string, string>; values: Partial<Record<keyof typeof TABLE, unknown>> }>("reads", {
  "nothing: defaults": { args: [], values: {} },
  "--flag=value": { args: ["--name=a"], values: { name: "a" } },
  "--flag value": { args: ["--name", "a"], values: { name: "a" } },
  "-flag=value": { args: ["-name=a"], values: { name: "a" } },
  "-flag value": { args: ["-name", "a"], values: { name: "a" } },
  "a value with =": { args: ["--name=a=b"], values: { name: "a=b" } },
  "a value that looks like a flag": { args: ["--name", "--on"], values: { name: "--on" } },
  "an empty value": { args: ["--region="], values: { region: "" } },
  "a value with line ends": { args: ["--name=a\nb"], values: { name: "a\nb" } },
  "the last of several": { args: ["--count=1", "--count=2"], values: { count: 2 } },
  "a bool alone": { args: ["--on"], values: { on: true } },
  "a bool takes no next argument": { args: ["--on", "--count", "1"], values: { on: true, count: 1 } },
  "--bool=true": { args: ["--on=true"], values: { on: true } },
  "--bool=false": { args: ["--on=false"], values: { on: false } },
  "--bool=1": { args: ["-on=1"], values: { on: true } },
  "--bool=F": { args: ["-on=F"], values: { on: false } },
  "int with sign": { args: ["--count=+7"], values: { count: 7 } },
  "number": { args: ["--rate=2.5"], values: { rate: 2.5 } },
  "duration": { args: ["--every=1h30m"], values: { every: 5_400_000 } },
  "lists repeat": { args: ["--item=a", "--item", "b"], values: { items: ["a", "b"] } },
  "lists drop empty items": { args: ["--item=", "--item=b"], values: { items: ["b"] } },
  "enum": { args: ["--color=red"], values: { color: "red" } },
  "environment": { args: [], env: { REGION: "south" }, values: { region: "south" } },
  "an empty variable is unset": { args: [], env: { REGION: "" }, values: { region: "north" } },
  "the flag beats the environment": { args: ["--region=east"], env: { REGION: "south" }, values: { region: "east" } },
  "a list of the environment": { args: [], env: { ITEMS: "a,b," }, values: { items: ["a", "b"] } },
}, ({ args, env, values }) => {
  const parsed = parse(args, env);
  assert.ok(parsed.kind === "values", JSON.stringify(parsed));
  assert.deepEqual({ ...parsed.values }, { ...NOTHING_GIVEN, ...values });
  assert.deepEqual(parsed.warnings, []);
});

table<{ args: string[]; says: string }>("refuses", {
  "unknown flag": { args: ["--nothing-like-it"], says: "there is no flag --nothing-like-it" },
  "unknown flag, near one": { args: ["--cuont=3"], says: "there is no flag --cuont; is --count meant?" },
  "unknown flag without its value": { args: ["--token=s3cret"], says: "there is no flag --token" },
  "no value": { args: ["--name"], says: "--name needs a value" },
  "argument without a dash": { args: ["now"], says: 'unexpected argument "now"' },
  "a lone dash": { args: ["-"], says: 'unexpected argument "-"' },
  "two dashes alone": { args: ["--"], says: 'unexpected argument "--"' },
  "three dashes": { args: ["---on"], says: 'unexpected argument "---on"' },
  "no int": { args: ["--count=many"], says: '--count: "many" is not a whole number' },
  "int with a fraction": { args: ["--count=1.5"], says: '--count: "1.5" is not a whole number' },
  "empty int": { args: ["--count="], says: '--count: "" is not a whole number' },
  "int too small": { args: ["--count=-1"], says: '--count: "-1" is not a whole number of at least 0' },
  "int too big": { args: ["--count=101"], says: '--count: "101" is not a whole number of at most 100' },
  "number too small": { args: ["--rate=0.1"], says: '--rate: "0.1" is not a number of at least 0.5' },
  "no number": { args: ["--rate=Infinity"], says: '--rate: "Infinity" is not a number' },
  "no bool": { args: ["--on=yes"], says: '--on: "yes" is not true or false' },
  "duration without a unit": {
    args: ["--every=5"],
    says: '--every: "5" is not a duration (like 30s, 5m or 1h30m)',
  },
  "negative duration": {
    args: ["--every=-5s"],
    says: '--every: "-5s" is not a duration (like 30s, 5m or 1h30m) of at least 0',
  },
  "a text that its check refuses": { args: ["--even=abc"], says: '--even: "abc" is odd' },
  "no such choice": { args: ["--color=rde"], says: '--color: "rde" is not one of red, green; is red meant?' },
}, ({ args, says }) => {
  assert.deepEqual(parse(args), { kind: "error", message: `arc test: ${says} (see arc test --help)` });
});

test("all that is wrong is told in one go, with the environment", () => {
  const needs = optionTable({
    ...TABLE,
    must: { env: "MUST", type: "string", required: true, group, help: "It must be." },
    size: { env: "SIZE", flag: "size", type: "int", group, help: "A size." },
  });
  const args = ["--cuont", "3", "now", "--rate=x", "--even=abc", "--name"];
  assert.deepEqual(parseOptions("arc test", needs, args, { SIZE: "big" }), {
    kind: "error",
    message: `arc test: 7 things are wrong (see arc test --help)
  there is no flag --cuont; is --count meant?
  unexpected argument "now"
  --name needs a value
  --rate: "x" is not a number
  --even: "abc" is odd
  the environment variable MUST is not set: It must be.
  SIZE: "big" is not a whole number`,
  });
  assert.deepEqual(parse(["--cuont=3", "now", "--help"]), { kind: "help" });
});

test("an error of the environment names the variable", () => {
  const limits = optionTable({ n: { flag: "n", env: "N", type: "int", group, help: "N." } });
  const parsed = parseOptions("arc", limits, [], { N: "x" });
  assert.deepEqual(parsed, { kind: "error", message: 'arc: N: "x" is not a whole number (see arc --help)' });
});

test("what is required and missing is named with its ways in", () => {
  const both = optionTable({ a: { flag: "a", env: "A", type: "string", required: true, group, help: "An a." } });
  assert.match(JSON.stringify(parseOptions("arc", both, [], {})), /--a \(or the environment variable A\) is not set/);
  const env = optionTable({ a: { env: "A", type: "string", required: true, group, help: "An a." } });
  assert.match(JSON.stringify(parseOptions("arc", env, [], {})), /the environment variable A is not set: An a\./);
  assert.deepEqual(parseOptions("arc", env, [], { A: "x" }).kind, "values");
});

test("flags without effect earn one warning, all together", () => {
  const parsed = parse(["--old=secret", "--older", "--old=again"]);
  assert.ok(parsed.kind === "values");
  assert.deepEqual(parsed.warnings, ["without effect: --old, --older: it is gone"]);
});

test("what was given is known", () => {
  const parsed = parse(["--count=3"], { REGION: "north" });
  assert.ok(parsed.kind === "values");
  assert.deepEqual([...parsed.given].sort(), ["count", "region"]);
});

for (const flag of ["--help", "-help", "-h"]) {
  test(`${flag} asks for help, wherever it stands`, () => assert.deepEqual(parse(["--on", flag]), { kind: "help" }));
}

test("no arguments make it throw, and each error is one line", () => {
  const word = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("--count", "--on", "-every=1s", "--item="));
  fc.assert(fc.property(fc.array(word, { maxLength: 6 }), (args) => {
    const parsed = parse(args);
    if (parsed.kind === "error") {
      assert.match(parsed.message, /^arc test: [^\n]* \(see arc test --help\)(\n {2}[^\n]+)*$/);
    }
  }));
});

test("the help shows each option with unit, default and variable, under its heading", () => {
  assert.equal(
    helpOf("arc test", { summary: "Tests.", examples: [["arc test --on", "with it"]] }, TABLE),
    `Usage: arc test [flags]

Tests.

Examples:
  arc test --on
      with it

Group:
  --name NAME
      A name.
  --region TEXT
      A region. (env REGION; default north)
  --count N
      How many. (default 3 runners)
  --rate N
      How fast. (default no limit)
  --even TEXT
      Even.
  --on
      Whether.
  --item TEXT
      Which. (repeatable; env ITEMS)
  --color red|green
      A colour.

Times:
  --every DURATION
      How often. (default 1m30s)

Old:
  With a warning: --old, --older
`,
  );
});
