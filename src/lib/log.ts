/** What a log line may carry besides its constant message. Never a secret, token or JIT configuration. */
export type Fields = Readonly<Record<string, unknown>>;

/** The levels, least to most severe. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/** Writes log lines: a constant message, so that lines of one kind can be searched, and fields for what differs. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A log whose lines all carry `fields`. */
  with(fields: Fields): Log;
}

/** A log that writes each line to `write`: the one place where a {@link Log} is made of a function. */
export function logOf(write: (level: LogLevel, message: string, fields: Fields) => void, base: Fields = {}): Log {
  const at = (level: LogLevel) => (message: string, fields?: Fields) =>
    write(level, message, fields ? { ...base, ...fields } : base);
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: (fields) => logOf(write, { ...base, ...fields }),
  };
}

/** A log that writes nothing. */
export const silentLog: Log = logOf(() => {});
