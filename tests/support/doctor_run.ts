/** The shipped `arc doctor`, run as a process. */
import { spawn } from "node:child_process";
import type { Told } from "./doctor.ts";

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** With --json. */
  readonly findings: readonly Told[];
}

/** Runs `program doctor` with nothing in its environment but what is given. */
export async function runDoctor(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = spawn(program, ["doctor", ...args], { env: { PATH: "/usr/bin:/bin", ...env }, timeout: 180_000 });
  const texts = { out: "", err: "" };
  child.stdout.on("data", (chunk) => texts.out += String(chunk));
  child.stderr.on("data", (chunk) => texts.err += String(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { code, ...texts, findings: args.includes("--json") ? JSON.parse(texts.out || "[]") as Told[] : [] };
}
