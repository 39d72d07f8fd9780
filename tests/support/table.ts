import { test } from "node:test";

/** One test per named case: the name says the rule, the case its example. */
export function table<Case>(
  name: string,
  cases: Readonly<Record<string, Case>>,
  check: (example: Case, name: string) => void | Promise<void>,
): void {
  for (const [title, example] of Object.entries(cases)) test(`${name}: ${title}`, () => check(example, title));
}
