import assert from "node:assert/strict";
import { test } from "node:test";
import { Buffer } from "node:buffer";
import { humanDuration } from "../../../../src/sim/kube_api/duration.ts";
import { jsonPath } from "../../../../src/sim/kube_api/jsonpath.ts";
import { fromProtobuf } from "../../../../src/sim/kube_api/protobuf.ts";
import { table } from "../../../support/table.ts";

const SECONDS = 1000;
const MINUTES = 60 * SECONDS;
const HOURS = 60 * MINUTES;
const DAYS = 24 * HOURS;

table<[ms: number, text: string]>("age", {
  "a moment": [0, "0s"],
  "two minutes less one": [119 * SECONDS, "119s"],
  "minutes and seconds": [2 * MINUTES + 5 * SECONDS, "2m5s"],
  "minutes": [10 * MINUTES + 5 * SECONDS, "10m"],
  "three hours": [3 * HOURS, "3h"],
  "hours and minutes": [3 * HOURS + 20 * MINUTES, "3h20m"],
  "hours": [9 * HOURS + 20 * MINUTES, "9h"],
  "days and hours": [2 * DAYS + 3 * HOURS, "2d3h"],
  "days": [9 * DAYS + 3 * HOURS, "9d"],
  "years and days": [800 * DAYS, "2y70d"],
  "the future": [-5 * SECONDS, "<invalid>"],
}, ([ms, text]) => assert.equal(humanDuration(ms), text));

const OBJECT = {
  spec: { size: 1, "odd.name": "x", list: [{ name: "a", n: 1 }, { name: "b", n: 2 }] },
  status: { conditions: [{ type: "Ready", status: "True" }, { type: "Other", status: "False" }] },
};

table<[path: string, found: unknown[]]>("column path", {
  "a field": [".spec.size", [1]],
  "a field that is not there": [".spec.none.deeper", []],
  "an index": [".spec.list[1].name", ["b"]],
  "from the end": [".spec.list[-1].name", ["b"]],
  "all": [".spec.list[*].n", [1, 2]],
  "a quoted field": [".spec['odd.name']", ["x"]],
  "an escaped field": [".spec.odd\\.name", ["x"]],
  "a filter": ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
  "a filter that finds nothing": ['.status.conditions[?(@.type=="No")].status', []],
}, ([path, found]) => assert.deepEqual(jsonPath(path)(OBJECT), found));

test("a column path that cannot be read says which", () => {
  assert.throws(() => jsonPath(".spec[~]"), /\.spec\[~\]/);
});

/** A message of fields, each a number and a text, a number or a message. */
function message(...fields: [number, string | number | Buffer][]): Buffer {
  return Buffer.concat(fields.map(([number, value]) => {
    if (typeof value === "number") return Buffer.concat([varint(number << 3), varint(value)]);
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
  }));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

function body(kind: string, raw: Buffer): string {
  const envelope = message([1, message([1, "v1"], [2, kind])], [2, raw]);
  return "k8s\0" + envelope.toString("latin1");
}

test("protobuf: a secret", () => {
  const entry = message([1, "key"], [2, Buffer.from([0, 255, 128])]);
  const meta = message([1, "näme"], [3, "default"], [7, 300], [11, message([1, "app"], [2, "x"])], [14, "a/b"], [
    14,
    "c/d",
  ]);
  assert.deepEqual(fromProtobuf(body("Secret", message([1, meta], [2, entry], [3, "Opaque"], [5, 1]))), {
    kind: "Secret",
    apiVersion: "v1",
    metadata: {
      name: "näme",
      namespace: "default",
      generation: 300,
      labels: { app: "x" },
      finalizers: ["a/b", "c/d"],
    },
    data: { key: "AP+A" },
    type: "Opaque",
    immutable: true,
  });
});

table<[text: string, why: RegExp]>("protobuf is refused", {
  "without its magic": ["{}", /no protobuf/],
  "of a kind that is not known": [body("Deployment", message()), /Deployment/],
  "cut off": [body("Secret", Buffer.from([0x0a])), /ends too early/],
}, ([text, why]) => assert.throws(() => fromProtobuf(text), { code: 400, message: why }));
