/** Getting in: from a token or a GitHub App to the admin token of the Actions Service. */
import { createPrivateKey, createSign, type KeyObject } from "node:crypto";
import { unlessAborted } from "../lib/abort.ts";
import { delayOf } from "../lib/backoff.ts";
import type { ConfigUrl } from "../lib/config_url.ts";
import * as z from "zod";
import { ServiceError } from "./errors.ts";
import type { Wire, WireReply } from "./http.ts";
import { parsed } from "./parse.ts";

/** What a user gives us. Secret values; white space around them does not count. */
export type Credentials =
  | { readonly kind: "pat"; readonly token: string }
  | {
    readonly kind: "app";
    /** App id or client id. */
    readonly appId: string;
    readonly installationId: number;
    /** PEM: PKCS #1 or PKCS #8. */
    readonly privateKey: string;
  };

/** The credentials can't be used as they are. The message never shows a value. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

/** The way to the service of a tenant, for as long as it lasts. */
export interface Admission {
  /** Base of the Actions Service, without a trailing slash. */
  readonly serviceUrl: string;
  /** Admin token (JWT). Secret. */
  readonly token: string;
  /** On the monotonic clock: from then on it is to be refreshed. */
  readonly refreshAt: number;
}

/** A token is refreshed when fewer milliseconds than this are left of its life. */
const MARGIN_MS = 60_000;
/** How long a token is used whose end can't be read, or seems to have passed when it is issued: one of the clocks is wrong. */
const UNKNOWN_LIFE_MS = 10 * 60_000;

const tokenReply = z.looseObject({ token: z.string().min(1) });
const registrationReply = z.looseObject({ url: z.string().min(1), token: z.string().min(1) });

/**
 * The admin token of one config URL and credential. It is fetched once: those who ask at the same time share a
 * flight. After a refusal the next flight waits, and who asks meanwhile gets the same refusal at once.
 */
export class Admissions {
  readonly #wire: Wire;
  readonly #config: ConfigUrl;
  readonly #bearer: () => Promise<string>;
  #current: Admission | undefined;
  #flight: Promise<Admission> | undefined;
  #refusal: { readonly error: unknown; readonly until: number; readonly count: number } | undefined;

  /** @throws CredentialsError when a private key can't be read or a token is empty */
  constructor(wire: Wire, config: ConfigUrl, credentials: Credentials) {
    this.#wire = wire;
    this.#config = config;
    this.#bearer = bearerOf(wire, config, credentials);
  }

  /** The admission in force, or a new one. @throws ServiceError when GitHub gives none */
  async get(signal?: AbortSignal): Promise<Admission> {
    const now = this.#wire.options.clock.monotonic();
    if (this.#current && now < this.#current.refreshAt) return this.#current;
    if (this.#refusal && now < this.#refusal.until) throw this.#refusal.error;
    this.#flight ??= this.#fly().finally(() => this.#flight = undefined);
    return await unlessAborted(this.#flight, signal);
  }

  /** The service refused this admission before its end: the next {@link get} fetches another one. */
  refused(admission: Admission): void {
    if (this.#current === admission) this.#current = undefined;
  }

  async #fly(): Promise<Admission> {
    const { clock, limits, random } = this.#wire.options;
    try {
      const admission = await this.#register(await this.#registrationToken());
      this.#refusal = undefined;
      return this.#current = admission;
    } catch (error) {
      const count = (this.#refusal?.count ?? -1) + 1;
      const delayMs = delayOf(limits.backoff, count, random);
      this.#refusal = { error, until: clock.monotonic() + delayMs, count };
      throw error;
    }
  }

  async #registrationToken(): Promise<string> {
    const { apiBase } = this.#config;
    const reply = await this.#wire.send({
      method: "POST",
      url: `${apiBase}/${ownerPath(this.#config)}/actions/runners/registration-token`,
      authorization: `Bearer ${await this.#bearer()}`,
      label: `POST ${ownerPath(this.#config)}/actions/runners/registration-token`,
    });
    return parsed(reply, tokenReply).token;
  }

  /** A fresh registration token takes a moment to be known everywhere: 401 and 403 are asked again. */
  async #register(registrationToken: string): Promise<Admission> {
    const { clock, limits, random } = this.#wire.options;
    for (let attempt = 0;; attempt++) {
      try {
        const reply = await this.#wire.send({
          method: "POST",
          url: `${this.#config.apiBase}/actions/runner-registration`,
          authorization: `RemoteAuth ${registrationToken}`,
          body: { url: this.#config.href, runner_event: "register" },
          label: "POST actions/runner-registration",
        });
        return this.#admissionOf(reply);
      } catch (error) {
        if (!ServiceError.is(error, "Unauthorized", "Forbidden") || attempt >= limits.retries) throw error;
        await clock.sleep(delayOf(limits.backoff, attempt, random));
      }
    }
  }

  #admissionOf(reply: WireReply): Admission {
    const { clock } = this.#wire.options;
    const { url, token } = parsed(reply, registrationReply);
    const endsAt = expiryOf(token);
    const left = endsAt === undefined ? 0 : endsAt - clock.now();
    const life = left > 0 ? left : UNKNOWN_LIFE_MS;
    return { serviceUrl: url.replace(/\/+$/, ""), token, refreshAt: clock.monotonic() + life - MARGIN_MS };
  }
}

