/** What an API server's refusal means to a caller. Decided once, here, from status code and reason; never from a message. */
export type KubeErrorKind =
  | "BadRequest"
  | "Unauthorized"
  | "Forbidden"
  | "QuotaExceeded"
  | "NamespaceTerminating"
  | "NotFound"
  | "AlreadyExists"
  | "Conflict"
  | "Gone"
  | "Invalid"
  | "TooManyRequests"
  | "Unavailable"
  | "Other";

/** Facts of an error that a log line or a decision may use. */
export interface KubeErrorFields {
  readonly kind: KubeErrorKind;
  /** HTTP status code. */
  readonly status: number;
  /** The Status object's reason, "" when there is none. */
  readonly reason: string;
  /** The resource that the answer is about, by its plural, where it says so: not always that of the call. */
  readonly about?: string;
  /** The verb and path of the call. */
  readonly request?: string;
  /** What the server asks to wait, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** The API server answered that it will not do what was asked. The message is the server's. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly kind: KubeErrorKind;
  readonly status: number;
  readonly reason: string;
  readonly about: string | undefined;
  readonly request: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, fields: KubeErrorFields) {
    super(message);
    this.kind = fields.kind;
    this.status = fields.status;
    this.reason = fields.reason;
    this.about = fields.about;
    this.request = fields.request;
    this.retryAfterMs = fields.retryAfterMs;
  }

  /** Whether `error` is a KubeError of one of these kinds. */
  static is(error: unknown, ...kinds: KubeErrorKind[]): error is KubeError {
    return error instanceof KubeError && (kinds.length === 0 || kinds.includes(error.kind));
  }

  /** Whether a call failed because the namespace that it is about is not there, or is going. */
  static isHomeless(error: unknown): error is KubeError {
    return KubeError.is(error, "NamespaceTerminating") ||
      (KubeError.is(error, "NotFound") && error.about === "namespaces");
  }
}
