import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { execProgram } from "../../../../src/sim/kubelet/exec.ts";
import { type ListenerContext, MountedFiles } from "../../../../src/sim/kubelet/listener_program.ts";

/** A shell that says what it finds, then waits for lines to do. */
const SHELL = ["/bin/sh", "-c"];
const CONFIG = "/etc/gha-listener/config.json";

interface Run {
  readonly lines: string[];
  readonly files: MountedFiles;
  readonly term: AbortController;
  readonly kill: AbortController;
  readonly code: Promise<number>;
  /** Resolves when a line with this text has come. */
  line(text: string): Promise<void>;
}

/** Runs a shell script as a listener, in a folder that is empty afterwards. */
async function running(script: string, body: (run: Run) => Promise<void>, kubeUrl = "https://10.0.0.1:6443") {
  const folder = await mkdtemp(join(tmpdir(), "arc-exec-"));
  const lines: string[] = [];
  let wake = () => {};
  const files = new MountedFiles(new Map([[CONFIG, "first"]]));
  const [term, kill] = [new AbortController(), new AbortController()];
  const context: ListenerContext = {
    pod: { metadata: { name: "linux-listener", namespace: "arc-systems" } },
    command: ["/ghalistener"],
    env: { LISTENER_CONFIG_PATH: CONFIG, OTHER: "value" },
    files,
    kubeUrl,
    serviceAccountToken: () => Promise.resolve("a-token"),
    term: term.signal,
    kill: kill.signal,
  };
  const program = execProgram({
    clock: new VirtualClock(),
    command: [...SHELL, script],
    env: { PATH: process.env["PATH"] ?? "" },
    folder,
    ca: "a-ca",
    onLine: (line) => {
      lines.push(line);
      wake();
    },
  });
  const line = async (text: string) => {
    while (!lines.includes(text)) await new Promise<void>((resolve) => wake = resolve);
  };
  try {
    await body({ lines, files, term, kill, code: program(context), line });
    assert.deepEqual(await readdir(folder), [], "nothing stays behind");
  } finally {
    kill.abort();
    await rm(folder, { recursive: true, force: true });
  }
}

test("a child process gets its files, its environment and its service account", async () => {
  const script = `cat "$LISTENER_CONFIG_PATH"; echo; echo $OTHER; echo $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT
    for name in token ca.crt namespace; do cat $ARC_SERVICE_ACCOUNT_DIR/$name; echo; done; exit 3`;
  await running(script, async ({ code, lines }) => {
    assert.equal(await code, 3);
    assert.deepEqual(lines, ["first", "value", "10.0.0.1:6443", "a-token", "a-ca", "arc-systems"]);
  });
});

test("a plain http API server is told by a kubeconfig", async () => {
  await running(`cat $KUBECONFIG; exit 0`, async ({ code, lines }) => {
    assert.equal(await code, 0);
    const config = JSON.parse(lines.join("\n")) as Record<string, { cluster?: { server: string } }[]>;
    assert.equal(config["clusters"]?.[0]?.cluster?.server, "http://127.0.0.1:8080");
  }, "http://127.0.0.1:8080");
});

test("a changed secret is exchanged as a whole under a running program", async () => {
  const script = `echo ready; until [ "$(cat "$LISTENER_CONFIG_PATH")" = second ]; do sleep 0.01; done
    ls -A "$(dirname "$LISTENER_CONFIG_PATH")" | sort | tr '\\n' ' '; echo`;
  await running(script, async ({ code, lines, files, line }) => {
    await line("ready");
    files.replace(new Map([[CONFIG, "second"]]));
    assert.equal(await code, 0);
    assert.match(lines[1]!, /^(\.\.1 )?\.\.2 \.\.data config\.json/);
  });
});

test("SIGTERM lets a program end by itself", async () => {
  const script = `trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done`;
  await running(script, async ({ code, term, line, lines }) => {
    await line("ready");
    term.abort();
    assert.equal(await code, 0);
    assert.deepEqual(lines, ["ready", "bye"]);
  });
});

test("SIGKILL ends one that does not; the exit code says so", async () => {
  const script = `trap '' TERM; echo ready; while :; do sleep 0.01; done`;
  await running(script, async ({ code, term, kill, line }) => {
    await line("ready");
    term.abort();
    kill.abort();
    assert.equal(await code, 137);
  });
});
