/** Writes crds/*.yaml: `npm run crds`. */
import { writeFileSync } from "node:fs";
import { crdFiles } from "../src/api/crd_files.ts";

for (const [name, content] of crdFiles()) {
  writeFileSync(new URL(`../crds/${name}`, import.meta.url), content);
  console.log(`crds/${name}`);
}
