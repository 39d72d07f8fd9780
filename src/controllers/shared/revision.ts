/** Which runner spec a runner was made from: a mark that tells old runners from new ones. Pure. */
import type { EphemeralRunner, EphemeralRunnerSpec } from "../../api/kinds.ts";
import { podTemplateHash } from "../../api/names.ts";

/** Ours, on an EphemeralRunner: {@link revisionOf} the spec that it was made from. */
export const REVISION_ANNOTATION = "actions.github.com/runner-revision";

/** Ten characters that change when anything of a runner's spec does. */
export function revisionOf(spec: EphemeralRunnerSpec | undefined): string {
  const { proxySecretRef: _, ...template } = spec ?? {} as EphemeralRunnerSpec;
  return podTemplateHash(template);
}

/** The revision of a runner: its mark, or for one that another controller made, what its spec comes to. */
export function revisionOfRunner(runner: EphemeralRunner): string {
  return runner.metadata?.annotations?.[REVISION_ANNOTATION] ?? revisionOf(runner.spec);
}
