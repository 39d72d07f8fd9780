import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { bypassesProxy, parseProxy, proxyAuthorization, proxyFor, proxyFromEnv } from "../../../src/lib/proxy.ts";
import { table } from "../../support/table.ts";

type Case = readonly [noProxy: string, target: string, straight: boolean];

/** Each line: NO_PROXY, target, whether it is reached straight. The rules are those of Go's httpproxy package. */
const CASES: Readonly<Record<string, Case>> = {
  "nothing is excluded": ["", "http://acme.com/", false],
  "localhost never is proxied": ["", "http://localhost/", true],
  "localhost in capitals": ["", "http://LOCALHOST:99/", true],
  "a name below localhost is proxied": ["", "http://a.localhost/", false],
  "127.0.0.1 never is proxied": ["", "http://127.0.0.1/", true],
  "all of 127/8 is loopback": ["", "http://127.200.3.4/", true],
  "128.0.0.1 is not": ["", "http://128.0.0.1/", false],
  "::1 is loopback": ["", "http://[::1]:80/", true],
  "::2 is not": ["", "http://[::2]/", false],
  "mapped loopback": ["", "http://[::ffff:127.0.0.1]/", true],
  "star": ["*", "http://acme.com/", true],
  "star among others": ["other.com, *", "http://10.0.0.1/", true],
  "the name itself": ["acme.com", "http://acme.com/", true],
  "a name below it": ["acme.com", "http://api.acme.com/", true],
  "two below it": ["acme.com", "http://x.api.acme.com/", true],
  "a name that only ends alike": ["acme.com", "http://notacme.com/", false],
  "a longer name": ["acme.com", "http://acme.com.evil.org/", false],
  "case of the entry": ["ACME.com", "http://acme.com/", true],
  "case of the target": ["acme.com", "http://API.Acme.COM/", true],
  "leading dot: below": [".acme.com", "http://api.acme.com/", true],
  "leading dot: not itself": [".acme.com", "http://acme.com/", false],
  "star dot: below": ["*.acme.com", "http://api.acme.com/", true],
  "star dot: not itself": ["*.acme.com", "http://acme.com/", false],
  "a star within is no pattern": ["api.*.com", "http://api.acme.com/", false],
  "white space around": ["  acme.com  ,\tother.org ", "http://other.org/", true],
  "empty entries": [",, ,acme.com,", "http://acme.com/", true],
  "only empty entries": [",,", "http://acme.com/", false],
  "white space does not separate": ["acme.com other.org", "http://other.org/", false],
  "port: same": ["acme.com:8443", "https://acme.com:8443/", true],
  "port: other": ["acme.com:8443", "https://acme.com/", false],
  "port: https default": ["acme.com:443", "https://acme.com/", true],
  "port: http default": ["acme.com:80", "http://acme.com/", true],
  "port: default of the other scheme": ["acme.com:443", "http://acme.com/", false],
  "port with a leading dot": [".acme.com:443", "https://api.acme.com/", true],
  "port with star dot": ["*.acme.com:443", "https://api.acme.com/", true],
  "port alone": [":443", "https://acme.com/", false],
  "IP": ["10.0.0.1", "http://10.0.0.1/", true],
  "another IP": ["10.0.0.1", "http://10.0.0.2/", false],
  "IP is no suffix": ["0.0.1", "http://10.0.0.1/", false],
  "IP with port: same": ["10.0.0.1:6443", "https://10.0.0.1:6443/", true],
  "IP with port: other": ["10.0.0.1:6443", "https://10.0.0.1/", false],
  "IP with leading zeros is none": ["010.0.0.1", "http://10.0.0.1/", false],
  "IPv6": ["fd00::1", "http://[fd00::1]/", true],
  "IPv6 in another spelling": ["fd00:0:0:0:0:0:0:1", "http://[fd00::1]/", true],
  "IPv6 in brackets alone is none": ["[fd00::1]", "http://[fd00::1]/", false],
  "IPv6 with port: same": ["[fd00::1]:6443", "https://[fd00::1]:6443/", true],
  "IPv6 with port: other": ["[fd00::1]:6443", "https://[fd00::1]/", false],
  "IPv4 entry, mapped target": ["10.0.0.1", "http://[::ffff:10.0.0.1]/", true],
  "mapped entry, IPv4 target": ["::ffff:10.0.0.1", "http://10.0.0.1/", true],
  "CIDR: in": ["10.96.0.0/12", "https://10.100.0.1/", true],
  "CIDR: out": ["10.96.0.0/12", "https://10.112.0.1/", false],
  "CIDR: host bits set": ["10.96.3.7/12", "https://10.100.0.1/", true],
  "CIDR: /0 is every IPv4": ["0.0.0.0/0", "http://8.8.8.8/", true],
  "CIDR: /0 is no name": ["0.0.0.0/0", "http://acme.com/", false],
  "CIDR: /0 of IPv4 is no IPv6": ["0.0.0.0/0", "http://[2001:db8::1]/", false],
  "CIDR: /32": ["10.0.0.1/32", "http://10.0.0.1/", true],
  "CIDR: /33 is none": ["10.0.0.1/33", "http://10.0.0.1/", false],
  "CIDR: IPv6 in": ["2001:db8::/32", "http://[2001:db8:ffff::1]/", true],
  "CIDR: IPv6 out": ["2001:db8::/32", "http://[2001:db9::1]/", false],
  "CIDR: not for names": ["10.0.0.0/8", "http://acme.com/", false],
  "internationalised: in": ["bücher.example", "http://bücher.example/", true],
  "internationalised: below": ["bücher.example", "http://www.xn--bcher-kva.example/", true],
  "kubernetes.default.svc by suffix": [
    "localhost,127.0.0.1,.svc,.cluster.local",
    "https://kubernetes.default.svc/",
    true,
  ],
};

