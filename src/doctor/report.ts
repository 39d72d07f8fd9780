/** Findings as a person or a program reads them. Pure. */
import type { Finding, State } from "./checks/finding.ts";

const STATES: readonly State[] = ["ok", "note", "fix", "not checked"];
const STATE_WIDTH = Math.max(...STATES.map((state) => state.length));

/** One line per finding, and a summary. */
export function reportText(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  const lines = findings.map(({ check, object, state, message, wayOut }) => {
    const line = `${state.padEnd(STATE_WIDTH)}  ${check.padEnd(width)}  ${oneLine(`${object}: ${message}`)}`;
    return wayOut === undefined ? line : `${line} -> ${oneLine(wayOut)}`;
  });
  return `${[...lines, "", summaryOf(findings)].join("\n")}\n`;
}

/** `[{check, object, state, message, wayOut}]`; wayOut is null where there is none. */
export function reportJson(findings: readonly Finding[]): string {
  const list = findings.map(({ check, object, state, message, wayOut = null }) => ({
    check,
    object,
    state,
    message,
    wayOut,
  }));
  return `${JSON.stringify(list, undefined, 2)}\n`;
}

/** 1 when something needs a person. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 {
  return findings.some(({ state }) => state === "fix") ? 1 : 0;
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (state: State) => findings.filter((finding) => finding.state === state).length;
  const fixes = count("fix");
  const verdict = fixes === 0
    ? "nothing needs a person"
    : fixes === 1
    ? "1 thing needs a person"
    : `${fixes} things need a person`;
  const checks = findings.length === 1 ? "1 check" : `${findings.length} checks`;
  return `${verdict}: ${checks}, ${STATES.map((state) => `${count(state)} ${state}`).join(", ")}`;
}

/** Messages come from many: an API server's may have several lines. */
function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}
