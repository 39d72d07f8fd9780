/** Which program speaks to GitHub, and for which scale set. */
export interface UserAgent {
  /** The program's version, without a leading "v". */
  readonly version: string;
  /** The commit it was built from. */
  readonly commit: string;
  readonly subsystem: "gha-scale-set-controller" | "ghalistener";
  /** The scale set that calls are about when they do not say one themselves; 0 while it is not known. */
  readonly scaleSetId?: number;
}

/** The value of the User-Agent header: JSON whose keys stand in the order that GitHub's own clients use. */
export function userAgentText(agent: UserAgent, scaleSetId: number = agent.scaleSetId ?? 0): string {
  return JSON.stringify({
    system: "actions-runner-controller",
    version: agent.version,
    commit_sha: agent.commit,
    scale_set_id: scaleSetId,
    subsystem: agent.subsystem,
    build_version: agent.version,
    build_commit_sha: agent.commit,
    kind: "scaleset",
  });
}
