/** The program as it ships, for tests of the shipped program. */
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { eventually } from "./eventually.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const BUILT = join(ROOT, "dist/arc");
const LOCK = join(ROOT, "dist/.building");
const SOURCES = ["build.ts", "package.json", "src/**/*"];
/** A build takes 10 seconds on two busy cores; whoever waits for another one's gives up after this long. */
const BUILD_LIMIT_MS = 120_000;

/**
 * The path of the single executable: the one that ARC_EXECUTABLE names, else dist/arc, built anew when a source is
 * younger. Test files that ask at one time wait for one build.
 * @throws Error with the output of a build that failed
 */
export async function executable(): Promise<string> {
  const given = process.env.ARC_EXECUTABLE;
  if (given) return given;
  if (isFresh()) return BUILT;
  mkdirSync(dirname(LOCK), { recursive: true });
  await eventually("the build of another test", async () => takeLock(), BUILD_LIMIT_MS);
  try {
    const began = new Date();
    if (!isFresh()) {
      await build();
      // what changed while it was built may not be in it
      utimesSync(BUILT, began, began);
    }
  } finally {
    rmSync(LOCK, { recursive: true, force: true });
  }
  return BUILT;
}

function isFresh(): boolean {
  if (!existsSync(BUILT)) return false;
  const builtAt = statSync(BUILT).mtimeMs;
  return globSync(SOURCES, { cwd: ROOT }).every((path) => statSync(join(ROOT, path)).mtimeMs <= builtAt);
}

/** A directory is made by one process only. The lock of a process that is gone is void. */
function takeLock(): boolean {
  try {
    mkdirSync(LOCK);
    writeFileSync(join(LOCK, "pid"), String(process.pid));
    return true;
  } catch {
    if (isAbandoned()) rmSync(LOCK, { recursive: true, force: true });
    return false;
  }
}

function isAbandoned(): boolean {
  try {
    process.kill(Number(readFileSync(join(LOCK, "pid"), "utf8")), 0);
    return false;
  } catch (error) {
    // without the file the other process is just about to write it
    return (error as { code?: string }).code === "ESRCH";
  }
}

function build(): Promise<void> {
  const runtime = "Deno" in globalThis ? ["run", "-A"] : [];
  const child = spawn(process.execPath, [...runtime, "build.ts"], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output += String(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => code === 0 ? resolve() : reject(new Error(`build.ts failed:\n${output}`)));
  });
}
