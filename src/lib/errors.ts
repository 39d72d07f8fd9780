import { withoutTokens } from "./secrets.ts";

/** An error whose message says all that a person needs to know of its cause. */
export interface TellsCause {
  readonly tellsCause: boolean;
}

/** What any thrown value says, in one line: its message and those of its causes that it does not tell itself. */
export function messageOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error, depth = 0; at !== undefined && at !== null && depth < 5; depth++) {
    const text = at instanceof Error ? at.message || at.name : String(at);
    if (text && !parts.some((part) => part.includes(text))) parts.push(text);
    at = at instanceof Error && !tellsCause(at) ? at.cause : undefined;
  }
  return parts.join(": ").replace(/\s*\n\s*/g, " ") || "unknown error";
}

function tellsCause(error: Error & Partial<TellsCause>): boolean {
  return error.tellsCause === true;
}

/** Marks code that no value can reach: the compiler proves it, this says it should it ever be wrong. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/**
 * The first line of what an error or a text says, at most 200 characters and without what looks like a secret: for words
 * of others in a message of ours.
 */
export function readableLine(said: unknown): string {
  const text = withoutTokens(said instanceof Error ? said.message : String(said));
  const line = text.split("\n").map((part) => part.trim()).find((part) => part !== "") ?? "";
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}

/** A text in quotes, on one line of characters that can be seen or are a space: for what somebody has typed. */
export function quoted(text: string): string {
  const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, escaped);
}
