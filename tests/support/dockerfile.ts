/** A reader of Dockerfiles, as far as ours uses them: no heredocs, no escape directive, no ONBUILD. */

/** An instruction with its continuation lines joined by one blank. */
export interface Instruction {
  /** In capitals. */
  readonly name: string;
  /** What follows the name, without comments. */
  readonly value: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

/** What stands between one FROM and the next. */
export interface Stage {
  /** The image that it begins with. */
  readonly base: string;
  /** What AS says. */
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

const KNOWN = new Set(
  "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split(" "),
);

/** @throws SyntaxError with the line's number */
export function instructionsOf(text: string): Instruction[] {
  const found: Instruction[] = [];
  let open: { readonly start: number; readonly parts: string[] } | undefined;
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return;
    open ??= { start: index + 1, parts: [] };
    open.parts.push(line.replace(/\s*\\$/, ""));
    if (line.endsWith("\\")) return;
    found.push(instructionOf(open.parts.join(" "), open.start));
    open = undefined;
  });
  if (open) throw new SyntaxError(`line ${open.start}: the file ends in the middle of an instruction`);
  return found;
}

function instructionOf(text: string, line: number): Instruction {
  const [, word = "", value = ""] = /^(\S+)\s*(.*)$/.exec(text) ?? [];
  const name = word.toUpperCase();
  if (!KNOWN.has(name)) throw new SyntaxError(`line ${line}: ${word} is no instruction`);
  if (value === "") throw new SyntaxError(`line ${line}: ${name} says nothing`);
  return { name, value, line };
}

/** @throws SyntaxError with the line's number */
export function stagesOf(text: string): Stage[] {
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsOf(text)) {
    if (instruction.name === "FROM") {
      const [, base = "", name] = /^(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?$/i.exec(instruction.value) ?? [];
      if (base === "") throw new SyntaxError(`line ${instruction.line}: FROM ${instruction.value} is not understood`);
      stages.push({ base, name, instructions: [] });
    } else if (stages.length > 0) {
      stages.at(-1)!.instructions.push(instruction);
    } else if (instruction.name !== "ARG") {
      throw new SyntaxError(`line ${instruction.line}: ${instruction.name} before the first FROM`);
    }
  }
  return stages;
}

/** The values of a stage's instructions of one name. */
export function valuesOf(stage: Stage, name: string): string[] {
  return stage.instructions.filter((one) => one.name === name).map(({ value }) => value);
}

/** The keys and values of LABEL, ENV or ARG, quotes taken off; a variable without a value has "". */
export function pairsOf(stage: Stage, name: string): Record<string, string> {
  const pattern = /([\w.-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|(\S*)))?/g;
  const pairs = valuesOf(stage, name).flatMap((value) => [...value.matchAll(pattern)]);
  return Object.fromEntries(pairs.map(([, key, quoted, plain]) => [key, quoted ?? plain ?? ""]));
}
