/** What an answer of GitHub means to a caller; decided at the edge, from status and typeName. */
export type ServiceErrorKind =
  | "Unauthorized"
  | "Forbidden"
  | "NotFound"
  | "ScaleSetNotFound"
  | "ScaleSetExists"
  | "RunnerExists"
  | "JobStillRunning"
  | "SessionConflict"
  | "SessionNotFound"
  | "RateLimited"
  | "BadRequest"
  | "Unavailable"
  | "BadReply";

/** Facts of an error that a log line, a condition or a decision may use. */
export interface ServiceErrorFields {
  readonly kind: ServiceErrorKind;
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** The exception that the service named, "" when it named none. */
  readonly typeName?: string;
  /** Which call, for people: `POST .../generatejitconfig`. */
  readonly call: string;
  /** Ids that GitHub's support asks for: ActivityId and X-GitHub-Request-Id. */
  readonly activityId?: string;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
}

/** GitHub refused, or could not be reached (kind "Unavailable"). The message names call, status and request ids. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly kind: ServiceErrorKind;
  readonly fields: ServiceErrorFields;

  constructor(message: string, fields: ServiceErrorFields, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = fields.kind;
    this.fields = fields;
  }

  /** Whether `error` is a ServiceError of one of these kinds. */
  static is(error: unknown, ...kinds: ServiceErrorKind[]): error is ServiceError {
    return error instanceof ServiceError && (kinds.length === 0 || kinds.includes(error.kind));
  }
}
