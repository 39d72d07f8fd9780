/** The log of the program: LogTape's formatters over one sink, with no global configuration behind it. */
import { getJsonLinesFormatter, getLogfmtFormatter, type LogLevel as TapeLevel } from "@logtape/logtape";
import type { Clock } from "./clock.ts";
import { messageOf } from "./errors.ts";
import { type Fields, type Log, LOG_LEVELS, type LogLevel, logOf } from "./log.ts";
import type { Secrets } from "./secrets.ts";

/** How logs are written: `text` is logfmt, `json` is one object a line. */
export type LogFormat = "text" | "json";

/** What {@link createLog} needs. */
export interface LogOptions {
  /** What the lines call their writer: "controller", "listener". */
  readonly name: string;
  /** The least severe level that is written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly clock: Clock;
  /** Takes whole lines, line end included, in order. */
  readonly write: (line: string) => void;
  /** What no line may hold. */
  readonly secrets?: Secrets;
  /** Fields of every line. */
  readonly fields?: Fields;
}

const TAPE_LEVELS: Readonly<Record<LogLevel, TapeLevel>> = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
};

/** Names that a line has anyway: a field that bears one gets a trailing underscore. */
const TAKEN = new Set(["time", "@timestamp", "level", "logger", "msg", "message"]);

/** Makes a log whose lines are written before the call returns. */
export function createLog(options: LogOptions): Log {
  const { name, clock, write, secrets } = options;
  const least = LOG_LEVELS.indexOf(options.level);
  const format = options.format === "json" ? getJsonLinesFormatter({ properties: "flatten" }) : getLogfmtFormatter();
  return logOf((level, message, fields) => {
    if (LOG_LEVELS.indexOf(level) < least) return;
    const line = format({
      category: [name],
      level: TAPE_LEVELS[level],
      message: [message],
      rawMessage: message,
      timestamp: clock.now(),
      properties: propertiesOf(fields),
    });
    write(secrets ? secrets.hide(line) : line);
  }, options.fields);
}

/** Fields as they are written: no undefined ones; errors as one line, with the stack when the fault is in the program. */
function propertiesOf(fields: Fields): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const name = TAKEN.has(key) ? `${key}_` : key;
    properties[name] = value instanceof Error ? messageOf(value) : rounded(key, value);
    if (isFault(value)) properties[`${name}Stack`] = value.stack;
  }
  return properties;
}

/** Chance makes delays of many digits: nobody reads those behind the point. */
function rounded(key: string, value: unknown): unknown {
  return typeof value === "number" && /(^ms|Ms)$/.test(key) ? Math.round(value) : value;
}

function isFault(value: unknown): value is Error {
  return value instanceof TypeError || value instanceof ReferenceError || value instanceof SyntaxError;
}
