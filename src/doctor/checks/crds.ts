/** Are the definitions of the four kinds there, served and current? Pure. */
import type { CrdFacts } from "./facts.ts";
import { type Finding, fix, notChecked, note, ok, some } from "./finding.ts";

const APPLY = "kubectl apply --server-side --force-conflicts -f crds/";

export function judgeCrds(crds: readonly CrdFacts[]): Finding[] {
  return crds.map(judgeCrd);
}

function judgeCrd({ name, kind, installed, served, bundled }: CrdFacts): Finding {
  if (!installed.known) {
    if (!served.known) return notChecked("crds", name, installed.why);
    if (!served.value) return fix("crds", name, `the API server serves no ${kind}`, APPLY);
    return notChecked("crds", name, `it is served; whether it is current can't be told: ${installed.why}`);
  }
  const crd = installed.value;
  if (!crd) return fix("crds", name, "there is no such definition: the controller waits for it", APPLY);
  if (crd.metadata?.deletionTimestamp !== undefined) {
    return fix(
      "crds",
      name,
      "it is being deleted, and with it every object of its kind",
      `kubectl get crd ${name} -o yaml`,
    );
  }
  const established = crd.status?.conditions?.find(({ type }) => type === "Established");
  if (established?.status !== "True") {
    const said = crd.status?.conditions?.find(({ status, message }) => status === "False" && message)?.message;
    return fix("crds", name, `it is not established${said ? `: ${said}` : ""}`, `kubectl describe crd ${name}`);
  }
  const version = crd.spec?.versions?.find((each) => each.name === "v1alpha1" && each.served === true);
  if (!version) return fix("crds", name, "it serves no version v1alpha1", APPLY);
  return judgeSchema(name, differences(bundled, version.schema?.openAPIV3Schema));
}

function judgeSchema(name: string, { lacking, unknown, templates }: Differences): Finding {
  if (lacking.length > 0) {
    const fields = some(lacking);
    const message = `it is older than this program, or ARC's: it drops ${fields}, and what depends on that is off`;
    return note("crds", name, message, APPLY);
  }
  if (unknown.length > 0) {
    return note("crds", name, `it is newer than this program: it has ${some(unknown)}`);
  }
  if (templates > 0) {
    const message =
      `its pod templates are those of another Kubernetes version: ${templates} fields of pods are dropped`;
    return note("crds", name, message, APPLY);
  }
  return ok("crds", name, "there, served and current");
}

/** How an installed schema differs from ours: paths of fields. */
export interface Differences {
  /** Ours that it lacks, outside pod templates; what is below a lacking field is not named. */
  readonly lacking: readonly string[];
  /** Its own that we do not know, outside pod templates. */
  readonly unknown: readonly string[];
  /** How many fields of pod templates it lacks. */
  readonly templates: number;
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

/** Compares two structural schemas by the fields that they have. */
export function differences(ours: unknown, theirs: unknown): Differences {
  const own = pathsOf(ours as Schema | undefined);
  const installed = pathsOf(theirs as Schema | undefined);
  const isTop = (paths: ReadonlySet<string>) => (path: string) =>
    paths.has(path.slice(0, path.lastIndexOf("."))) || !path.includes(".");
  const lackingAll = [...own].filter((path) => !installed.has(path)).filter(isTop(installed));
  const unknownAll = [...installed].filter((path) => !own.has(path)).filter(isTop(own));
  return {
    lacking: lackingAll.filter((path) => !isOfTemplate(path)),
    unknown: unknownAll.filter((path) => !isOfTemplate(path)),
    templates: lackingAll.filter(isOfTemplate).length,
  };
}

/** Pod templates stand under these names; that of a runner stands inline, as `spec.spec`. */
function isOfTemplate(path: string): boolean {
  return /(^|\.)(template|listenerTemplate|ephemeralRunnerSpec)\.(spec|metadata)\./.test(path) ||
    /^spec\.(spec|metadata|template)\./.test(path);
}

function pathsOf(schema: Schema | undefined): Set<string> {
  const paths = new Set<string>();
  const walk = (at: Schema | undefined, path: string) => {
    if (!at || typeof at !== "object") return;
    for (const [name, child] of Object.entries(at.properties ?? {})) {
      const here = path === "" ? name : `${path}.${name}`;
      paths.add(here);
      walk(child, here);
    }
    // Members of lists and maps have their container's path: a field is a field.
    walk(at.items, path);
    if (typeof at.additionalProperties === "object") walk(at.additionalProperties, path);
  };
  walk(schema, "");
  return paths;
}
