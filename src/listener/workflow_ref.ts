/** The parts of a workflow reference: `owner/repo/.github/workflows/FILE.yml@REF`. Both are "" for any other text. */

/** FILE, without its ending. */
export function workflowName(text: string): string {
  return partsOf(text).path.split("/").at(-1)!.replace(/\.ya?ml$/, "");
}

/** What the workflow ran for: `heads/BRANCH`, `tags/TAG` or `pull/NUMBER`. */
export function workflowTarget(text: string): string {
  const { ref } = partsOf(text);
  const pull = /^refs\/pull\/(\d+)(?:\/|$)/.exec(ref);
  return pull ? `pull/${pull[1]}` : ref.replace(/^refs\//, "");
}

function partsOf(text: string): { readonly path: string; readonly ref: string } {
  const [path = "", ref, ...more] = text.split("@");
  return ref === undefined || more.length > 0 ? { path: "", ref: "" } : { path, ref };
}
