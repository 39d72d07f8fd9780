/**
 * Which requests go through a proxy. The rules of NO_PROXY are those of Go's golang.org/x/net/http/httpproxy, because
 * users have written theirs for programs in Go: suffixes, `.suffix`, `*.suffix`, `*`, IPs, CIDR blocks, each name or IP
 * with an optional port; loopback is never proxied.
 */
import { isIP, isIPv4 } from "node:net";
import type { ProxySettings } from "./http.ts";

/**
 * The proxy that a request to `url` goes through, or undefined when it goes straight.
 * @throws RangeError when the setting in force is no http:// or https:// URL; the message holds no credentials
 */
export function proxyFor(url: URL, settings: ProxySettings | undefined): URL | undefined {
  const setting = url.protocol === "https:" ? settings?.https : settings?.http;
  if (!setting) return undefined;
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (bypassesProxy(url.hostname, port, settings?.noProxy ?? "")) return undefined;
  return parseProxy(setting);
}

/** The proxy settings of an environment: the upper-case name of a variable wins, as in Go. */
export function proxyFromEnv(env: Readonly<Record<string, string | undefined>>): ProxySettings {
  const of = (name: string) => env[name] || env[name.toLowerCase()] || undefined;
  return { http: of("HTTP_PROXY"), https: of("HTTPS_PROXY"), noProxy: of("NO_PROXY") };
}

/**
 * A proxy's URL; one without a scheme is an http:// one.
 * @throws RangeError when it can't be used; the message holds no credentials
 */
export function parseProxy(setting: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(setting) ? setting : `http://${setting}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (!url || !url.hostname) throw new RangeError("the proxy's URL can't be read: write http://HOST:PORT");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new RangeError(`a proxy of kind ${url.protocol}// can't be used: only http:// and https:// ones can`);
  }
  return url;
}

/** The value of a Proxy-Authorization header, or undefined when the URL has no user info. */
export function proxyAuthorization(proxy: URL): string | undefined {
  if (!proxy.username && !proxy.password) return undefined;
  const credentials = `${decoded(proxy.username)}:${decoded(proxy.password)}`;
  return `Basic ${Buffer.from(credentials).toString("base64")}`;
}

/** The password in a proxy's URL as the proxy is told it; "" when there is none. */
export function proxyPassword(proxy: URL): string {
  return decoded(proxy.password);
}

/** Whether a target is reached without the proxy. `host` as in URL.hostname: IPv6 in brackets or not. */
export function bypassesProxy(host: string, port: string, noProxy: string): boolean {
  const name = unbracketed(host).toLowerCase();
  if (name === "localhost") return true;
  const ip = addressOf(name);
  if (ip !== undefined && isLoopback(ip)) return true;
  const entries = noProxy.split(",").map((entry) => entry.trim().toLowerCase()).filter((entry) => entry !== "");
  return entries.some((entry) => matches(entry, name, port, ip));
}

function matches(entry: string, name: string, port: string, ip: bigint | undefined): boolean {
  if (entry === "*") return true;
  const block = blockOf(entry);
  if (block) return ip !== undefined && (ip >> block.shift) === (block.base >> block.shift);
  const [entryHost, entryPort] = splitHostPort(entry);
  if (entryHost === "" || (entryPort !== "" && entryPort !== port)) return false;
  const entryIp = addressOf(entryHost);
  if (entryIp !== undefined) return entryIp === ip;
  return ip === undefined && matchesDomain(entryHost, name);
}

/** `acme.com` means the name and all below it, `.acme.com` and `*.acme.com` only those below it. */
function matchesDomain(entry: string, name: string): boolean {
  const pattern = entry.startsWith("*.") ? entry.slice(1) : entry;
  const ascii = asciiOf(pattern);
  return ascii.startsWith(".") ? name.endsWith(ascii) : name === ascii || name.endsWith(`.${ascii}`);
}

/** Internationalised names are compared in their ASCII form, which is the form that URLs hold. */
function asciiOf(pattern: string): string {
  const dot = pattern.startsWith(".") ? "." : "";
  const url = `http://${pattern.slice(dot.length)}`;
  return /[^\0-\x7f]/.test(pattern) && URL.canParse(url) ? dot + new URL(url).hostname : pattern;
}

/** Host and port of an entry; the port is "" when there is none. More than one colon without brackets is an IPv6 address. */
function splitHostPort(entry: string): [host: string, port: string] {
  const bracketed = /^\[(.*)\]:(.*)$/.exec(entry);
  if (bracketed) return [bracketed[1]!, bracketed[2]!];
  const plain = /^([^:[\]]*):([^:]*)$/.exec(entry);
  return plain ? [plain[1]!, plain[2]!] : [entry, ""];
}

interface Block {
  readonly base: bigint;
  /** How many low bits of the 128 are the block's own. */
  readonly shift: bigint;
}

function blockOf(entry: string): Block | undefined {
  const parts = /^([^/]+)\/(\d{1,3})$/.exec(entry);
  if (!parts) return undefined;
  const base = addressOf(parts[1]!);
  const width = isIPv4(parts[1]!) ? 32 : 128;
  const length = Number(parts[2]);
  return base === undefined || length > width ? undefined : { base, shift: BigInt(width - length) };
}

/** An IP address as a number of 128 bits (IPv4 as ::ffff:a.b.c.d, so that both ways to write one are equal). */
function addressOf(text: string): bigint | undefined {
  const version = isIP(text);
  if (version === 0 || text.includes("%")) return undefined;
  if (version === 4) return 0xffff_0000_0000n | v4Of(text);
  return v6Of(text);
}

function v4Of(text: string): bigint {
  return text.split(".").reduce((sum, part) => sum << 8n | BigInt(part), 0n);
}

function v6Of(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const hex = dotted ? dotted[1]! + pairOf(v4Of(dotted[2]!)) : text;
  const [head = "", tail] = hex.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].reduce((sum, part) => sum << 16n | BigInt(`0x${part}`), 0n);
}

function pairOf(v4: bigint): string {
  return `${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
}

function isLoopback(ip: bigint): boolean {
  return ip === 1n || ip >> 24n === 0xffff_7fn;
}

function unbracketed(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A bare "%" is no escape: then the text is what it says.
    return text;
  }
}
