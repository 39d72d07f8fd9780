/**
 * Command-line options as data: one table per command gives the parser, the types of the values and the help text.
 * Flags are read as Go's flag package reads them, because the charts of the reference call this program.
 */
import { parseDuration } from "./duration.ts";
import { quoted } from "./errors.ts";
import { nearest } from "./nearest.ts";

interface Common {
  /** Without dashes; an option without a flag comes from the environment alone. */
  readonly flag?: string;
  /** The variable that gives the value when the flag does not. */
  readonly env?: string;
  /** One line. */
  readonly help: string;
  /** The heading that it stands under. */
  readonly group: string;
  /** What a number or text counts or means, for the help: "runners", "PATH". */
  readonly unit?: string;
  /** It must be given, as a flag or in the environment. */
  readonly required?: true;
  /** Accepted and without effect: why. */
  readonly noEffect?: string;
  /** A use of it earns a warning, and the help names it in one line with the others of its kind. */
  readonly warn?: true;
  /** What the help says of the default where the value itself would mislead: what holds when nothing is given. */
  readonly whenAbsent?: string;
}

/** One option. Durations are in milliseconds. */
export type Option =
  & Common
  & (
    | {
      readonly type: "string";
      readonly default?: string;
      /** Throws a RangeError that says what is wrong with a text that was given. */
      readonly check?: (text: string) => unknown;
    }
    | { readonly type: "int"; readonly default?: number; readonly min?: number; readonly max?: number }
    | { readonly type: "number"; readonly default?: number; readonly min?: number; readonly max?: number }
    | { readonly type: "bool"; readonly default?: boolean }
    | { readonly type: "duration"; readonly default?: number; readonly min?: number }
    | { readonly type: "list" }
    | { readonly type: "enum"; readonly values: readonly string[]; readonly default?: string }
  );

/** The options of a command, by the name that the program knows them by. */
export type OptionTable = Readonly<Record<string, Option>>;

interface ValueOfType {
  string: string;
  int: number;
  number: number;
  bool: boolean;
  duration: number;
  list: readonly string[];
  enum: string;
}

type Plain<O extends Option> = O extends { readonly values: readonly (infer V)[] } ? V : ValueOfType[O["type"]];
type Certain = { readonly default: unknown } | { readonly required: true } | { readonly type: "list" | "bool" };

/** The values of a table: those without a default that were not given are undefined, but for lists (empty) and bools (false). */
export type Values<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends Certain ? Plain<T[K]> : Plain<T[K]> | undefined;
};

/** What a command line says. */
export type Parsed<T extends OptionTable> =
  | {
    readonly kind: "values";
    readonly values: Values<T>;
    /** The options that were given, as flags or in the environment. */
    readonly given: ReadonlySet<keyof T>;
    /** One line for all flags that have no effect for the same reason. */
    readonly warnings: readonly string[];
  }
  | { readonly kind: "help" }
  /** Everything that is wrong, each with its near match, and where to read on: one line for one thing. Exit code 2. */
  | { readonly kind: "error"; readonly message: string };

/** Keeps the literal types of a table. */
export function optionTable<const T extends OptionTable>(table: T): T {
  return table;
}

class BadOption extends Error {}

/**
 * Reads the arguments of a command.
 * @param command as the user calls it ("arc controller"), for messages
 */
