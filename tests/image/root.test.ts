/** The image's own files, run as the image runs them: as 65532, on a read-only root, with the base's libraries alone. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import manifest from "../../package.json" with { type: "json" };
import { stagesOf, valuesOf } from "../support/dockerfile.ts";
import { executable } from "../support/executable.ts";
import { layBase, machine, runIn, whyNoRoot } from "../support/image.ts";

const ROOT = join(import.meta.dirname ?? "", "../..");
const FINAL = stagesOf(readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8")).at(-1)!;
const USER = valuesOf(FINAL, "USER").at(-1)!;
const WHY_NOT = whyNoRoot();
let root = "";

before(async () => {
  if (WHY_NOT) return console.log(`the image's root file system is not run: ${WHY_NOT}`);
  await executable();
  root = mkdtempSync(join(tmpdir(), "arc-image-"));
  layBase(root, FINAL.base);
  execFileSync(join(ROOT, "deploy/image_root.sh"), [root, machine().arch]);
  // What a cluster mounts.
  mkdirSync(join(root, "etc/gha-listener"));
  writeFileSync(join(root, "etc/gha-listener/config.json"), '{"configure_url": 7}');
  writeFileSync(join(root, "etc/kubeconfig"), JSON.stringify(KUBECONFIG));
  execFileSync("chmod", ["755", root]);
});
after(() => root && rmSync(root, { recursive: true, force: true }));

const KUBECONFIG = {
  clusters: [{ name: "away", cluster: { server: "https://127.0.0.1:1" } }],
  users: [{ name: "me", user: { token: "t" } }],
  contexts: [{ name: "away", context: { cluster: "away", user: "me" } }],
  "current-context": "away",
};

/** A test that needs a root of its own. */
function inImage(name: string, body: () => void): void {
  test(name, () => {
    if (WHY_NOT === undefined) body();
  });
}

inImage("/arc says which build it is", () => {
  const { code, out, err } = runIn(root, USER, ["/arc", "version", "--json"]);
  assert.equal(code, 0, err);
  assert.equal((JSON.parse(out) as { version: string }).version, manifest.version);
});

inImage("the entry point is the controller", () => {
  const [entry] = valuesOf(FINAL, "ENTRYPOINT").map((value) => JSON.parse(value) as string[]);
  const { code, out, err } = runIn(root, USER, [...entry!, "--help"]);
  assert.equal(code, 0, err);
  assert.match(out, /^Usage: arc controller/);
});

inImage("the reference's names are links to the one program", () => {
  assert.deepEqual(["manager", "ghalistener"].map((name) => readlinkSync(join(root, name))), ["/arc", "/arc"]);
});

inImage("/ghalistener with a broken config ends with 2 and names the field", () => {
  const env = { LISTENER_CONFIG_PATH: "/etc/gha-listener/config.json", KUBECONFIG: "/etc/kubeconfig" };
  const { code, out, err } = runIn(root, USER, ["/ghalistener"], env);
  assert.equal(code, 2, out + err);
  assert.match(err, /configure_url/);
});

inImage("the whole system runs in it", () => {
  const { code, out, err } = runIn(root, USER, ["/arc", "sandbox", "--speed", "--jobs", "3"]);
  assert.equal(code, 0, out + err);
  assert.match(out, /3 jobs/);
});

inImage("the root can't be written to", () => {
  const before = execFileSync("find", [root, "-newer", join(root, "etc/kubeconfig"), "-type", "f"]).toString();
  runIn(root, USER, ["/arc", "sandbox", "--speed", "--jobs", "1"]);
  const later = execFileSync("find", [root, "-newer", join(root, "etc/kubeconfig"), "-type", "f"]).toString();
  assert.equal(later, before);
});

inImage("without the library that the Dockerfile adds nothing would start", () => {
  const { triple } = machine();
  const library = join(root, `usr/lib/${triple}/libatomic.so.1`);
  execFileSync("mv", [library, `${library}.away`]);
  try {
    const { code, err } = runIn(root, USER, ["/arc", "version"]);
    assert.notEqual(code, 0);
    assert.match(err, /libatomic/);
  } finally {
    execFileSync("mv", [`${library}.away`, library]);
  }
});

inImage("licences, the bill of materials and the added library's entry for scanners are in it", () => {
  const text = (path: string) => readFileSync(join(root, path), "utf8");
  assert.match(text("usr/share/doc/arc/LICENSES.txt"), /\nnode \d+/);
  assert.match(text("usr/share/doc/arc/sbom.json"), /"CycloneDX"/);
  assert.match(text("var/lib/dpkg/status.d/libatomic1"), /^Package: libatomic1$/m);
  assert.ok(text("usr/share/doc/libatomic1/copyright").length > 100);
});

inImage("an image for another architecture is not made of this machine's libraries", () => {
  const other = machine().arch === "amd64" ? "arm64" : "amd64";
  const elsewhere = join(root, "tmp/other");
  const { status, stderr } = spawnSync(join(ROOT, "deploy/image_root.sh"), [elsewhere, other]);
  rmSync(elsewhere, { recursive: true, force: true });
  assert.notEqual(status, 0);
  assert.match(String(stderr), other === "arm64" ? /aarch64-linux-gnu/ : /x86_64-linux-gnu/);
});

test("there is no image for an architecture that nobody builds", () => {
  const { status, stderr } = spawnSync(join(ROOT, "deploy/image_root.sh"), ["/nonexistent", "s390x"]);
  assert.equal(status, 1);
  assert.match(String(stderr), /no image for the architecture s390x/);
});
