/** The options of lists and watches, and the tokens by which a list goes on. */
import { Buffer } from "node:buffer";
import { isTrue } from "./requests.ts";
import { badRequest, type FieldError, forbiddenField, invalidValue, StatusError } from "./status.ts";
import type { World } from "./world.ts";

/** -1: what is newest. */
export function startOf(world: World, query: URLSearchParams, limit: number): { version: number; start: string } {
  const asked = versionOf(query);
  const match = query.get("resourceVersionMatch") ?? "";
  if (asked === undefined || asked === 0) return { version: -1, start: "" };
  if (asked > world.storage.version) throw tooLarge(asked, world.storage.version);
  const exact = match === "Exact" || (match === "" && limit > 0);
  return { version: exact ? asked : -1, start: "" };
}

function tooLarge(asked: number, current: number): StatusError {
  return new StatusError(504, "Timeout", `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}

const EXPIRED_TOKEN = "The provided continue parameter is too old to display a consistent list result. You can start " +
  "a new list without the continue parameter, or use the continue token in this response to retrieve the remainder " +
  "of the results. Continuing with the provided token results in an inconsistent list - objects that were created, " +
  "modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/** The answer to a token that is too old carries another one. */
export class ExpiredToken extends StatusError {
  readonly #token: string;

  constructor(token: string) {
    super(410, "Expired", EXPIRED_TOKEN);
    this.#token = token;
  }

  override toJson(): Record<string, unknown> {
    return { ...super.toJson(), metadata: { continue: this.#token } };
  }
}

export function tokenOf(version: number, start: string): string {
  const token = { v: "meta.k8s.io/v1", rv: version, start: `${start}\u0000` };
  return Buffer.from(JSON.stringify(token)).toString("base64url");
}

export function continuation(world: World, token: string): { version: number; start: string } {
  let parsed: { rv?: unknown; start?: unknown } | undefined;
  try {
    parsed = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    parsed = undefined; // refused below, as any token is that we did not make
  }
  if (typeof parsed?.rv !== "number" || typeof parsed.start !== "string" || parsed.rv > world.storage.version) {
    throw badRequest("invalid continue token: continue key is not valid");
  }
  return { version: parsed.rv, start: parsed.start.split("\u0000", 1)[0]! };
}

export function versionOf(query: URLSearchParams): number | undefined {
  const text = query.get("resourceVersion") ?? "";
  if (text === "") return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const why = `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${
    JSON.stringify(text)
  }: invalid syntax`;
  if (isTrue(query.get("watch"))) throw new StatusError(500, "", why);
  throw badRequest(`invalid resource version: ${why}`);
}

export function numberOf(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? "";
  if (text === "") return 0;
  if (!/^\d+$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

/** Combinations of options that the API server refuses. @throws StatusError 422 */
export function refuseOptions(query: URLSearchParams, watch: boolean): void {
  const match = query.get("resourceVersionMatch") ?? "";
  const version = query.get("resourceVersion") ?? "";
  const initial = query.get("sendInitialEvents");
  const refuse = (detail: string, field = "resourceVersionMatch") => refuseList([forbiddenField(field, detail)]);
  if (watch && initial !== null) {
    if (match !== "NotOlderThan") refuse("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    return;
  }
  if (initial !== null) refuse("sendInitialEvents is forbidden for list", "sendInitialEvents");
  if (match === "") return;
  if (watch) refuse("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  if (version === "") refuse("resourceVersionMatch is forbidden unless resourceVersion is provided");
  if (query.get("continue")) refuse("resourceVersionMatch is forbidden when continue is provided");
  if (match !== "Exact" && match !== "NotOlderThan") {
    refuseList([invalidValue("resourceVersionMatch", match, "unsupported")]);
  }
  if (match === "Exact" && version === "0") refuse(`resourceVersionMatch "exact" is forbidden for resourceVersion "0"`);
}

function refuseList(causes: readonly FieldError[]): never {
  const lines = causes.map(({ field, message }) => `${field}: ${message}`).join(", ");
  const details = { group: "meta.k8s.io", kind: "ListOptions", causes };
  throw new StatusError(422, "Invalid", `ListOptions.meta.k8s.io "" is invalid: ${lines}`, details);
}
