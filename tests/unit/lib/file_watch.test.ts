import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { watchText } from "../../../src/lib/file_watch.ts";
import { nodeRuntime } from "../../../src/lib/runtime.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { machine } from "../../support/machine.ts";

function watching(known: string | undefined, text: string | undefined) {
  const here = machine({ files: text === undefined ? {} : { "/f": text } });
  const seen: string[] = [];
  const errors: string[] = [];
  const { clock, readText, stop: signal } = here;
  const onUnreadable = (error: unknown) => void errors.push(String(error));
  const done = (async () => {
    for await (const text of watchText("/f", known, { clock, readText, signal, everyMs: 1000, onUnreadable })) {
      seen.push(text);
    }
  })();
  return { ...here, seen, errors, done };
}

test("yields each change, and nothing while there is none", async () => {
  const { clock, files, seen, end, done } = watching("one", "one");
  await clock.advance(5000);
  assert.deepEqual(seen, []);
  files.set("/f", "two");
  await clock.advance(1000);
  await clock.advance(5000);
  files.set("/f", "one");
  await clock.advance(1000);
  assert.deepEqual(seen, ["two", "one"]);
  end();
  await done;
  assert.equal(clock.pendingTimers, 0);
});

test("with nothing known the first text counts", async () => {
  const { clock, seen, end, done } = watching(undefined, "one");
  await clock.advance(0);
  assert.deepEqual(seen, ["one"]);
  end();
  await done;
});

test("a file that is gone is reported once, and its return with the same text is no change", async () => {
  const { clock, files, seen, errors, end, done } = watching("one", "one");
  files.delete("/f");
  await clock.advance(3000);
  assert.equal(errors.length, 1);
  files.set("/f", "one");
  await clock.advance(2000);
  files.delete("/f");
  await clock.advance(3000);
  assert.equal(errors.length, 2);
  files.set("/f", "two");
  await clock.advance(1000);
  assert.deepEqual(seen, ["two"]);
  end();
  await done;
});

test("a kubelet's swap of symlinks is seen", async () => {
  const folder = await mkdtemp(join(tmpdir(), "arc-watch-"));
  const write = async (revision: string, text: string) => {
    await mkdir(join(folder, revision));
    await writeFile(join(folder, revision, "config.json"), text);
    await symlink(revision, join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  try {
    await write("..2026_1", "one");
    await symlink("..data/config.json", join(folder, "config.json"));
    const stop = new AbortController();
    const { readText } = nodeRuntime(stop.signal);
    const clock = new VirtualClock();
    const path = join(folder, "config.json");
    const changes = watchText(path, "one", { clock, readText, everyMs: 1000, signal: stop.signal });
    await write("..2026_2", "two");
    assert.equal((await changes.next()).value, "two");
    stop.abort();
    assert.equal((await changes.next()).done, true);
  } finally {
    await rm(folder, { recursive: true });
  }
});
