/** The API server's refusals, in Kubernetes' own words: clients tell them apart by code and reason. */
import { type Kind, resourceName } from "./types.ts";

/** One reason of a refusal. */
export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly Cause[];
  readonly retryAfterSeconds?: number;
}

/** A metav1.Status with status Failure, thrown by whoever finds that a request cannot be done. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The Status object. */
  toJson(): Record<string, unknown> {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      ...(this.reason === "" ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

const about = (kind: Kind, name: string): StatusDetails => ({
  ...(name === "" ? {} : { name }),
  ...(kind.group === "" ? {} : { group: kind.group }),
  kind: kind.plural,
});

export function notFound(kind: Kind, name: string): StatusError {
  return new StatusError(404, "NotFound", `${resourceName(kind)} "${name}" not found`, about(kind, name));
}

/** The path names no resource that is served. */
export function noSuchResource(): StatusError {
  return new StatusError(404, "NotFound", "the server could not find the requested resource", {});
}

export function alreadyExists(kind: Kind, name: string): StatusError {
  return new StatusError(409, "AlreadyExists", `${resourceName(kind)} "${name}" already exists`, about(kind, name));
}

export function conflict(kind: Kind, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${resourceName(kind)} "${name}": ${why}`;
  return new StatusError(409, "Conflict", message, about(kind, name));
}

export const MODIFIED = "the object has been modified; please apply your changes to the latest version and try again";

export function forbidden(kind: Kind, name: string, why: string, causes?: readonly Cause[]): StatusError {
  const message = `${resourceName(kind)} "${name}" is forbidden: ${why}`;
  return new StatusError(403, "Forbidden", message, { ...about(kind, name), ...(causes ? { causes } : {}) });
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}

/** What was sent cannot be decoded into its kind. A patch tells the same as an invalid value. */
export class DecodeError extends StatusError {
  readonly why: string;

  constructor(kind: Kind, why: string) {
    super(400, "BadRequest", `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${why}`);
    this.why = why;
  }

  asPatchError(): StatusError {
    const cause = { field: "patch", reason: "FieldValueInvalid", message: `Invalid value: ${this.why}` };
    return new StatusError(422, "Invalid", ` "" is invalid: ${cause.field}: ${cause.message}`, { causes: [cause] });
  }
}

export function methodNotAllowed(kind?: Kind): StatusError {
  return new StatusError(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    kind ? about(kind, "") : {},
  );
}

/** @param kind the kind that a patch of this type was for */
export function unsupportedMediaType(accepted: readonly string[], kind?: Kind): StatusError {
  if (kind && !kind.custom) return new StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {});
  const message = `the body of the request was in an unknown format - accepted media types include: ${
    accepted.join(", ")
  }`;
  return new StatusError(415, "UnsupportedMediaType", message);
}

/** Built-in and custom kinds say it in different words. */
export function notAcceptable(accepted: readonly string[], custom: boolean): StatusError {
  const message = custom
    ? `only the following media types are accepted: ${accepted.join(", ")}`
    : `406: Not Acceptable\n\nAvailable representations: ${accepted.join(", ")}`;
  return new StatusError(406, "NotAcceptable", message);
}

/** A resource version, or a continue token, that history no longer reaches. */
export function expired(message: string): StatusError {
  return new StatusError(410, "Expired", message);
}

export function unauthorized(): StatusError {
  return new StatusError(401, "Unauthorized", "Unauthorized");
}

/** What this simulator does not do, said so. */
export function notImplemented(what: string): StatusError {
  return new StatusError(501, "NotImplemented", `this simulated API server does not do that: ${what}`);
}

/** One thing that is wrong with an object. */
export interface FieldError {
  readonly field: string;
  readonly reason: string;
  /** Without the field's name. */
  readonly message: string;
}

export const required = (field: string, detail = ""): FieldError => ({
  field,
  reason: "FieldValueRequired",
  message: `Required value${detail ? `: ${detail}` : ""}`,
});

export const invalidValue = (field: string, value: unknown, detail: string): FieldError => ({
  field,
  reason: "FieldValueInvalid",
  message: `Invalid value: ${shown(value)}: ${detail}`,
});

/** The value has another type than it must. The server names the type in place of the value. */
export const wrongType = (field: string, value: unknown, detail: string): FieldError => ({
  field,
  reason: "FieldValueTypeInvalid",
  message: `Invalid value: ${shown(value)}: ${detail}`,
});

export const unsupported = (field: string, value: unknown, allowed: readonly unknown[]): FieldError => ({
  field,
  reason: "FieldValueNotSupported",
  message: `Unsupported value: ${shown(value)}: supported values: ${allowed.map(shown).join(", ")}`,
});

export const forbiddenField = (field: string, detail: string): FieldError => ({
  field,
  reason: "FieldValueForbidden",
  message: `Forbidden: ${detail}`,
});

export const duplicate = (field: string, value: unknown): FieldError => ({
  field,
  reason: "FieldValueDuplicate",
  message: `Duplicate value: ${shown(value)}`,
});

function shown(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

/** Throws a 422 when there is anything wrong. */
export function refuseInvalid(kind: Kind, name: string, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const lines = errors.map(({ field, message }) => `${field}: ${message}`);
  const text = lines.length === 1 ? lines[0]! : `[${lines.join(", ")}]`;
  const title = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  throw new StatusError(422, "Invalid", `${title} "${name}" is invalid: ${text}`, {
    ...(name === "" ? {} : { name }),
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: kind.kind,
    causes: errors,
  });
}
