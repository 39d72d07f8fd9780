/** Where the doctor sends people: the page that it names is there, and so is the entry. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CHECKS } from "../../../src/doctor/checks/finding.ts";
import { BAD, pageOf } from "../../../src/doctor/checks/listener.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PAGE = readFileSync(`${ROOT}docs/troubleshoot.md`, "utf8");
const anchors = [...PAGE.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!.toLowerCase().replaceAll(" ", "-"));

test("every check stands in troubleshoot.md, and no other", () => {
  const section = PAGE.slice(PAGE.indexOf("## What arc doctor looks at"));
  const named = [...section.matchAll(/^\| `([a-z-]+)` /gm)].map(([, name]) => name);
  assert.deepEqual(named, [...CHECKS]);
});

test("every condition that is told has an entry", () => {
  const words = [...Object.keys(BAD), "RolloutStuck", "BusyRunnersProtected", "RunnerGroupNotFound"];
  assert.deepEqual(words.filter((word) => !anchors.includes(pageOf(word).split("#")[1]!)), []);
});

test("every page that a way out names is there", () => {
  const texts = globSync("src/doctor/**/*.ts", { cwd: ROOT }).map((path) => readFileSync(ROOT + path, "utf8")).join(
    "\n",
  );
  const pages = new Set(texts.match(/docs\/[\w-]+\.md/g));
  assert.ok(pages.size >= 3);
  assert.deepEqual([...pages].filter((page) => !existsSync(ROOT + page)), []);
});
