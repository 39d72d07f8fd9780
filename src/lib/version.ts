/** Which build this is. build.ts stamps both; a run from source has the version of package.json and no commit. */
import manifest from "../../package.json" with { type: "json" };

declare const STAMPED_VERSION: string | undefined;
declare const STAMPED_COMMIT: string | undefined;

export interface Version {
  /** As in "0.14.2", without a "v". */
  readonly version: string;
  /** A short commit hash, or "dev". */
  readonly commit: string;
}

/** The version of this build. */
export const VERSION: Version = {
  version: typeof STAMPED_VERSION === "string" ? STAMPED_VERSION : manifest.version,
  commit: typeof STAMPED_COMMIT === "string" ? STAMPED_COMMIT : "dev",
};