function straight(noProxy: string, target: string): boolean {
  return proxyFor(new URL(target), { http: "proxy:3128", https: "proxy:3128", noProxy }) === undefined;
}

table("NO_PROXY", CASES, ([noProxy, target, expected]) => assert.equal(straight(noProxy, target), expected));

const octet = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));
const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const domain = fc.tuple(label, label, fc.constantFrom("com", "org", "local")).map((labels) => labels.join("."));
const anything = fc.string({ unit: "binary-ascii", maxLength: 40 });

test("an address is in its own block, whatever the length, and in every shorter one", () => {
  fc.assert(fc.property(ipv4, fc.integer({ min: 0, max: 32 }), (ip, length) => {
    assert.ok(bypassesProxy(ip, "80", `${ip}/${length}`));
  }));
});

test("an address whose bit at the block's edge differs is outside", () => {
  fc.assert(fc.property(ipv4, fc.integer({ min: 1, max: 32 }), (ip, length) => {
    const value = ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    const other = (value ^ (1 << (32 - length))) >>> 0;
    const text = [24, 16, 8, 0].map((shift) => (other >>> shift) & 255).join(".");
    fc.pre(!text.startsWith("127."));
    assert.ok(!bypassesProxy(text, "80", `${ip}/${length}`));
  }));
});

test("an entry matches itself and every name below it, and its dotted form only those", () => {
  fc.assert(fc.property(domain, label, (name, below) => {
    assert.ok(bypassesProxy(name, "443", name));
    assert.ok(bypassesProxy(`${below}.${name}`, "443", name));
    assert.ok(bypassesProxy(`${below}.${name}`, "443", `.${name}`));
    assert.ok(!bypassesProxy(name, "443", `.${name}`));
    assert.ok(!bypassesProxy(`${below}${name}`, "443", name));
  }));
});

test("one entry more never sends more through the proxy", () => {
  fc.assert(fc.property(anything, anything, domain, (some, more, host) => {
    if (bypassesProxy(host, "80", some)) assert.ok(bypassesProxy(host, "80", `${some},${more}`));
  }));
});

test("no text makes it throw", () => {
  fc.assert(fc.property(anything, anything, (noProxy, host) => void bypassesProxy(host, "80", noProxy)));
});

test("each scheme has its own proxy", () => {
  const settings = { http: "http://plain:1", https: "https://secure:2" };
  assert.equal(proxyFor(new URL("http://acme.com"), settings)?.href, "http://plain:1/");
  assert.equal(proxyFor(new URL("https://acme.com"), settings)?.href, "https://secure:2/");
  assert.equal(proxyFor(new URL("https://acme.com"), { http: "http://plain:1" }), undefined);
  assert.equal(proxyFor(new URL("https://acme.com"), undefined), undefined);
});

test("a proxy needs no scheme", () => {
  assert.equal(parseProxy("proxy.acme.com:3128").href, "http://proxy.acme.com:3128/");
  assert.equal(parseProxy("user:p%40ss@proxy:3128").password, "p%40ss");
});

test("a proxy that can't be used is refused without its credentials", () => {
  for (const bad of ["socks5://u:hunter22@h:1", "http://u:hunter22@h:999999", "http://u:hunter22@"]) {
    assert.throws(
      () => parseProxy(bad),
      (error: unknown) => error instanceof RangeError && !/hunter22/.test(error.message),
    );
  }
});

table("Proxy-Authorization", {
  "none": { url: "http://proxy", header: undefined },
  "user and password": { url: "http://user:pass@proxy", header: "user:pass" },
  "user alone": { url: "http://user@proxy", header: "user:" },
  "percent-encoded": { url: "http://us%20er:p%40%3A%2F@proxy", header: "us er:p@:/" },
  "a percent sign that is no escape": { url: "http://user:100%@proxy", header: "user:100%" },
}, ({ url, header }) => {
  const expected = header === undefined ? undefined : `Basic ${Buffer.from(header).toString("base64")}`;
  assert.equal(proxyAuthorization(new URL(url)), expected);
});

test("settings of the environment: both cases, the upper one first, empty is unset", () => {
  const env = { HTTP_PROXY: "a", http_proxy: "b", https_proxy: "c", HTTPS_PROXY: "", no_proxy: "d" };
  assert.deepEqual(proxyFromEnv(env), { http: "a", https: "c", noProxy: "d" });
  assert.deepEqual(proxyFromEnv({}), { http: undefined, https: undefined, noProxy: undefined });
});
