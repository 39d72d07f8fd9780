/** What the pages for users say must stay so: links, reasons, metrics, flags, and the tests that they name. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CONTROLLER_OPTIONS } from "../../src/commands/options.ts";
import type { Option } from "../../src/lib/options.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const files = (pattern: string) => globSync(pattern, { cwd: ROOT }).map((path) => path.replaceAll("\\", "/")).sort();
const textOf = (path: string) => readFileSync(join(ROOT, path), "utf8");
const PAGES = ["README.md", ...files("docs/**/*.md")];

/** A page without its blocks of code. */
const proseOf = (path: string) => textOf(path).replace(/^```[\s\S]*?^```$/gm, "");

/** As GitHub makes the anchor of a heading. */
function anchorsOf(path: string): Set<string> {
  const headings = [...proseOf(path).matchAll(/^#+ (.+)$/gm)].map((match) => match[1]!);
  return new Set(
    headings.map((heading) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")),
  );
}

test("every link to a file of the repository leads somewhere, and so does its anchor", () => {
  const broken = PAGES.flatMap((page) => {
    const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
    return links.filter((link) => !/^[a-z]+:/.test(link)).flatMap((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : relative(ROOT, join(ROOT, dirname(page), path));
      if (!existsSync(join(ROOT, target))) return [`${page}: ${link} is not there`];
      return anchor === undefined || anchorsOf(target).has(anchor) ? [] : [`${page}: ${link} has no such heading`];
    });
  });
  assert.deepEqual(broken, []);
});

/** Words in quotes in the controllers and the listener that are no reasons: kinds, types, kinds of errors, words of Kubernetes. */
const NO_REASONS = new Set([
  ...["True", "False", "Warning", "Normal", "Never", "Always", "Opaque", "Default", "Pod", "Role", "Secret"],
  ...["PodDisruptionBudget", "AlwaysAllow", "NamespaceTerminating"],
  // Remembered while the API server may not know its roles yet; what is told in the end is InvalidPod.
  "NotAllowed",
  // What keeps a runner from its registration is a reason of its scale set, which names it.
  "Source",
  ...["ServiceAccount", "AutoscalingRunnerSet", "AutoscalingListener", "EphemeralRunnerSet", "EphemeralRunner"],
  ...["Pending", "Running", "Succeeded", "PodScheduled", "Progressing", "VersionSkew", "PhantomDemand"],
  // Kinds of errors of GitHub, of the API server and of a vault, of which problems.ts and others make reasons.
  ...[
    "NotFound",
    "Invalid",
    "BadRequest",
    "Conflict",
    "AlreadyExists",
    "Unavailable",
    "BadReply",
    "JobStillRunning",
    "RunnerExists",
  ],
  ...["SessionNotFound", "ScaleSetGone", "HooksLeft", "Other", "Settings", "Refused", "Unreachable", "Vault"],
  // Names of error classes.
  ...["SourceError", "PollCut", "NameTakenError", "HooksLeftError", "ListenerConfigError"],
]);

test("every reason that the program gives has an entry in troubleshoot.md", () => {
  const page = proseOf("docs/troubleshoot.md");
  const explained = (word: string) => new RegExp(`^### ${word}$`, "m").test(page) || page.includes(`\`${word}\``);
  const missing = [...files("src/controllers/**/*.ts"), ...files("src/listener/*.ts")].flatMap((path) => {
    const code = textOf(path).replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
    const words = [...code.matchAll(/"([A-Z][a-z]+[A-Za-z]*)"/g)].map((match) => match[1]!);
    return [...new Set(words)].filter((word) => !NO_REASONS.has(word) && !explained(word))
      .map((word) => `${path}: ${word} (an entry in docs/troubleshoot.md, or a word of NO_REASONS here)`);
  });
  assert.deepEqual(missing, []);
});

test("every entry of troubleshoot.md is about a word that the program says", () => {
  const said = [...files("src/controllers/**/*.ts"), ...files("src/listener/*.ts")].map(textOf).join("\n");
  // Words of the kubelet, which are handed on as they come.
  const handedOn = ["Error", "OOMKilled", "Completed"];
  const entries = [...proseOf("docs/troubleshoot.md").matchAll(/^### (\w+)$/gm)].map((match) => match[1]!);
  assert.ok(entries.length > 40, "the entries are found");
  assert.deepEqual(entries.filter((word) => !handedOn.includes(word) && !said.includes(`"${word}"`)), []);
});

test("every metric stands in metrics.md, and every metric there exists", () => {
  const sources = ["src/listener/metrics.ts", "src/controllers/shared/metrics.ts", "src/runtime/metrics.ts"];
  const name = /\b((?:gha|controller_runtime|workqueue|rest_client|leader_election)_[a-z_]+)\b/g;
  const named = (text: string) => new Set([...text.matchAll(name)].map((match) => match[1]!));
  const there = named(sources.map(textOf).join("\n"));
  const page = textOf("docs/metrics.md");
  assert.deepEqual([...there].filter((metric) => !page.includes(metric)), []);
  assert.deepEqual([...named(page)].filter((metric) => !there.has(metric)), []);
});

test("every flag of the controller that operate.md explains exists", () => {
  const page = proseOf("docs/operate.md");
  const section = page.slice(page.indexOf("## Flags"), page.indexOf("## More than one replica"));
  const flags = new Set((Object.values(CONTROLLER_OPTIONS) as Option[]).map(({ flag }) => flag));
  const named = [...section.matchAll(/`--([a-z0-9-]+)`/g)].map((match) => match[1]!).filter((flag) => flag !== "help");
  assert.ok(named.length > 10, "the flags are found");
  assert.deepEqual(named.filter((flag) => !flags.has(flag)), []);
});

const ROWS = { H: 11, P: 5, A: 5, B: 5, C: 5, D: 6, E: 5, F: 2 };

test("compatibility.md has each row, with a test that exists or a reason", () => {
  const page = textOf("docs/compatibility.md");
  const named = [...page.matchAll(/`(tests\/[^`]+)`/g)].map((match) => match[1]!).filter((path) =>
    path.endsWith(".ts")
  );
  assert.deepEqual([...new Set(named)].filter((path) => !existsSync(join(ROOT, path))), []);
  for (const [letter, count] of Object.entries(ROWS)) {
    for (let number = 1; number <= count; number++) {
      const row = page.split("\n").find((line) => line.startsWith(`| ${letter}${number} `));
      assert.ok(row?.includes("`tests/"), `${letter}${number} names its test`);
    }
  }
  const missing = page.slice(page.indexOf("## Missing")).split("\n").filter((line) => line.startsWith("| "));
  for (const line of missing) assert.match(line, /^\| \S.* \| \S.* \|$/, "what is missing has a reason");
});

test("README.md of docs/ names every page", () => {
  const index = textOf("docs/README.md");
  const pages = files("docs/*.md").filter((path) => path !== "docs/README.md");
  assert.deepEqual(pages.filter((path) => !index.includes(`(${path.slice("docs/".length)})`)), []);
});

test("pages hold no path of a machine", () => {
  const paths = PAGES.flatMap((page) => textOf(page).match(/(?:\/work\/|\/root\/|\/tmp\/)[^\s`]*/g) ?? []);
  assert.deepEqual(paths, []);
});
