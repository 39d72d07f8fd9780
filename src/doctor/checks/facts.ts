/** What the checks judge: facts of one moment, gathered by reads alone. Holds no secret value. */
import type {
  AutoscalingListener,
  AutoscalingRunnerSet,
  EphemeralRunner,
  EphemeralRunnerSet,
} from "../../api/kinds.ts";
import type { ScaleSet } from "../../github/service.ts";
import type { Lease, Pod, Role, RoleBinding, Secret, ServiceAccount, Stored } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import type { Deployment, InstalledCrd } from "../kinds.ts";
import type { Seen } from "./finding.ts";
import type { Right } from "./rights_table.ts";

export interface Facts {
  /** The API server's time as far as it is known, else this machine's. */
  readonly now: Instant;
  /** Whether this runs in a pod of the cluster, and so sees the network as the controller does. */
  readonly inPod: boolean;
  readonly version: string;
  readonly api: ApiFacts;
  readonly crds: readonly CrdFacts[];
  readonly rights: readonly RightsFacts[];
  readonly controllers: Seen<readonly ControllerFacts[]>;
  readonly clocks: readonly ClockFacts[];
  readonly objects: Objects;
  readonly github: readonly GithubFacts[];
  /** Names of scale sets that were asked for and are not there. */
  readonly missing: readonly string[];
}

export interface ApiFacts {
  readonly host: string;
  /** The Kubernetes version, or why there is no answer. */
  readonly version: Seen<string>;
  readonly wayOut?: string;
}

export interface CrdFacts {
  readonly name: string;
  readonly kind: string;
  /** Undefined: there is none. */
  readonly installed: Seen<InstalledCrd | undefined>;
  /** Whether discovery lists the kind, which everybody may read. */
  readonly served: Seen<boolean>;
  /** The schema that this program brings. */
  readonly bundled: unknown;
}

/** Rights of one subject. */
export interface RightsFacts {
  /** Whose they are: a user name. */
  readonly who: string;
  /** Whether that is a controller, and not whoever runs the doctor. */
  readonly isController: boolean;
  readonly asked: readonly { readonly right: Right; readonly namespace?: string; readonly allowed: Seen<boolean> }[];
}

export interface ControllerFacts {
  readonly deployment: Stored<Deployment>;
  /** Of its namespace. */
  readonly pods: Seen<readonly Stored<Pod>[]>;
  /** Undefined: it elects no leader, or there is no lease. */
  readonly lease?: { readonly name: string; readonly found: Seen<Stored<Lease> | undefined> };
}

/** Another machine's clock. */
export interface ClockFacts {
  readonly host: string;
  readonly of: "api-server" | "github";
  /** How far it is ahead of this machine's, in milliseconds; precise to a second. */
  readonly aheadMs: Seen<number>;
}

/** Objects of the namespaces in question. */
export interface Objects {
  readonly scaleSets: Seen<readonly Stored<AutoscalingRunnerSet>[]>;
  /** All of the namespaces in question, also those that were not asked for by name. */
  readonly allScaleSets: Seen<readonly Stored<AutoscalingRunnerSet>[]>;
  readonly runnerSets: Seen<readonly Stored<EphemeralRunnerSet>[]>;
  readonly runners: Seen<readonly Stored<EphemeralRunner>[]>;
  readonly listeners: Seen<readonly Stored<AutoscalingListener>[]>;
  readonly runnerPods: Seen<readonly Stored<Pod>[]>;
  /** Pods of the namespaces of listeners. */
  readonly listenerPods: Seen<readonly Stored<Pod>[]>;
  readonly roles: Seen<readonly Stored<Role>[]>;
  readonly roleBindings: Seen<readonly Stored<RoleBinding>[]>;
  readonly serviceAccounts: Seen<readonly Stored<ServiceAccount>[]>;
  /** Those that say which scale set they are for; without their data. */
  readonly secrets: Seen<readonly Stored<Secret>[]>;
}

/** Something that went wrong on the way to GitHub. */
export interface Trouble {
  /** A word of troubleshoot.md. */
  readonly reason: string;
  readonly message: string;
  /** Where it went wrong, when no answer came. */
  readonly at?: "dns" | "connect" | "tls" | "proxy" | "timeout" | "broken";
}

/** How a step went: fine, not fine, or could not be tried. */
export type Outcome<T> =
  | { readonly went: "well"; readonly value: T }
  | { readonly went: "wrong"; readonly trouble: Trouble }
  | { readonly went: "untried"; readonly why: string };

/** What GitHub says of credentials. */
export interface AccessFacts {
  readonly kind: "pat" | "app";
  /** Of a classic token; undefined: GitHub does not say (fine-grained tokens have permissions instead). */
  readonly scopes?: readonly string[];
  readonly installation?: {
    readonly account: string;
    readonly permissions: Readonly<Record<string, string>>;
    readonly suspended: boolean;
  };
}

/** A registration that no runner of the cluster accounts for, looked at twice. */
export interface StrayRegistration {
  readonly id: number;
  readonly name: string;
  readonly busy: boolean;
  readonly online: boolean;
}

/** One scale set, seen from GitHub's side. */
export interface GithubFacts {
  readonly set: Stored<AutoscalingRunnerSet>;
  readonly host: string;
  readonly scope: "enterprise" | "organization" | "repository" | "";
  /** The organization, the owner of the repository, or the enterprise. */
  readonly account: string;
  /** Which credentials, for people: no value. */
  readonly secret: Outcome<string>;
  readonly proxy: Outcome<string>;
  readonly certificate: Outcome<string>;
  /** The HTTP status of the first answer. */
  readonly reached: Outcome<number>;
  readonly access: Outcome<AccessFacts>;
  /** Id and name of the runner group. */
  readonly group: Outcome<{ readonly id: number; readonly name: string } | undefined>;
  /** By the id that the object remembers; undefined: it remembers none, or GitHub knows none. */
  readonly byId: Outcome<ScaleSet | undefined>;
  readonly byName: Outcome<ScaleSet | undefined>;
  readonly strays: Outcome<readonly StrayRegistration[]>;
}
