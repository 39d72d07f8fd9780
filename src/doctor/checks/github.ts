/** A scale set, from its secret to GitHub: can its credentials be read, does GitHub answer, what may they do? Pure. */
import type { ScaleSet } from "../../github/service.ts";
import { annotatedId, wantedScaleSet } from "../../controllers/autoscaling_runner_set/build.ts";
import type { AccessFacts, GithubFacts, Outcome, Trouble } from "./facts.ts";
import { type CheckName, type Finding, fix, notChecked, note, ok, placeText } from "./finding.ts";

export function judgeGithub(facts: GithubFacts, inPod: boolean): Finding[] {
  const object = placeText(facts.set);
  const say = (check: CheckName, outcome: Outcome<string>) =>
    judged(check, object, outcome, wayOutOf(facts), (value) => ok(check, object, value));
  const { spec } = facts.set;
  return [
    say("secret", facts.secret),
    ...(spec?.proxy ? [say("proxy", facts.proxy)] : []),
    ...(spec?.githubServerTLS ? [say("certificate", facts.certificate)] : []),
    judgeReached(object, facts, inPod),
    judgeAccess(object, facts),
    judgeGroup(object, facts),
    judgeScaleSet(object, facts),
  ];
}

/** One outcome as one finding. */
function judged<T>(
  check: CheckName,
  object: string,
  outcome: Outcome<T>,
  wayOut: (trouble: Trouble) => string,
  well: (value: T) => Finding,
): Finding {
  switch (outcome.went) {
    case "well":
      return well(outcome.value);
    case "wrong":
      return fix(check, object, outcome.trouble.message, wayOut(outcome.trouble));
    case "untried":
      return notChecked(check, object, outcome.why);
  }
}

function wayOutOf({ set }: GithubFacts): (trouble: Trouble) => string {
  const { namespace = "" } = set.metadata;
  const secret = set.spec?.githubConfigSecret || "github";
  const create = `kubectl -n ${namespace} create secret generic ${secret} --from-literal=github_token=TOKEN`;
  const edit = `kubectl -n ${namespace} edit autoscalingrunnerset ${set.metadata.name}`;
  const ways: Readonly<Record<string, string>> = {
    SecretNotFound: set.spec?.githubConfigSecret ? create : `${edit} (githubConfigSecret)`,
    SecretInvalid: `kubectl -n ${namespace} edit secret ${secret} (which keys: docs/authentication.md)`,
    InvalidConfigURL: `${edit} (githubConfigUrl), or give the credentials access`,
    ProxyInvalid: `${edit} (proxy): docs/ghes-proxies-cas.md`,
    CertificateInvalid: `${edit} (githubServerTLS): docs/ghes-proxies-cas.md`,
    VaultUnavailable: "docs/authentication.md, and the vault's own log",
    Unauthorized: "renew the credentials, or give them the permission (docs/authentication.md); a token by " +
      `kubectl -n ${namespace} patch secret ${secret} -p '{"stringData":{"github_token":"TOKEN"}}'`,
  };
  return ({ reason }) => ways[reason] ?? "https://www.githubstatus.com; docs/troubleshoot.md";
}

const AT: Readonly<Record<NonNullable<Trouble["at"]>, { readonly what: string; readonly wayOut: string }>> = {
  dns: { what: "its name is not found", wayOut: "correct githubConfigUrl, or the cluster's DNS" },
  connect: { what: "no connection", wayOut: "open the firewall to it, or set the scale set's proxy" },
  tls: { what: "no trust", wayOut: "give its authority's certificate by githubServerTLS: docs/ghes-proxies-cas.md" },
  proxy: {
    what: "the proxy does not let us through",
    wayOut: "correct the scale set's proxy and its secret: docs/ghes-proxies-cas.md",
  },
  timeout: { what: "no answer in time", wayOut: "open the firewall to it, or set the scale set's proxy" },
  broken: { what: "the connection breaks", wayOut: "look at the proxy or firewall between here and GitHub" },
};

