import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { TLSSocket } from "node:tls";
import { test } from "node:test";
import {
  type HttpRequest,
  readText,
  type Transport,
  TransportError,
  type TransportFailure,
} from "../../../src/lib/http.ts";
import { nodeTransports } from "../../../src/lib/http_node.ts";
import { type Servers, withServers } from "../../support/loopback.ts";
import { authority } from "../../support/pki.ts";

const trusted = authority();
const identity = trusted.issue("localhost", "127.0.0.1");

function request(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url, headers: {}, signal: new AbortController().signal, ...more };
}

async function get(transport: Transport, url: string, more: Partial<HttpRequest> = {}): Promise<string> {
  const response = await transport(request(url, more));
  return `${response.status} ${await readText(response.body)}`;
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of incoming) text += String(chunk);
  return text;
}

function fails(promise: Promise<unknown>, kind: TransportFailure, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof TransportError, `not a TransportError: ${error}`);
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, message);
    return true;
  });
}

function serving(name: string, body: (servers: Servers) => Promise<void>): void {
  test(name, () => withServers(body));
}

serving("the body of a DELETE is framed: it is not read as the connection's next request", async (servers) => {
  const origin = await servers.http(async (incoming, answer) => {
    answer.end(`${incoming.method} ${await bodyOf(incoming)}`);
  });
  const transport = nodeTransports({});
  for (let turn = 0; turn < 2; turn++) {
    assert.equal(await get(transport, origin, { method: "DELETE", body: "{}" }), "200 DELETE {}");
  }
});

serving("what is asked right before a request is sent is asked when the connection stands", async (servers) => {
  const seen: string[] = [];
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    seen.push(await bodyOf(incoming));
    outgoing.end("done");
  };
  const secure = await servers.https(identity, answer);
  const plain = await servers.http(answer);
  for (const origin of [plain, secure]) {
    const transport = nodeTransports({ ca: trusted.ca, caOnly: true });
    let may = true;
    const send = (body: string) =>
      get(transport, origin, {
        method: "POST",
        body,
        beforeSend: () => {
          if (!may) throw new Error("not now");
        },
      });
    const first = send("never");
    may = false; // the connection is not there yet: it is not too late
    await assert.rejects(first, /not now/);
    may = true;
    assert.equal(await send("new connection"), "200 done");
    assert.equal(await send("old connection"), "200 done");
    may = false;
    await assert.rejects(send("never on an old one"), /not now/);
    may = true;
    assert.equal(await send("again"), "200 done");
    assert.deepEqual(seen.splice(0), ["new connection", "old connection", "again"]);
  }
});

serving("method, path, query, headers and body arrive; status, headers and body come back", async (servers) => {
  const origin = await servers.http(async (incoming, answer) => {
    const { method, url, headers } = incoming;
    answer.writeHead(201, { "X-Twice": ["a", "b"] });
    answer.end(`${method} ${url} ${headers["x-a"]} ${headers["content-length"]} ${await bodyOf(incoming)}`);
  });
  const response = await nodeTransports({})(
    request(`${origin}/p/a?q=%20x&y`, { method: "POST", headers: { "x-a": "1" }, body: "grüß" }),
  );
  assert.equal(response.status, 201);
  assert.equal(response.headers["x-twice"], "a, b");
  assert.equal(await readText(response.body), "POST /p/a?q=%20x&y 1 6 grüß");
});

