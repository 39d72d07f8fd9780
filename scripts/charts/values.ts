/** values.yaml as its own documentation: the entries that the lines above each key describe. */
import { load, YAML11_SCHEMA } from "js-yaml";

export interface Entry {
  /** Keys from the top. */
  readonly path: readonly string[];
  /** The word in brackets. */
  readonly type: string;
  /** What is allowed, when the type lists it. */
  readonly choices: readonly string[];
  readonly text: string;
  /** The heading that it stands under. */
  readonly section: string;
  /** Undefined when the key is not set. */
  readonly fallback: unknown;
  /** What is written behind a key that is not set; empty when that is a map of further entries. */
  readonly sample: string | undefined;
}

const LINE = /^(\s*)(# )?([A-Za-z][\w-]*):(?: (.*))?$/;
const DESCRIPTION = /^\((?<type>[a-z ]+)(?:: (?<choices>[^)]+))?\) (?<text>.+)$/s;

/**
 * @param content of a values.yaml: `### Heading`, `## (type) Description.`, then `key: value` or, when not set, `# key: sample`
 * @throws Error at a key that is set and not described
 */
export function entriesOf(content: string): Entry[] {
  const values = load(content, { schema: YAML11_SCHEMA }) as Record<string, unknown>;
  const entries: Entry[] = [];
  const open: { indent: number; key: string }[] = [];
  let section = "";
  let doc: string[] = [];
  for (const line of content.split("\n")) {
    const comment = /^\s*(#{2,3}) (.*)$/.exec(line);
    const found = LINE.exec(line);
    if (comment?.[1] === "###") section = comment[2]!;
    if (comment?.[1] === "##") doc.push(comment[2]!);
    if (line === "") doc = [];
    if (!found) continue;
    const [, space, off, key, rest = ""] = found;
    while (open.length > 0 && open.at(-1)!.indent >= space!.length) open.pop();
    const path = [...open.map((outer) => outer.key), key!];
    open.push({ indent: space!.length, key: key! });
    if (doc.length > 0) {
      const fallback = off ? undefined : at(values, path);
      entries.push({ path, ...described(doc.join(" "), path), section, fallback, sample: off ? rest : undefined });
    } else if (!off && !isPartOf(entries, path) && rest !== "") {
      throw new Error(`${path.join(".")} is not described in values.yaml`);
    }
    doc = [];
  }
  return entries;
}

/** Below an entry whose value is described as a whole. */
function isPartOf(entries: readonly Entry[], path: readonly string[]): boolean {
  return entries.some((entry) => entry.path.length < path.length && entry.path.every((key, i) => key === path[i]));
}

function described(doc: string, path: readonly string[]): Pick<Entry, "type" | "choices" | "text"> {
  const { type, choices, text } = DESCRIPTION.exec(doc)?.groups ?? {};
  if (type === undefined || text === undefined) {
    throw new Error(`the description of ${path.join(".")} must begin with its type in brackets`);
  }
  return { type, choices: choices?.split(" | ") ?? [], text };
}

function at(values: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | null)?.[key], values);
}
