/** The address of what runners are registered with: an organization, a repository or an enterprise of a GitHub host. */
import { quoted } from "./errors.ts";

/** Whom the runners belong to. */
export type ConfigScope = "enterprise" | "organization" | "repository";

/** A config URL, understood. Which of the three names are there follows from `scope`. */
export interface ConfigUrl {
  /** Normalised: default port, trailing slashes and surrounding blanks are gone, the host is in lower case. */
  readonly href: string;
  readonly scheme: "https" | "http";
  /** In lower case; with the port, unless it is the scheme's default. */
  readonly host: string;
  readonly scope: ConfigScope;
  readonly enterprise?: string;
  /** The owner: also a repository has it. */
  readonly organization?: string;
  readonly repository?: string;
  /** Whether this is GitHub's own cloud (github.com, *.ghe.com) and not a GitHub Enterprise Server. */
  readonly hosted: boolean;
  /** Root of the REST API, without a trailing slash. */
  readonly apiBase: string;
}

/** The text is no config URL. The message says what is wrong and shows a right one; it never holds a credential. */
export class ConfigUrlError extends Error {
  override readonly name = "ConfigUrlError";
}

/**
 * Reads `https://HOST/ORG`, `https://HOST/OWNER/REPO` or `https://HOST/enterprises/ENTERPRISE`.
 *
 * `forceServer` takes every host for a GitHub Enterprise Server (environment variable GITHUB_ACTIONS_FORCE_GHES).
 *
 * @throws ConfigUrlError for any other text
 */
export function parseConfigUrl(text: string, options: { readonly forceServer?: boolean } = {}): ConfigUrl {
  const url = urlOf(text.trim());
  const path = url.pathname.replace(/^\/+|\/+$/g, "");
  const href = `${url.protocol}//${url.host}/${path}`;
  const names = namesOf(url, path === "" ? [] : path.split("/").map((part) => nameOf(part, href)), href);
  const scheme = url.protocol === "http:" ? "http" : "https";
  const hosted = options.forceServer !== true && isHosted(url.host);
  return { href, scheme, host: url.host, ...names, hosted, apiBase: apiBaseOf(url, hosted) };
}

const SHAPES = (host: string) =>
  `https://${host}/ORGANIZATION, https://${host}/OWNER/REPOSITORY or https://${host}/enterprises/ENTERPRISE`;

function refuse(text: string, wrong: string, host = "github.com"): never {
  // What stands behind ? or # can be a token.
  const [place = ""] = text.split(/[?#]/);
  const shown = place.length > 200 ? `${place.slice(0, 200)}...` : place;
  throw new ConfigUrlError(`config URL ${quoted(shown)} ${wrong}: write ${SHAPES(host)}`);
}

function urlOf(text: string): URL {
  if (text === "") throw new ConfigUrlError(`config URL is empty: write ${SHAPES("github.com")}`);
  // A password must not get into an error, whatever else is wrong: such a text is not shown.
  if (text.includes("@")) {
    throw new ConfigUrlError(
      `config URL has an @ (user name and password belong in the secret): write ${SHAPES("github.com")}`,
    );
  }
  if (!/^https?:\/\/[^/]/i.test(text)) refuse(text, "does not begin with https://HOST");
  if (/[\s\\\p{Cc}]/u.test(text)) refuse(text, "has a blank, a control character or a backslash in it");
  if (/\/(\.|%2e){1,2}(\/|$)/i.test(text)) refuse(text, "has a . or .. in its path");
  if (!URL.canParse(text)) refuse(text, "has no valid host or port");
  const url = new URL(text);
  if (/[?#]/.test(text)) refuse(text, "has a query or a fragment", url.host);
  return url;
}

function nameOf(part: string, href: string): string {
  let name: string;
  try {
    name = decodeURIComponent(part);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return refuse(href, "has a broken percent escape");
  }
  if (name === "") refuse(href, "has two slashes in a row");
  if (!/^[\p{L}\p{N}._-]+$/u.test(name)) {
    refuse(href, `has ${quoted(name)} for a name`);
  }
  return name;
}

type Names = Pick<ConfigUrl, "scope" | "enterprise" | "organization" | "repository">;

function namesOf(url: URL, parts: readonly string[], href: string): Names {
  const [first, second, ...rest] = parts;
  if (first === undefined) refuse(href, "names no organization, repository or enterprise", url.host);
  if (rest.length > 0) refuse(href, "has too many parts", url.host);
  // GitHub reserves this word: no owner is called so.
  const ofEnterprise = first.toLowerCase() === "enterprises";
  if (second === undefined) {
    if (ofEnterprise) refuse(href, "names no enterprise", url.host);
    return { scope: "organization", organization: first };
  }
  if (ofEnterprise) return { scope: "enterprise", enterprise: second };
  return { scope: "repository", organization: first, repository: second };
}

function isHosted(host: string): boolean {
  return host === "github.com" || host === "www.github.com" || host === "github.localhost" || host.endsWith(".ghe.com");
}

function apiBaseOf(url: URL, hosted: boolean): string {
  if (!hosted) return `${url.protocol}//${url.host}/api/v3`;
  return `https://api.${url.host === "www.github.com" ? "github.com" : url.host}`;
}