function judgeReached(object: string, facts: GithubFacts, inPod: boolean): Finding {
  const { reached, host } = facts;
  const from = inPod ? "" : " from here";
  switch (reached.went) {
    case "well":
      if (reached.value < 500) return ok("github", object, `${host} answers${from}`);
      return fix("github", object, `${host} answers ${reached.value}`, "https://www.githubstatus.com; try again later");
    case "wrong": {
      const { at, message } = reached.trouble;
      if (at === undefined) return fix("github", object, message, wayOutOf(facts)(reached.trouble));
      const { what, wayOut } = AT[at];
      return fix("github", object, `${host} can't be reached${from}, ${what}: ${message}`, wayOut);
    }
    case "untried":
      return notChecked("github", object, reached.why);
  }
}

/** What a classic token needs, by whom it registers runners for. One of each list is enough. */
const SCOPES: Readonly<Record<string, readonly string[]>> = {
  enterprise: ["manage_runners:enterprise", "admin:enterprise"],
  organization: ["admin:org"],
  repository: ["repo"],
};
const PERMISSIONS: Readonly<Record<string, string>> = {
  organization: "organization_self_hosted_runners",
  repository: "administration",
};

function judgeAccess(object: string, facts: GithubFacts): Finding {
  return judged("token", object, facts.access, wayOutOf(facts), (access) => {
    return access.kind === "pat" ? judgeToken(object, access, facts) : judgeApp(object, access, facts);
  });
}

function judgeToken(object: string, { scopes }: AccessFacts, { scope, group }: GithubFacts): Finding {
  // GitHub says nothing of fine-grained tokens; that it let this one in says enough.
  if (!scopes || (scopes.length === 0 && group.went === "well")) {
    const proven = group.went === "well";
    const message = "GitHub takes the token and names no scopes of it";
    return proven ? ok("token", object, `${message}; it may register runners`) : note("token", object, message);
  }
  const wanted = SCOPES[scope] ?? [];
  if (wanted.length === 0 || wanted.some((one) => scopes.includes(one))) {
    return ok("token", object, `a token with scopes ${scopes.join(", ")}`);
  }
  const has = scopes.length > 0 ? scopes.join(", ") : "none";
  return fix(
    "token",
    object,
    `the token lacks the scope ${wanted[0]}; it has: ${has}`,
    "a token with that scope: docs/authentication.md",
  );
}

function judgeApp(object: string, { installation }: AccessFacts, { scope, account }: GithubFacts): Finding {
  if (!installation) return notChecked("token", object, "GitHub's answer says nothing of the installation");
  const wayOut = "GitHub: the organization's settings > GitHub Apps > Configure; then docs/authentication.md";
  if (installation.suspended) {
    return fix("token", object, `the app's installation at ${installation.account} is suspended`, wayOut);
  }
  if (installation.account && installation.account.toLowerCase() !== account.toLowerCase()) {
    const message =
      `github_app_installation_id is the installation at ${installation.account}, and githubConfigUrl is of ${account}`;
    return fix("token", object, message, wayOut);
  }
  if (scope === "enterprise") {
    return fix(
      "token",
      object,
      "a GitHub App can't register runners at an enterprise",
      "a classic token: docs/authentication.md",
    );
  }
  const permission = PERMISSIONS[scope];
  const has = permission === undefined ? "write" : installation.permissions[permission];
  if (has !== "write") {
    return fix("token", object, `the app has ${permission}: ${has ?? "none"}, and needs write`, wayOut);
  }
  return ok("token", object, `an app, installed at ${installation.account}, with ${permission}: write`);
}

