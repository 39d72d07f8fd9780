/** README.md of a chart: its introduction, then its values as tables. */
import type { Entry } from "./values.ts";

/** @param introduction Markdown without the values; kept in deploy/charts/shared */
export function readmeOf(introduction: string, entries: readonly Entry[]): string {
  const parts = [introduction.trimEnd(), "", "## Values", ""];
  const note =
    "A word behind the default is the type: `texts` is a map of texts, numbers and booleans are taken as texts too.";
  parts.push(note);
  for (const section of new Set(entries.map((entry) => entry.section))) {
    parts.push("", `### ${section}`, "", "| Value | Default | What it does |", "| --- | --- | --- |");
    for (const entry of entries.filter((one) => one.section === section)) parts.push(row(entry));
  }
  return parts.join("\n") + "\n";
}

function row(entry: Entry): string {
  const { path, type, choices, text, sample } = entry;
  const cells = [
    `\`${path.join(".")}\``,
    `${standard(entry)} ${choices.length > 0 ? choices.map((choice) => `\`${choice}\``).join(", ") : type}`,
    sample ? `${text} Example: \`${sample}\`` : text,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function standard({ fallback }: Entry): string {
  if (fallback === undefined) return "not set;";
  return `\`${JSON.stringify(fallback)}\`;`;
}
