/**
 * Runs the tests: `npm test`. With names of groups as arguments, only those: `npm test -- unit contract`. Any other name
 * is one of a file and leaves the rest of the groups out: `npm run stories -- compaction` is `stories compaction` here.
 * `--deno` runs the same files under Deno.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Group {
  readonly name: string;
  readonly files: string | readonly string[];
  /** What its files test in one process; others run one process a file, one after the other. */
  readonly together: boolean;
  /** So many processes at a time, where they wait more than they work. Default 1. */
  readonly processes?: number;
  /** Needs the binaries of a control plane and the built executable. */
  readonly cluster?: boolean;
  /** Only where it is named: takes long. */
  readonly onRequest?: boolean;
  /** Its tests note what they have seen in the folder that this variable of their environment names. */
  readonly notes?: "ARC_RIGHTS" | "ARC_DECISIONS";
  /** Needs what all files of this group have noted: in this run, or in one whose folder that group's variable names. */
  readonly notesOf?: string;
}

const GROUPS: readonly Group[] = [
  { name: "house", files: "tests/house/**/*.test.ts", together: true },
  { name: "unit", files: "tests/unit/**/*.test.ts", together: true },
  { name: "compat", files: "tests/compat/**/*.test.ts", together: true },
  { name: "scenario", files: "tests/scenario/**/*.test.ts", together: true, notes: "ARC_DECISIONS" },
  { name: "decisions", files: "tests/decisions/**/*.test.ts", together: true, notesOf: "scenario" },
  { name: "contract", files: "tests/contract/**/*.test.ts", together: true },
  { name: "chaos", files: "tests/chaos/**/*.test.ts", together: true },
  { name: "charts", files: "tests/charts/**/*.test.ts", together: false },
  { name: "smoke", files: "tests/smoke/**/*.test.ts", together: false },
  { name: "image", files: "tests/image/**/*.test.ts", together: false },
  {
    name: "cluster",
    files: "tests/cluster/**/*.test.ts",
    together: false,
    processes: 2,
    cluster: true,
    notes: "ARC_RIGHTS",
  },
  {
    name: "stories",
    files: ["tests/stories/**/*.test.ts", "tests/cluster/{crash,disruption,leader}.test.ts"],
    together: false,
    processes: 2,
    cluster: true,
    notes: "ARC_RIGHTS",
    onRequest: true,
  },
  { name: "rights", files: "tests/rights/**/*.test.ts", together: false, notesOf: "cluster" },
];

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const args = process.argv.slice(2);
const onDeno = args.includes("--deno");
const words = args.filter((arg) => !arg.startsWith("--"));
const wanted = GROUPS.filter(({ name }) => words.includes(name));
const names = words.filter((word) => !wanted.some(({ name }) => name === word));
const nameOf = (file: string) => basename(file, ".test.ts");
const filesOf = (group: Group) => globSync([group.files].flat(), { cwd: root }).sort();
const unknown = names.filter((name) => !wanted.some((group) => filesOf(group).some((file) => nameOf(file) === name)));
if (unknown.length > 0) {
  const known = wanted.length > 0 ? wanted.flatMap(filesOf).map(nameOf) : GROUPS.map((group) => group.name);
  console.error(
    `no such ${wanted.length > 0 ? "file" : "group"}: ${unknown.join(", ")}; there are ${known.join(", ")}`,
  );
  process.exit(2);
}

const hasControlPlane = controlPlaneBinaries();
const failed: string[] = [];
/** The groups that have run with all their files, and well. */
const whole = new Set<string>();
/** The folders of notes that were made here, by variable. */
const folders: Record<string, string> = {};
const isNamed = (group: string | undefined) => wanted.some(({ name }) => name === group);
for (const group of GROUPS) {
  const { name: title, notesOf } = group;
  if (wanted.length > 0 ? !isNamed(title) && !isNamed(notesOf) : group.onRequest || (onDeno && !group.together)) {
    continue;
  }
  const files = filesOf(group).filter((file) => names.length === 0 || names.includes(nameOf(file)));
  if (files.length === 0) continue;
  if (group.cluster && !hasControlPlane) {
    console.log(
      `== ${group.name}: not run: no etcd and kube-apiserver in KUBEBUILDER_ASSETS (${files.length} files need them)`,
    );
    continue;
  }
  // Named alone it runs all the same, and says what is missing.
  const isAlone = isNamed(title) && !isNamed(notesOf);
  if (notesOf && !whole.has(notesOf) && !isAlone) {
    console.log(`== ${title}: not run: it needs a run of all of ${notesOf} that went well`);
    continue;
  }
  const { notes } = group;
  if (notes && !process.env[notes] && !folders[notes]) {
    folders[notes] = mkdtempSync(join(tmpdir(), `${notes.toLowerCase().replace("_", "-")}-`));
    console.log(`what is seen is noted in ${folders[notes]}: ${notes} for a later run of its check alone`);
  }
  console.log(`== ${group.name}: ${files.length} files on ${onDeno ? "Deno" : `Node ${process.version}`}`);
  if (!run(group, files)) failed.push(group.name);
  else if (files.length === filesOf(group).length) whole.add(group.name);
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join(", ")}`);
  process.exit(1);
}

function run(group: Group, files: readonly string[]): boolean {
  const timeout = group.cluster ? 600_000 : ["contract", "charts", "chaos"].includes(group.name) ? 300_000 : 60_000;
  const [program, ...rest] = onDeno
    ? [join(root, "node_modules/.bin/deno"), "test", "-A", "--no-check", "--quiet", "--reporter=dot", ...files]
    : [
      process.execPath,
      "--test",
      `--test-timeout=${timeout}`,
      group.together ? "--test-isolation=none" : `--test-concurrency=${group.processes ?? 1}`,
      `--test-reporter=${join(root, "tests/support/reporter.ts")}`,
      ...files,
    ];
  const env = { ...process.env, NO_COLOR: "1", ...folders };
  const out = onDeno ? "pipe" : "inherit";
  const { status, stdout } = spawnSync(program!, rest, {
    cwd: root,
    env,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["ignore", out, "inherit"],
  });
  // Deno's shortest reporter still gives each test a line when nobody watches.
  if (stdout) console.log(stdout.split("\n").filter((line) => !/^[.,]?$/.test(line)).join("\n"));
  return status === 0;
}

function controlPlaneBinaries(): boolean {
  const folder = process.env.KUBEBUILDER_ASSETS;
  return folder !== undefined && ["etcd", "kube-apiserver"].every((name) => existsSync(join(folder, name)));
}