export function parseOptions<T extends OptionTable>(
  command: string,
  table: T,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Parsed<T> {
  const wrong: string[] = [];
  const texts = textsOf(table, args, wrong);
  if (texts === "help") return { kind: "help" };
  const values: Record<string, unknown> = {};
  const given = new Set<keyof T>();
  const idle = new Map<string, string[]>();
  for (const [name, option] of Object.entries(table)) {
    const fromFlag = texts.get(name);
    const fromEnv = option.env === undefined ? undefined : env[option.env];
    if (fromFlag || fromEnv) given.add(name);
    try {
      values[name] = valueOf(option, fromFlag, fromEnv);
    } catch (error) {
      if (!(error instanceof BadOption)) throw error;
      wrong.push(error.message);
    }
    if (fromFlag && option.warn) {
      idle.set(option.noEffect!, [...idle.get(option.noEffect!) ?? [], `--${option.flag}`]);
    }
  }
  if (wrong.length > 0) return { kind: "error", message: complaintOf(command, wrong) };
  const warnings = [...idle].map(([why, flags]) => `without effect: ${flags.join(", ")}: ${why}`);
  return { kind: "values", values: values as Values<T>, given, warnings };
}

/** What is wrong with a call: one line for one thing, else a line for each, so that all can be mended in one go. */
export function complaintOf(command: string, wrong: readonly string[]): string {
  const readOn = `(see ${command} --help)`;
  if (wrong.length === 1) return `${command}: ${wrong[0]} ${readOn}`;
  return [`${command}: ${wrong.length} things are wrong ${readOn}`, ...wrong.map((what) => `  ${what}`)].join("\n");
}

/** The texts that were given for each option, in order; what can't be read goes into `wrong`. */
function textsOf(table: OptionTable, args: readonly string[], wrong: string[]): Map<string, string[]> | "help" {
  const names = new Map(Object.entries(table).flatMap(([name, { flag }]) => flag ? [[flag, name] as const] : []));
  const texts = new Map<string, string[]>();
  for (let i = 0; i < args.length; i++) {
    const parts = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(args[i]!);
    if (!parts) {
      wrong.push(`unexpected argument ${quoted(args[i]!)}`);
      continue;
    }
    const flag = parts[1]!;
    let text = parts[2];
    const name = names.get(flag);
    if (name === undefined) {
      if (flag === "help" || flag === "h") return "help";
      const near = nearest(flag, [...names.keys()]);
      const shown = /^[\w.-]+$/.test(flag) ? `--${flag}` : quoted(`--${flag}`);
      wrong.push(`there is no flag ${shown}${near ? `; is --${near} meant?` : ""}`);
      // What follows is probably its value.
      if (text === undefined && !args[i + 1]?.startsWith("-")) i++;
      continue;
    }
    if (text === undefined) text = table[name]!.type === "bool" ? "true" : args[++i];
    if (text === undefined) {
      wrong.push(`--${flag} needs a value`);
      continue;
    }
    const before = texts.get(name);
    if (before) before.push(text);
    else texts.set(name, [text]);
  }
  return texts;
}

function valueOf(option: Option, texts: readonly string[] | undefined, fromEnv: string | undefined): unknown {
  if (option.type === "list") return (texts ?? fromEnv?.split(",") ?? []).filter((text) => text !== "");
  const text = texts?.at(-1);
  if (text !== undefined) return read(option, text, `--${option.flag}`);
  if (fromEnv) return read(option, fromEnv, option.env!);
  if (option.required) throw new BadOption(`${missing(option)} is not set: ${option.help}`);
  return option.default ?? (option.type === "bool" ? false : undefined);
}

function missing({ flag, env }: Option): string {
  if (flag === undefined) return `the environment variable ${env}`;
  return env === undefined ? `--${flag}` : `--${flag} (or the environment variable ${env})`;
}

/** The value of a text. @throws BadOption naming `where` it stood */
function read(option: Exclude<Option, { type: "list" }>, text: string, where: string): unknown {
  const bad = (wanted: string) => new BadOption(`${where}: ${quoted(text)} is not ${wanted}`);
  switch (option.type) {
    case "string":
      return checked(text, option.check, where);
    case "bool":
      if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
      if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
      throw bad("true or false");
    case "int":
      return inRange(/^[+-]?\d+$/.test(text) ? Number(text) : NaN, option, "a whole number", bad);
    case "number":
      return inRange(/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : NaN, option, "a number", bad);
    case "duration":
      return inRange(parseDuration(text) ?? NaN, option, "a duration (like 30s, 5m or 1h30m)", bad);
    case "enum": {
      if (option.values.includes(text)) return text;
      const near = nearest(text, option.values);
      throw bad(
        `one of ${option.values.filter((value) => value !== "").join(", ")}${near ? `; is ${near} meant?` : ""}`,
      );
    }
  }
}

function checked(text: string, check: ((text: string) => unknown) | undefined, where: string): string {
  try {
    check?.(text);
    return text;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new BadOption(`${where}: ${error.message}`);
  }
}

function inRange(
  value: number,
  { min = -Infinity, max = Infinity }: { readonly min?: number; readonly max?: number },
  wanted: string,
  bad: (wanted: string) => BadOption,
): number {
  if (Number.isNaN(value)) throw bad(wanted);
  if (value < min) throw bad(`${wanted} of at least ${min}`);
  if (value > max) throw bad(`${wanted} of at most ${max}`);
  return value;
}
