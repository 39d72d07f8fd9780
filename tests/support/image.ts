/**
 * The image's root file system in a folder, without a container engine: what its base has of libraries and users, from
 * this machine (Debian 12, as the base is), and on top of it what deploy/image_root.sh lays out for the Dockerfile.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What runs in the image. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The C and C++ libraries of distroless/cc: packages libc6, libgcc-s1, libgomp1 and libstdc++6. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  "gcr.io/distroless/cc-debian12:nonroot": [
    ...["ld-linux", "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2"],
    ...["libutil.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libgcc_s.so.1", "libgomp.so.1", "libstdc++.so.6"],
  ],
};

const MACHINES: Readonly<Record<string, { arch: string; triple: string; loader: string }>> = {
  x64: { arch: "amd64", triple: "x86_64-linux-gnu", loader: "/lib64/ld-linux-x86-64.so.2" },
  arm64: { arch: "arm64", triple: "aarch64-linux-gnu", loader: "/lib/ld-linux-aarch64.so.1" },
};

/** The image's name for this machine's architecture. @throws Error when there is no image for it */
export function machine(): { readonly arch: string; readonly triple: string; readonly loader: string } {
  const found = MACHINES[process.arch];
  if (!found) throw new Error(`there is no image for ${process.arch}`);
  return found;
}

/** Lays out a base image's files. @throws Error when the base is not known */
export function layBase(root: string, base: string): void {
  const libraries = LIBRARIES[base];
  if (!libraries) throw new Error(`${base}: its libraries are not known here`);
  const { triple, loader } = machine();
  for (const name of libraries) {
    const path = name === "ld-linux" ? loader : `/lib/${triple}/${name}`;
    mkdirSync(join(root, dirname(path)), { recursive: true });
    copyFileSync(path, join(root, path));
    chmodSync(join(root, path), 0o755);
  }
  const files = {
    "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
    "etc/group": "root:x:0:\nnonroot:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
  };
  mkdirSync(join(root, "etc"), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
  mkdirSync(join(root, "home/nonroot"), { recursive: true });
  chownSync(join(root, "home/nonroot"), 65532, 65532);
  mkdirSync(join(root, "tmp"), { mode: 0o1777 });
}

/** Why nothing can be run in a root of its own here; undefined when it can. */
export function whyNoRoot(): string | undefined {
  if (process.platform !== "linux") return "this is not Linux";
  if (process.getuid?.() !== 0) return "chroot needs root";
  const tried = spawnSync("unshare", ["--mount", "true"]);
  return tried.status === 0 ? undefined : "unshare --mount is not allowed here";
}

/** Runs a command as `user` in a root that is mounted read-only, with no /proc, no network names and no environment. */
export function runIn(
  root: string,
  user: string,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Ran {
  const script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && root=$1 && user=$2 && shift 2 && ' +
    'exec chroot --userspec="$user" --groups= "$root" "$@"';
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    ["--mount", "/bin/sh", "-c", script, "sh", root, user, ...command],
    { encoding: "utf8", env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env }, timeout: 60_000 },
  );
  return { code: status, out: stdout, err: stderr };
}
