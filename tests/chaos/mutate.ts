/**
 * `node tests/chaos/mutate.ts [--seeds N] [--only TEXT]`: puts each mutant into a copy of the program and runs worlds
 * until one is broken. The tree itself is never touched.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Mutant, MUTANTS } from "./mutants.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = ["src", "tests", "scripts", "mod.ts", "build.ts", "package.json", "tsconfig.json"];

const { values } = parseArgs({ options: { seeds: { type: "string", default: "300" }, only: { type: "string" } } });
const chosen = MUTANTS.filter(({ name }) => values.only === undefined || name.includes(values.only));
let missed = 0;
for (const mutant of chosen) {
  const how = caughtBy(mutant, values.seeds);
  if (how === undefined) missed++;
  process.stdout.write(`${how === undefined ? "MISSED" : "caught"}  ${mutant.name}\n${how ? `        ${how}\n` : ""}`);
}
process.stdout.write(`${chosen.length - missed} of ${chosen.length} mutants caught\n`);
process.exitCode = missed > 0 ? 1 : 0;

/** What a world said of a mutant; undefined when none was broken. */
function caughtBy({ file, find, put, also = [], name, from = 1 }: Mutant, seeds: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "arc-mutant-"));
  try {
    for (const part of COPIED) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const path = join(folder, file);
    let text = readFileSync(path, "utf8");
    for (const edit of [{ find, put }, ...also]) {
      if (text.split(edit.find).length !== 2) {
        throw new RangeError(`mutant "${name}": not once in ${file}: ${edit.find}`);
      }
      text = text.replace(edit.find, () => edit.put);
    }
    writeFileSync(path, text);
    const wrong = typeErrors(folder);
    if (wrong !== "") {
      throw new RangeError(`mutant "${name}" is no program, and would be caught for that alone:\n${wrong}`);
    }
    const args = [
      "tests/chaos/run.ts",
      "--seeds",
      seeds,
      "--from",
      String(from),
      "--stop-after",
      "1",
      "--explain",
      "no",
    ];
    const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 26 });
    return /^seed \d+ BROKEN: .*$/m.exec(stdout)?.[0].slice(0, 200);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function typeErrors(folder: string): string {
  const args = ["node_modules/typescript/bin/tsc", "--noUnusedLocals", "false", "--noUnusedParameters", "false"];
  return spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" }).stdout;
}
