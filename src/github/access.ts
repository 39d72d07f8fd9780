/**
 * What GitHub's REST API says of credentials and of the runners that are registered. Reads alone: GitHub's documentation
 * of `GET /`, "Get an installation for the authenticated app" and "List self-hosted runners" is the source.
 */
import * as z from "zod";
import type { ConfigUrl } from "../lib/config_url.ts";
import { call } from "../lib/http.ts";
import { appToken, bearerOf, checkCredentials, ownerPath } from "./auth.ts";
import type { Connection } from "./client.ts";
import { ServiceError } from "./errors.ts";
import { refusal, Wire, WIRE_LIMITS } from "./http.ts";
import { looseText, parsed } from "./parse.ts";
import { userAgentText } from "./user_agent.ts";

/** GitHub's first answer to credentials. */
export interface FirstWord {
  readonly status: number;
  /** GitHub's clock at the moment of the answer, in milliseconds since the epoch; precise to a second. */
  readonly date?: number;
  readonly kind: "pat" | "app";
  /** What is not right with the credentials. */
  readonly refused?: ServiceError;
  /** Of a classic token; undefined: GitHub names none. */
  readonly scopes?: readonly string[];
  readonly installation?: Installation;
}

/** Where a GitHub App is installed, and what it may do there. */
export interface Installation {
  readonly account: string;
  /** Permission -> `read`, `write` or `admin`. */
  readonly permissions: Readonly<Record<string, string>>;
  readonly suspended: boolean;
}

/** A runner as GitHub's REST API lists it. */
export interface ListedRunner {
  readonly id: number;
  readonly name: string;
  readonly online: boolean;
  readonly busy: boolean;
}

const installationReply = z.looseObject({
  account: z.looseObject({ login: looseText, slug: looseText }).nullish(),
  permissions: z.record(z.string(), z.string()).nullish(),
  suspended_at: z.string().nullish(),
});
const runnersReply = z.looseObject({
  runners: z.array(
    z.looseObject({ id: z.number(), name: looseText, status: looseText, busy: z.boolean().nullish() }),
  ).nullish(),
});

/**
 * Shows GitHub the credentials by one GET. An answer of any status resolves.
 * @throws TransportError when no answer comes, CredentialsError when they can't be used as they are
 */
export async function firstWord(connection: Connection, signal?: AbortSignal): Promise<FirstWord> {
  const { configUrl: { apiBase }, credentials, transport, clock, userAgent, limits } = connection;
  const checked = checkCredentials(credentials);
  const [path, token] = checked.kind === "pat"
    ? ["", checked.token]
    : [`app/installations/${checked.installationId}`, appToken(checked.key, checked.appId, clock.now())];
  const headers = {
    "accept": "application/vnd.github+json",
    "user-agent": userAgentText(userAgent),
    "authorization": `Bearer ${token}`,
  };
  const deadlineMs = limits?.callMs ?? WIRE_LIMITS.callMs;
  const reply = await call(transport, { method: "GET", url: `${apiBase}/${path}`, headers }, {
    clock,
    deadlineMs,
    signal,
  });
  const date = Date.parse(reply.headers["date"] ?? "");
  const scopes = reply.headers["x-oauth-scopes"];
  const good = reply.status >= 200 && reply.status <= 299;
  const label = `GET ${path || "/"}`;
  // A server may know no root; what counts is that it has not refused the token.
  const matters = checked.kind === "app" ? !good : reply.status === 401 || reply.status === 403;
  return {
    status: reply.status,
    ...(Number.isNaN(date) ? {} : { date }),
    kind: checked.kind,
    ...(matters ? { refused: refusal(reply, label, {}, clock) } : {}),
    ...(scopes === undefined ? {} : { scopes: scopes.split(",").map((scope) => scope.trim()).filter(Boolean) }),
    ...(checked.kind === "app" && good
      ? { installation: installationOf(parsed({ ...reply, label }, installationReply)) }
      : {}),
  };
}

function installationOf(wire: z.infer<typeof installationReply>): Installation {
  return {
    account: wire.account?.login || wire.account?.slug || "",
    permissions: wire.permissions ?? {},
    suspended: Boolean(wire.suspended_at),
  };
}

const PAGE = 100;

/**
 * The runners that are registered where the config URL points, those of other scale sets included.
 * @param most how many are read at most; `complete` says whether that was enough
 * @throws ServiceError
 */
export async function listRunners(
  connection: Connection,
  most: number,
): Promise<{ readonly runners: readonly ListedRunner[]; readonly complete: boolean }> {
  const { configUrl, credentials, limits, ...rest } = connection;
  const wire = new Wire({ ...rest, limits: { ...WIRE_LIMITS, ...limits } });
  const authorization = `Bearer ${await bearerOf(wire, configUrl, credentials)()}`;
  const runners: ListedRunner[] = [];
  for (let page = 1; runners.length < most; page++) {
    const reply = await wire.send({
      method: "GET",
      url: `${configUrl.apiBase}/${runnersPath(configUrl)}?per_page=${PAGE}&page=${page}`,
      authorization,
      label: `GET ${runnersPath(configUrl)}`,
    });
    const found = parsed(reply, runnersReply).runners ?? [];
    runners.push(
      ...found.map(({ id, name, status, busy }) => ({ id, name, online: status === "online", busy: busy === true })),
    );
    if (found.length < PAGE) return { runners, complete: true };
  }
  return { runners, complete: false };
}

function runnersPath(configUrl: ConfigUrl): string {
  return `${ownerPath(configUrl)}/actions/runners`;
}
