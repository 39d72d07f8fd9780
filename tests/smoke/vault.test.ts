/** The shipped listener with its credentials in an Azure Key Vault: SDK, login, TLS and proxy, over loopback. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readText } from "../../src/lib/http.ts";
import { CLIENT, simAzure, TENANT, VAULT_URL } from "../support/azure.ts";
import { eventually } from "../support/eventually.ts";
import { executable } from "../support/executable.ts";
import { authority } from "../support/pki.ts";

const SIGNER = authority();
const APP = SIGNER.issueRsa("app");

/** Everything that goes through it ends at one server, whatever name it asks for. */
async function proxyTo(port: number): Promise<net.Server> {
  const proxy = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      const onward = net.connect(port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        onward.pipe(socket);
        socket.pipe(onward);
      });
      onward.on("error", () => socket.destroy());
      socket.on("close", () => onward.destroy());
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return proxy;
}

const portOf = (server: net.Server | Server) => (server.address() as net.AddressInfo).port;

test("the executable gets a token out of a vault and shows it to GitHub, through a proxy", async () => {
  const program = await executable();
  const folder = mkdtempSync(join(tmpdir(), "arc-vault-"));
  const azure = simAzure(APP.cert, () => Date.now());
  azure.secrets.set("gh", JSON.stringify({ github_token: "ghp_from_the_vault" }));
  const shown: string[] = [];
  const github = (request: IncomingMessage) => shown.push(`${request.url} ${request.headers.authorization}`);

  const names = ["login.microsoftonline.com", new URL(VAULT_URL).host, "api.github.com"];
  const server = createServer(SIGNER.issue(...names), async (request, response) => {
    if (request.headers.host === "api.github.com") {
      github(request);
      return response.writeHead(401).end("{}");
    }
    const body = await readText(request);
    const url = `https://${request.headers.host}${request.url}`;
    const headers = request.headers as Record<string, string>;
    const signal = new AbortController().signal;
    const answer = await azure.transport({ method: request.method ?? "", url, headers, body, signal });
    response.writeHead(answer.status, answer.headers).end(await readText(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy = await proxyTo(portOf(server));

  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const certificate = file("app.pem", APP.cert + APP.key);
  const config = file(
    "config.json",
    JSON.stringify({
      configure_url: "https://github.com/acme",
      vault_type: "azure_key_vault",
      vault_lookup_key: "gh",
      azure_key_vault: { tenant_id: TENANT, client_id: CLIENT, url: VAULT_URL, certificate_path: certificate },
      ephemeral_runner_set_namespace: "arc-runners",
      ephemeral_runner_set_name: "linux",
      runner_scale_set_id: 1,
      max_runners: 1,
    }),
  );
  const kubeconfig = file(
    "kubeconfig",
    JSON.stringify({
      clusters: [{ name: "away", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "me", user: { token: "t" } }],
      contexts: [{ name: "away", context: { cluster: "away", user: "me" } }],
      "current-context": "away",
    }),
  );
  const env = {
    LISTENER_CONFIG_PATH: config,
    KUBECONFIG: kubeconfig,
    NODE_EXTRA_CA_CERTS: file("ca.pem", SIGNER.ca),
    https_proxy: `http://127.0.0.1:${portOf(proxy)}`,
    HOME: folder,
  };
  const child = spawn(program, ["listener"], { env, stdio: ["ignore", "pipe", "pipe"] });
  let written = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => written += String(chunk));
  try {
    await eventually("a call of GitHub", async () => shown.length > 0, 30_000);
    assert.match(shown[0]!, / Bearer ghp_from_the_vault$/, written);
    assert.ok(!written.includes("ghp_from_the_vault"), "the log does not show it");
  } finally {
    child.kill("SIGKILL");
    server.closeAllConnections();
    server.close();
    proxy.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
