/** What a check says, and what it says it of. Pure. */

/** The checks, in the order in which they are told. */
export const CHECKS = [
  "api-server",
  "crds",
  "rights",
  "controller",
  "lease",
  "clock",
  "scale-sets",
  "secret",
  "proxy",
  "certificate",
  "github",
  "token",
  "runner-group",
  "scale-set",
  "listener",
  "session",
  "conditions",
  "runners",
  "finalizers",
  "orphans",
] as const;

export type CheckName = (typeof CHECKS)[number];

/**
 * `ok`: nothing to say. `note`: worth knowing, nobody has to do anything. `fix`: somebody has to. `not checked`: the
 * facts could not be had, which says nothing either way.
 */
export type State = "ok" | "note" | "fix" | "not checked";

/** One line of the doctor's. */
export interface Finding {
  readonly check: CheckName;
  /** What was looked at: `namespace/name`, or words. */
  readonly object: string;
  readonly state: State;
  readonly message: string;
  /** What a person can do: a command where there is one. */
  readonly wayOut?: string;
}

/** A fact, or why it could not be had. */
export type Seen<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

export function known<T>(value: T): Seen<T> {
  return { known: true, value };
}

export function unknown(why: string): { readonly known: false; readonly why: string } {
  return { known: false, why };
}

export function ok(check: CheckName, object: string, message: string): Finding {
  return { check, object, state: "ok", message };
}

export function note(check: CheckName, object: string, message: string, wayOut?: string): Finding {
  return { check, object, state: "note", message, ...(wayOut === undefined ? {} : { wayOut }) };
}

export function fix(check: CheckName, object: string, message: string, wayOut: string): Finding {
  return { check, object, state: "fix", message, wayOut };
}

export function notChecked(check: CheckName, object: string, why: string, wayOut?: string): Finding {
  return { check, object, state: "not checked", message: why, ...(wayOut === undefined ? {} : { wayOut }) };
}

/** The first few of many, for a line. */
export function some(names: readonly string[], most = 3): string {
  return names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

/** `namespace/name` of an object. */
export function placeText(object: { readonly metadata?: { namespace?: string; name?: string } }): string {
  const { namespace, name = "" } = object.metadata ?? {};
  return namespace === undefined ? name : `${namespace}/${name}`;
}
