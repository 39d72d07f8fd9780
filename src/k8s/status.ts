/** What the API server's refusals mean: its Status objects are read here and nowhere else. */
import { KubeError, type KubeErrorKind } from "./errors.ts";

/** The part of metav1.Status that says what went wrong. */
export interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly kind?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly field?: string; readonly message?: string }[];
  };
}

/** A refusal as it came over HTTP. Headers have lower-case names. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The longest part of a foreign text (a proxy's error page, say) that goes into a message. */
const LONGEST_TEXT = 300;

/** Nobody who means it asks to wait for longer than a day. */
const LONGEST_WAIT_SECONDS = 86_400;

/** The error of an HTTP answer that is none of 2xx. `request` is its verb and path, for people. */
export function errorOfReply(reply: Refusal, request: string): KubeError {
  const status = statusOf(reply.text);
  const told = textOf(status?.message) || reply.text.trim().slice(0, LONGEST_TEXT) || `HTTP status ${reply.status}`;
  return errorOf(reply.status, status ?? {}, told, request, secondsOf(reply.headers["retry-after"]));
}

/** The error that an ERROR event of a watch carries. */
export function errorOfStatus(status: Status, request: string): KubeError {
  return errorOf(
    typeof status.code === "number" ? status.code : 500,
    status,
    textOf(status.message) || `the watch ended: ${status.reason ?? "no reason"}`,
    request,
  );
}

/** The Status object that `text` is, if it is one. */
export function statusOf(text: string): Status | undefined {
  if (!text.trimStart().startsWith("{")) return undefined;
  try {
    const value = JSON.parse(text) as Status & { kind?: string };
    return value.kind === "Status" ? value : undefined;
  } catch {
    return undefined; // not JSON: somebody between us and the API server has answered
  }
}

function errorOf(code: number, status: Status, told: string, request: string, headerSeconds?: number): KubeError {
  const asked = status.details?.retryAfterSeconds;
  const seconds = typeof asked === "number" && asked > 0 && asked < LONGEST_WAIT_SECONDS ? asked : headerSeconds;
  return new KubeError(told, {
    kind: kindOf(code, status),
    status: code,
    reason: textOf(status.reason),
    about: status.details?.kind,
    request,
    ...(seconds === undefined ? {} : { retryAfterMs: seconds * 1000 }),
  });
}

function kindOf(code: number, status: Status): KubeErrorKind {
  const { reason } = status;
  if (code === 403) return forbiddenKind(status);
  if (code === 409) return reason === "AlreadyExists" ? "AlreadyExists" : "Conflict";
  if (code === 410 || reason === "Expired" || reason === "Gone") return "Gone";
  // Our patches carry the UID of the object that they mean; another one of that name refuses it.
  if (code === 422 && causesOf(status).some((cause) => cause?.field === "metadata.uid")) return "NotFound";
  if (code >= 500) return "Unavailable";
  return KIND_OF_CODE[code] ?? "Other";
}

const KIND_OF_CODE: Readonly<Record<number, KubeErrorKind>> = {
  400: "BadRequest",
  401: "Unauthorized",
  404: "NotFound",
  408: "Unavailable",
  422: "Invalid",
  429: "TooManyRequests",
};

function forbiddenKind(status: Status): KubeErrorKind {
  if (causesOf(status).some((cause) => cause?.reason === "NamespaceTerminating")) return "NamespaceTerminating";
  // The one place that looks at a message: the quota plugin refuses with reason Forbidden and no cause, so nothing
  // else tells "full for now" from "not allowed".
  return /\bexceeded quota\b/.test(textOf(status.message)) ? "QuotaExceeded" : "Forbidden";
}

/**
 * Whether a message of a 403 is the authorizer's: whoever asked lacks rights, and it is not the object that is at fault.
 * An API server that has just started says so of everybody until it has read its roles.
 */
export function isWantOfRights(message: string): boolean {
  return /\bUser "[^"]*" cannot \w+ resource\b/.test(message);
}

/** Retry-After in seconds. Its other form, a date, is not used by API servers and is not believed. */
function secondsOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header.trim()) ? Number(header) : undefined;
}

/** What stands between us and an API server may send anything. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function causesOf({ details }: Status): readonly ({ readonly reason?: unknown; readonly field?: unknown } | null)[] {
  return Array.isArray(details?.causes) ? details.causes : [];
}