function judgeGroup(object: string, facts: GithubFacts): Finding {
  const { set, group } = facts;
  const name = set.spec?.runnerGroup;
  return judged("runner-group", object, group, wayOutOf(facts), (found) => {
    if (found) return ok("runner-group", object, name ? `the group ${found.name} is there` : "the default group");
    const message = `there is no runner group ${JSON.stringify(name)}, or it is not open to this config URL`;
    return fix(
      "runner-group",
      object,
      message,
      "correct runnerGroup, or open the group: GitHub's settings > Actions > Runner groups",
    );
  });
}

function judgeScaleSet(object: string, facts: GithubFacts): Finding {
  const { set, byId, byName, group } = facts;
  const id = annotatedId(set);
  const logs = "the controller puts it right within minutes; if it stays, its log says why";
  if (group.went !== "well") return notChecked("scale-set", object, "GitHub gives no answer about runner groups");
  if (!group.value) return notChecked("scale-set", object, "its runner group is not there");
  const wanted = wantedScaleSet(set);
  if (id === undefined) {
    return judged("scale-set", object, byName, wayOutOf(facts), (found) => {
      const there = found ? `GitHub has one named ${wanted.name} (id ${found.id})` : "GitHub has none of its name";
      const ready = set.status?.conditions?.find(({ type }) => type === "Ready");
      // The cause is counted where it stands, among the conditions.
      if (ready?.status === "False") {
        return note("scale-set", object, `it is not registered yet: ${ready.reason}; ${there}`);
      }
      return fix("scale-set", object, `it is not registered yet; ${there}`, logs);
    });
  }
  return judged("scale-set", object, byId, wayOutOf(facts), (found) => {
    if (!found) {
      const other = byName.went === "well" && byName.value ? `; ${wanted.name} is ${byName.value.id} there` : "";
      return fix("scale-set", object, `GitHub does not know its id ${id}${other}`, logs);
    }
    const differs = differencesOf(found, { ...wanted, groupId: group.value?.id ?? 0 });
    if (differs !== undefined) return fix("scale-set", object, `at GitHub ${differs}`, logs);
    return ok("scale-set", object, `${found.name}, id ${id}${jobsText(found)}`);
  });
}

function differencesOf(
  found: ScaleSet,
  wanted: { readonly name: string; readonly groupId: number; readonly labels: readonly string[] },
): string | undefined {
  if (found.name !== wanted.name) return `it is called ${found.name}, not ${wanted.name}`;
  if (found.runnerGroupId !== wanted.groupId) return `it is in the runner group ${found.runnerGroupName}`;
  const lacking = wanted.labels.filter((label) => !found.labels.includes(label));
  if (lacking.length > 0) return `it lacks the label ${lacking.join(", ")}`;
  const extra = found.labels.filter((label) => !wanted.labels.includes(label));
  return extra.length > 0 ? `it has the label ${extra.join(", ")} besides` : undefined;
}

function jobsText({ statistics }: ScaleSet): string {
  if (!statistics) return "";
  const { totalAvailableJobs, totalAssignedJobs, totalRunningJobs, totalRegisteredRunners } = statistics;
  return `: ${totalAvailableJobs} jobs wait, ${totalAssignedJobs} assigned, ${totalRunningJobs} run, ` +
    `${totalRegisteredRunners} runners`;
}

/** Two scale sets of one name in one group lock each other out. */
export function judgeDoubles(all: readonly GithubFacts[]): Finding[] {
  const seen = new Map<string, GithubFacts>();
  return all.flatMap((facts) => {
    const { name, group = "" } = wantedScaleSet(facts.set);
    const key = [
      facts.set.spec?.githubConfigUrl?.replace(/\/+$/, "").toLowerCase(),
      group.toLowerCase(),
      name.toLowerCase(),
    ].join(" ");
    const other = seen.get(key);
    seen.set(key, facts);
    if (!other) return [];
    const message = `${
      placeText(other.set)
    } registers the same name ${name} in the same group: they take each other's session`;
    return [fix("session", placeText(facts.set), message, "give one of the two another name (runnerScaleSetName)")];
  });
}