/** The path of the account that the runners belong to, in the REST API. */
export function ownerPath(config: ConfigUrl): string {
  switch (config.scope) {
    case "enterprise":
      return `enterprises/${encodeURIComponent(config.enterprise!)}`;
    case "organization":
      return `orgs/${encodeURIComponent(config.organization!)}`;
    case "repository":
      return `repos/${encodeURIComponent(config.organization!)}/${encodeURIComponent(config.repository!)}`;
  }
}

/** What stands in `Authorization: Bearer` towards the REST API. */
export function bearerOf(wire: Wire, config: ConfigUrl, credentials: Credentials): () => Promise<string> {
  const checked = checkCredentials(credentials);
  if (checked.kind === "pat") return async () => checked.token;
  const { key, appId, installationId } = checked;
  const path = `app/installations/${installationId}/access_tokens`;
  return async () => {
    const reply = await wire.send({
      method: "POST",
      url: `${config.apiBase}/${path}`,
      authorization: `Bearer ${appToken(key, appId, wire.options.clock.now())}`,
      label: `POST ${path}`,
    });
    return parsed(reply, tokenReply).token;
  };
}

/** Credentials that are fit for use, as far as that can be told without GitHub. */
export type CheckedCredentials =
  | { readonly kind: "pat"; readonly token: string }
  | { readonly kind: "app"; readonly appId: string; readonly installationId: number; readonly key: KeyObject };

/** Trims and checks credentials. @throws CredentialsError */
export function checkCredentials(credentials: Credentials): CheckedCredentials {
  if (credentials.kind === "pat") {
    const token = credentials.token.trim();
    if (token === "") throw new CredentialsError("the GitHub token is empty");
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new CredentialsError("the GitHub token has a blank or a character in it that no token has");
    }
    return { kind: "pat", token };
  }
  const appId = credentials.appId.trim();
  if (appId === "") throw new CredentialsError("the GitHub App's id is empty");
  const { installationId, privateKey } = credentials;
  return { kind: "app", appId, installationId, key: privateKeyOf(privateKey) };
}

/**
 * The key in a PEM text. Only the key's own block is read, so that what people leave around it (a certificate, blank
 * lines) does no harm on any runtime.
 * @throws CredentialsError when there is none
 */
export function privateKeyOf(text: string): KeyObject {
  const unescaped = text.includes("\n") ? text : text.replaceAll("\\n", "\n");
  const block = /-----BEGIN ((?:[A-Z]+ )*PRIVATE KEY)-----[\s\S]+?-----END \1-----/.exec(unescaped)?.[0];
  if (block === undefined) {
    throw new CredentialsError("the GitHub App's private key holds no block from BEGIN to END PRIVATE KEY (PEM)");
  }
  try {
    return createPrivateKey(`${block.replace(/^[ \t]+/gm, "")}\n`);
  } catch {
    // The cause may quote the key.
    throw new CredentialsError("the GitHub App's private key can't be read: no RSA key in PEM");
  }
}

/** The JWT (RS256) by which a GitHub App shows who it is: valid from a minute ago, for clocks that differ, for 9 minutes. */
export function appToken(key: KeyObject, appId: string, now: number): string {
  const issued = Math.floor(now / 1000) - 60;
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iat: issued, exp: issued + 540, iss: appId })}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(key, "base64url")}`;
}

/** The year 2286: a token that says more says nothing. */
const LATEST_SECONDS = 1e10;

/** The end of a JWT, in milliseconds since the epoch; undefined when it does not say. */
export function expiryOf(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    const exp = (claims as { exp?: unknown } | null)?.exp;
    return typeof exp === "number" && exp > 0 && exp < LATEST_SECONDS ? exp * 1000 : undefined;
  } catch {
    // Not a JWT: it says nothing about its end, and a refusal will tell.
    return undefined;
  }
}
