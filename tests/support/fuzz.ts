/**
 * What comes from outside, as chance would have it: for rules that hold for any input. FC_RUNS says how many inputs are
 * tried per rule (default: as many as fit into a test run), FC_SEED repeats a run; fast-check prints the seed of a failure.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import * as fc from "fast-check";

const RUNS = Number(process.env.FC_RUNS ?? 150);
const SEED = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
/** On a slow machine fewer inputs are tried; a failure that is slow to repeat is not made small for ever. */
const LIMITS = process.env.FC_RUNS === undefined ? { interruptAfterTimeLimit: 1_000 } : {};
/** A parser that takes longer over a text of this size hangs, as far as its caller is concerned. */
const LIMIT_MS = 2_000;

/** Stands in inputs wherever a secret may stand, and must stand in no message. */
export const MARK = "ghpMARKED0123secret";

type ErrorClass = abstract new (...args: never[]) => Error;

/** What a parser may do. */
export interface Rule<In, Out> {
  readonly from: fc.Arbitrary<In>;
  readonly read: (input: In) => Out | Promise<Out>;
  /** The classes of errors that its documentation names; none: it never throws. */
  readonly throws?: readonly ErrorClass[];
  /** What its messages begin with, or have in them: the field. */
  readonly names?: RegExp;
  /** Whether the input may be quoted: then a mark in it is no secret. */
  readonly mayQuote?: boolean;
  /** What is true of what it returns. */
  readonly holds?: (output: Out, input: In) => void;
  /** Of costly parsers fewer inputs are tried: one in so many. */
  readonly costs?: number;
}

/** One test: any input gives a value that is what its type says, or one of the documented errors, and soon. */
export function fuzz<In, Out>(title: string, rule: Rule<In, Out>): void {
  const numRuns = Math.max(20, Math.ceil(RUNS / (rule.costs ?? 1)));
  test(`any input: ${title}`, () =>
    fc.assert(fc.asyncProperty(rule.from, (input) => keeps(rule, input)), { numRuns, ...SEED, ...LIMITS }));
}

async function keeps<In, Out>(rule: Rule<In, Out>, input: In): Promise<void> {
  const since = process.cpuUsage().user;
  let output: Out;
  try {
    output = await rule.read(input);
  } catch (error) {
    checkError(rule, error);
    return;
  } finally {
    // Time on the processor: a busy machine makes nobody slow.
    const tookMs = (process.cpuUsage().user - since) / 1000;
    assert.ok(tookMs < LIMIT_MS, `it took ${tookMs} ms`);
  }
  rule.holds?.(output, input);
}

function checkError<In, Out>({ throws = [], names, mayQuote }: Rule<In, Out>, error: unknown): void {
  const isDocumented = throws.some((kind) => error instanceof kind);
  if (!isDocumented) throw error instanceof Error ? error : new Error(`it threw ${String(error)}`);
  const { message } = error as Error;
  assert.ok(message.trim() !== "" && !message.includes("\n"), `no message of one line: ${JSON.stringify(message)}`);
  if (names) assert.match(message, names);
  if (!mayQuote) assert.ok(!told(error).includes(MARK), `the message shows a secret: ${message}`);
}

/** The message with those of its causes: both reach logs. */
function told(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) parts.push(at.message);
  return parts.join("\n");
}

/** Texts of all kinds, with the mark in many of them. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.tuple(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 })).map(([a, b]) => a + MARK + b),
  fc.constantFrom("", " ", "\n", "0", "-1", "NaN", "null", "{}", "[]", "__proto__", "constructor", "\u0000", "é\ud800"),
);

/** Any JSON value, with the mark in some. */
export const anyJson: fc.Arbitrary<fc.JsonValue> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constant(MARK),
  fc.constantFrom<fc.JsonValue>(null, {}, [], "", 0, -1, 1e308, 2 ** 53, 0.5, true),
);

/** A good text with something spoilt in it. */
export function spoiled(good: string): fc.Arbitrary<string> {
  const change = fc.record({ at: fc.nat(good.length), length: fc.nat(4), put: anyText });
  return fc.array(change, { maxLength: 3 }).map((changes) =>
    changes.reduce((text, { at, length, put }) => text.slice(0, at) + put + text.slice(at + length), good)
  );
}

/** A good value with some of its parts replaced, taken away, or put where none was. */
export function altered(good: fc.JsonValue): fc.Arbitrary<fc.JsonValue> {
  const change = fc.record({ at: fc.nat(200), how: fc.constantFrom("replace", "remove", "wrap"), value: anyJson });
  return fc.array(change, { maxLength: 3 }).map((changes) =>
    changes.reduce<fc.JsonValue>((value, { at, how, value: put }) => alter(value, at, how, put), good)
  );
}

function alter(value: fc.JsonValue, at: number, how: string, put: fc.JsonValue): fc.JsonValue {
  const copy = structuredClone({ root: value }) as Record<string, fc.JsonValue>;
  const places: [Record<string, fc.JsonValue>, string][] = [];
  const collect = (holder: Record<string, fc.JsonValue>) => {
    for (const key of Object.keys(holder)) {
      places.push([holder, key]);
      const child = holder[key];
      if (typeof child === "object" && child !== null) collect(child as Record<string, fc.JsonValue>);
    }
  };
  collect(copy);
  const [holder, key] = places[at % places.length]!;
  if (how === "remove" && holder !== copy) delete holder[key];
  else holder[key] = how === "wrap" ? [holder[key]!] : put;
  return copy.root ?? null;
}
