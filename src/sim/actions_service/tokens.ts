import { Buffer } from "node:buffer";
import { verify } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";

/** Whom the simulated GitHub lets in. */
export interface SimCredentials {
  /** Personal access tokens. */
  readonly pats?: readonly string[];
  readonly apps?: readonly SimApp[];
  /** Scopes of classic tokens, by token; a token without an entry is a fine-grained one, of which GitHub names none. */
  readonly scopes?: Readonly<Record<string, readonly string[]>>;
}

export interface SimApp {
  /** The numeric id and the client id, either of which a JWT may name as its issuer. */
  readonly ids: readonly string[];
  readonly installationId: number;
  /** PEM. */
  readonly publicKey: string;
  /** Where it is installed; default: `acme`. */
  readonly account?: string;
  /** Default: what runners of organizations and repositories need. */
  readonly permissions?: Readonly<Record<string, string>>;
  readonly suspended?: boolean;
}

export type TokenKind = "installation" | "registration" | "admin" | "queue" | "jit";

interface Issued {
  readonly kind: TokenKind;
  readonly subject: string;
  readonly validFrom: number;
  readonly endsAt: number;
}

/** Issues tokens and knows which are still good. */
export class TokenOffice {
  readonly #clock: Clock;
  readonly #random: Random;
  #issued = new Map<string, Issued>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Every token that is remembered: those that have ended are for a while. */
  get all(): Iterable<string> {
    return this.#issued.keys();
  }

  /** A token of random letters, good for `lifetimeMs`, from `delayMs` on. */
  issue(kind: TokenKind, subject: string, lifetimeMs: number, delayMs = 0): string {
    const prefix = { installation: "ghs_", registration: "AREG", queue: "q", admin: "", jit: "jit" }[kind];
    return this.#keep(prefix + this.#hex(36), { kind, subject, ...this.#span(lifetimeMs, delayMs) });
  }

  /** An admin token: a JWT whose `exp` says `claimMs`, but which dies after `lifetimeMs`. */
  issueAdmin(subject: string, claimMs: number, lifetimeMs: number): string {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const now = Math.floor(this.#clock.now() / 1000);
    const claims = { iat: now, nbf: now, exp: now + Math.floor(claimMs / 1000), sub: subject };
    const token = `${part({ typ: "JWT", alg: "HS256" })}.${part(claims)}.${this.#hex(43)}`;
    return this.#keep(token, { kind: "admin", subject, ...this.#span(lifetimeMs, 0) });
  }

  /** Whom a token of this kind speaks for; undefined: unknown, not yet known, or at its end. */
  subjectOf(kind: TokenKind, token: string | undefined): string | undefined {
    const issued = token === undefined ? undefined : this.#issued.get(token);
    const now = this.#clock.monotonic();
    return issued?.kind === kind && now >= issued.validFrom && now < issued.endsAt ? issued.subject : undefined;
  }

  /** Ends every token of a kind, or those of one subject. */
  revoke(kind: TokenKind, subject?: string): void {
    for (const [token, issued] of this.#issued) {
      if (issued.kind === kind && (subject === undefined || issued.subject === subject)) this.#issued.delete(token);
    }
  }

  #keep(token: string, issued: Issued): string {
    if (this.#issued.size > 20_000) this.#forgetEnded();
    this.#issued.set(token, issued);
    return token;
  }

  #forgetEnded(): void {
    const now = this.#clock.monotonic();
    this.#issued = new Map([...this.#issued].filter(([, issued]) => issued.endsAt > now));
  }

  #span(lifetimeMs: number, delayMs: number): { validFrom: number; endsAt: number } {
    const now = this.#clock.monotonic();
    return { validFrom: now + delayMs, endsAt: now + lifetimeMs };
  }

  #hex(length: number): string {
    let text = "";
    while (text.length < length) text += Math.floor(this.#random.next() * 16).toString(16);
    return text;
  }
}

/**
 * Checks the JWT of a GitHub App: RS256, issued in the past, at most 10 minutes long, signed with the app's key.
 * @returns why it is refused; undefined when it is good
 */
export function appTokenProblem(token: string, app: SimApp, now: number): string | undefined {
  const [head = "", claims = "", signature = ""] = token.split(".");
  const header = decoded(head);
  const body = decoded(claims);
  if (header?.["alg"] !== "RS256") return "A JSON web token could not be decoded";
  const { iat, exp, iss } = body ?? {};
  if (!app.ids.includes(String(iss))) return "'Issuer' claim ('iss') must be the app's id or client id";
  const seconds = now / 1000;
  if (typeof exp !== "number" || exp < seconds) return "'Expiration time' claim ('exp') must be in the future";
  if (exp > seconds + 600) return "'Expiration time' claim ('exp') is too far in the future";
  if (typeof iat !== "number" || iat > seconds) return "'Issued at' claim ('iat') must be in the past";
  const good = verify(
    "RSA-SHA256",
    Buffer.from(`${head}.${claims}`),
    app.publicKey,
    Buffer.from(signature, "base64url"),
  );
  return good ? undefined : "A JSON web token could not be decoded";
}

function decoded(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : undefined;
  } catch {
    return undefined; // no JSON: the caller refuses the token
  }
}