serving("connections are kept: the second call goes over the first one's", async (servers) => {
  const ports = new Set<number | undefined>();
  const origin = await servers.http((incoming, answer) => {
    ports.add(incoming.socket.remotePort);
    answer.end("ok");
  });
  const transport = nodeTransports({});
  for (let i = 0; i < 3; i++) {
    await get(transport, origin);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(ports.size, 1);
});

serving("a call waits behind no other: 300 that hang, and one more is answered", async (servers) => {
  let hanging = 0;
  const origin = await servers.http((incoming, answer) => {
    if (incoming.url === "/hang") hanging++;
    else answer.end("here");
  });
  const abort = new AbortController();
  const transport = nodeTransports({});
  const held = Array.from({ length: 300 }, () => get(transport, `${origin}/hang`, { signal: abort.signal }));
  assert.equal(await get(transport, `${origin}/now`), "200 here");
  abort.abort(new Error("enough"));
  for (const call of held) await assert.rejects(call, /enough/);
  assert.ok(hanging <= 300);
});

serving("a body is read as it comes", async (servers) => {
  const turn = Promise.withResolvers<void>();
  const origin = await servers.http(async (_incoming, answer) => {
    answer.write("one\n");
    await turn.promise;
    answer.end("two\n");
  });
  const { body } = await nodeTransports({})(request(origin));
  const chunks: string[] = [];
  for await (const chunk of body) {
    chunks.push(new TextDecoder().decode(chunk));
    turn.resolve();
  }
  assert.deepEqual(chunks, ["one\n", "two\n"]);
});

serving("leaving the body early ends the request", async (servers) => {
  const closed = Promise.withResolvers<void>();
  const origin = await servers.http((_incoming, answer) => {
    answer.on("close", () => closed.resolve());
    answer.write("one\n");
  });
  const { body } = await nodeTransports({})(request(origin));
  for await (const _ of body) break;
  await closed.promise;
});

serving("a signal that is aborted already sends nothing", async (servers) => {
  let seen = 0;
  const origin = await servers.http((_incoming, answer) => {
    seen++;
    answer.end();
  });
  const reason = new Error("no more");
  await assert.rejects(get(nodeTransports({}), origin, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(seen, 0);
});

serving("an abort before the headers throws its reason and ends the request", async (servers) => {
  const abort = new AbortController();
  const reason = new Error("enough");
  const closed = Promise.withResolvers<void>();
  const origin = await servers.http((incoming) => {
    incoming.socket.on("close", () => closed.resolve());
    abort.abort(reason);
  });
  await assert.rejects(get(nodeTransports({}), origin, { signal: abort.signal }), reason);
  await closed.promise;
});

serving("an abort within the body throws its reason, not the reset", async (servers) => {
  const abort = new AbortController();
  const reason = new Error("enough");
  const origin = await servers.http((_incoming, answer) => void answer.write("one\n"));
  const { body } = await nodeTransports({})(request(origin, { signal: abort.signal }));
  await assert.rejects(async () => {
    for await (const _ of body) abort.abort(reason);
  }, reason);
});

serving("an aborted signal holds no listener of a call that has ended", async (servers) => {
  const origin = await servers.http((_incoming, answer) => void answer.end("ok"));
  const abort = new AbortController();
  let listeners = 0;
  const signal = new Proxy(abort.signal, {
    get(target, key) {
      if (key === "addEventListener") listeners++;
      if (key === "removeEventListener") listeners--;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const transport = nodeTransports({});
  for (let i = 0; i < 5; i++) {
    await get(transport, origin, { signal });
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(listeners, 0);
});

serving("a connection that breaks within the body is a reset, not an end", async (servers) => {
  const origin = await servers.http((_incoming, answer) => {
    answer.writeHead(200, { "content-length": "100" });
    answer.write("half");
    setImmediate(() => answer.destroy());
  });
  await fails(get(nodeTransports({}), origin), "reset", /^the connection to 127\.0\.0\.1:\d+ broke/);
});

serving("a connection that breaks before the headers is a reset", async (servers) => {
  const port = await servers.tcp((socket) => void socket.once("data", () => socket.destroy()));
  await fails(get(nodeTransports({}), `http://127.0.0.1:${port}/`), "reset", /broke/);
});

test("a port that nothing listens on is refused; the message names host and port, nothing else of the URL", async () => {
  const error = await get(nodeTransports({}), "http://user:pass@127.0.0.1:1/path?token=x").catch((error) => error);
  assert.ok(error instanceof TransportError);
  assert.equal(error.kind, "refused");
  assert.equal(error.message, "127.0.0.1:1 refused the connection: nothing listens there, or a firewall says no");
});

test("a name that does not exist is a DNS failure", async () => {
  await fails(
    get(nodeTransports({}), "http://no-such-host.invalid/"),
    "dns",
    /no-such-host\.invalid can't be resolved/,
  );
});

serving("a server whose authority is unknown is not trusted; with the CA it is", async (servers) => {
  const origin = await servers.https(identity, (_incoming, answer) => void answer.end("safe"));
  await fails(get(nodeTransports({}), origin), "tls", /authority that is not trusted here .*: give the CA certificate/);
  await fails(get(nodeTransports({ ca: authority("other").ca }), origin), "tls", /not trusted here/);
  assert.equal(await get(nodeTransports({ ca: trusted.ca }), origin), "200 safe");
  assert.equal(await get(nodeTransports({ ca: trusted.ca, caOnly: true }), origin), "200 safe");
  assert.equal(await get(nodeTransports({ insecure: true }), origin), "200 safe");
});

serving("a certificate for another name is refused, unless that name is expected", async (servers) => {
  const origin = await servers.https(trusted.issue("api.internal"), (_incoming, answer) => void answer.end("safe"));
  await fails(get(nodeTransports({ ca: trusted.ca }), origin), "tls", /its certificate is for another name/);
  assert.equal(await get(nodeTransports({ ca: trusted.ca, serverName: "api.internal" }), origin), "200 safe");
});

serving("the server sees the client certificate", async (servers) => {
  const origin = await servers.https({ ...identity, ca: trusted.ca }, (incoming, answer) => {
    const { socket } = incoming;
    answer.end(socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate().subject.CN : "nobody");
  });
  const client = trusted.issue("system:controller");
  assert.equal(await get(nodeTransports({ ca: trusted.ca }), origin), "200 nobody");
  assert.equal(await get(nodeTransports({ ca: trusted.ca, ...client }), origin), "200 system:controller");
});

serving("https to a server that does not speak TLS says so", async (servers) => {
  const origin = await servers.http((_incoming, answer) => void answer.end());
  await fails(get(nodeTransports({}), origin.replace("http:", "https:")), "tls", /no trust|handshake|http:\/\/ meant/);
});

test("a CA that is no PEM is refused when the transport is made", () => {
  assert.throws(
    () => nodeTransports({ ca: "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n" }),
    (error: unknown) => error instanceof TransportError && error.kind === "tls" && /must be PEM/.test(error.message),
  );
  assert.throws(() => nodeTransports({ ca: "" }), /holds no certificate/);
  assert.throws(() => nodeTransports({ cert: "x", key: "y" }), /the client certificate holds no certificate/);
});

/** Loopback is never proxied, so the targets behind a proxy have a name that only the proxy can resolve. */
const NAME = "api.invalid";

function named(origin: string): string {
  return origin.replace("127.0.0.1", NAME);
}

serving("https goes through the proxy by CONNECT, with credentials; the connection is kept", async (servers) => {
  const target = trusted.issue(NAME);
  const origin = named(await servers.https(target, (_incoming, answer) => void answer.end("through")));
  const authorization = `Basic ${Buffer.from("us er:p@ss").toString("base64")}`;
  const proxy = await servers.proxy({ authorization });
  const https = `http://us%20er:p%40ss@127.0.0.1:${proxy.port}`;
  const transport = nodeTransports({ ca: trusted.ca, proxy: { https } });
  assert.equal(await get(transport, origin), "200 through");
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await get(transport, origin), "200 through");
  assert.deepEqual(proxy.asked, [`CONNECT ${new URL(origin).host}`]);
});

serving("http goes through the proxy in absolute form, with credentials", async (servers) => {
  const origin = named(
    await servers.http((incoming, answer) => void answer.end(`${incoming.url} ${incoming.headers.host}`)),
  );
  const proxy = await servers.proxy({ authorization: `Basic ${Buffer.from("u:p").toString("base64")}` });
  const transport = nodeTransports({ proxy: { http: `http://u:p@127.0.0.1:${proxy.port}` } });
  assert.equal(await get(transport, `${origin}/a?b=c`), `200 /a?b=c ${new URL(origin).host}`);
  assert.deepEqual(proxy.asked, [`GET ${origin}/a?b=c`]);
});

serving("a proxy can be an https:// one itself", async (servers) => {
  const secure = named(await servers.https(trusted.issue(NAME), (_incoming, answer) => void answer.end("s")));
  const plain = named(await servers.http((_incoming, answer) => void answer.end("p")));
  const proxy = await servers.proxy({ identity });
  const url = `https://127.0.0.1:${proxy.port}`;
  const transport = nodeTransports({ ca: trusted.ca, proxy: { http: url, https: url } });
  assert.equal(await get(transport, secure), "200 s");
  assert.equal(await get(transport, plain), "200 p");
  assert.equal(proxy.asked.length, 2);
});

serving("NO_PROXY and loopback go straight", async (servers) => {
  const origin = await servers.http((_incoming, answer) => void answer.end("straight"));
  const proxy = await servers.proxy();
  const transport = nodeTransports({ proxy: { http: `127.0.0.1:${proxy.port}`, noProxy: "example.com, .invalid" } });
  assert.equal(await get(transport, origin), "200 straight");
  await fails(get(transport, named(origin)), "dns", /api\.invalid/);
  assert.deepEqual(proxy.asked, []);
});

serving("a proxy that wants credentials is named, and they are not", async (servers) => {
  const proxy = await servers.proxy({ authorization: "Basic x" });
  const url = `http://svc:hunter22@127.0.0.1:${proxy.port}`;
  const transport = nodeTransports({ proxy: { http: url, https: url } });
  for (const target of [`https://${NAME}/`, `http://${NAME}/`]) {
    const error = await get(transport, target).catch((error) => error);
    assert.ok(error instanceof TransportError && error.kind === "proxy", String(error));
    assert.match(error.message, /^the proxy 127\.0\.0\.1:\d+ opens no way to api\.invalid.*407/);
    assert.doesNotMatch(error.message, /hunter22|svc/);
  }
});

test("a proxy that nothing listens on fails as the proxy, for both kinds of targets", async () => {
  const transport = nodeTransports({ proxy: { http: "127.0.0.1:1", https: "127.0.0.1:1" } });
  await fails(get(transport, `https://${NAME}/`), "proxy", /^the proxy 127\.0\.0\.1:1 refused the connection/);
  await fails(get(transport, `http://${NAME}/`), "proxy", /^the proxy 127\.0\.0\.1:1 refused the connection/);
});

test("a proxy of a kind that we can't speak fails by name of the kind", async () => {
  const transport = nodeTransports({ proxy: { https: "socks5://127.0.0.1:1" } });
  await fails(get(transport, `https://${NAME}/`), "proxy", /socks5/);
});

serving("an abort while the proxy keeps silent does not wait for it", async (servers) => {
  const reached = Promise.withResolvers<void>();
  const port = await servers.tcp((socket) => void socket.once("data", () => reached.resolve()));
  const abort = new AbortController();
  const reason = new Error("enough");
  const call = get(nodeTransports({ proxy: { https: `127.0.0.1:${port}` } }), `https://${NAME}/`, {
    signal: abort.signal,
  });
  const rejected = assert.rejects(call, reason);
  await reached.promise;
  abort.abort(reason);
  await rejected;
});

serving("an untrusted target behind a proxy is a failure of the target", async (servers) => {
  const origin = named(await servers.https(authority("other").issue(NAME), (_i, answer) => void answer.end()));
  const proxy = await servers.proxy();
  const transport = nodeTransports({ ca: trusted.ca, proxy: { https: `127.0.0.1:${proxy.port}` } });
  await fails(get(transport, origin), "tls", /^no trust between us and api\.invalid:\d+/);
});
