/** The help text of a table of options. */
import { formatDuration } from "./duration.ts";
import type { Option, OptionTable } from "./options.ts";

const WIDTH = 100;
const PLACEHOLDERS: Readonly<Record<Option["type"], string>> = {
  string: "TEXT",
  int: "N",
  number: "N",
  bool: "",
  duration: "DURATION",
  list: "TEXT",
  enum: "",
};

/** What a command is for, and how it is called. */
export interface About {
  /** A sentence or two. */
  readonly summary: string;
  /** Whole command lines, with what they are for. */
  readonly examples?: readonly (readonly [call: string, what: string])[];
}

/**
 * The help of a command: usage, what it does, examples, then its options by group, each with default, unit and variable.
 */
export function helpOf(command: string, { summary, examples = [] }: About, table: OptionTable): string {
  const groups = new Map<string, Option[]>();
  for (const option of Object.values(table)) {
    const group = groups.get(option.group);
    if (group) group.push(option);
    else groups.set(option.group, [option]);
  }
  const sections = [...groups].map(([group, options]) => {
    const idle = options.filter((option) => option.warn).map(({ flag }) => `--${flag}`);
    const idleLines = idle.length === 0
      ? []
      : wrap(`With a warning: ${idle.join(", ")}`, WIDTH - 2).map((line) => `  ${line}`);
    return [`${group}:`, ...options.filter((option) => !option.warn).flatMap(linesOf), ...idleLines, ""].join("\n");
  });
  return [`Usage: ${command} [flags]`, "", ...wrap(summary, WIDTH), "", ...examplesOf(examples), ...sections].join(
    "\n",
  );
}

function examplesOf(examples: NonNullable<About["examples"]>): string[] {
  if (examples.length === 0) return [];
  return ["Examples:", ...examples.flatMap(([call, what]) => [`  ${call}`, `      ${what}`]), ""];
}

function linesOf(option: Option): string[] {
  const head = option.flag === undefined ? `${option.env} (environment)` : `--${option.flag}${valueText(option)}`;
  return [`  ${head}`, ...wrap(`${option.help}${factsOf(option)}`, WIDTH - 6).map((line) => `      ${line}`)];
}

function valueText(option: Option): string {
  if (option.type === "enum") return ` ${option.values.filter((value) => value !== "").join("|")}`;
  const placeholder = option.type === "string" || option.type === "list"
    ? option.unit ?? PLACEHOLDERS[option.type]
    : PLACEHOLDERS[option.type];
  return placeholder ? ` ${placeholder}` : "";
}

function factsOf(option: Option): string {
  const facts = [
    option.required ? "required" : "",
    option.type === "list" ? "repeatable" : "",
    option.flag !== undefined && option.env !== undefined ? `env ${option.env}` : "",
    defaultText(option),
    option.noEffect ? `no effect: ${option.noEffect}` : "",
  ].filter((fact) => fact !== "");
  return facts.length > 0 ? ` (${facts.join("; ")})` : "";
}

function defaultText(option: Option): string {
  if (option.whenAbsent !== undefined) return `default ${option.whenAbsent}`;
  if (option.type === "list" || option.default === undefined || option.default === false) return "";
  if (option.default === "") return "";
  const text = option.type === "duration" ? formatDuration(option.default) : String(option.default);
  const unit = option.unit && (option.type === "int" || option.type === "number") ? ` ${option.unit}` : "";
  return `default ${text}${unit}`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}
