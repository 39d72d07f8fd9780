/**
 * Writes src/api/pod_template.json from the API server that the current kubeconfig names:
 * `node scripts/pod_template.ts`. To be run when a new Kubernetes version has new fields in pods; then `npm run crds`.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { podTemplateSchema } from "../src/api/pod_template.ts";

const get = (path: string) =>
  JSON.parse(execFileSync("kubectl", ["get", "--raw", path], { encoding: "utf8", maxBuffer: 64 << 20 }));

const { gitVersion } = get("/version");
const schema = podTemplateSchema(get("/openapi/v3/api/v1"));
const file = new URL("../src/api/pod_template.json", import.meta.url);
writeFileSync(file, `${JSON.stringify({ kubernetes: gitVersion, schema }, null, 1)}\n`);
console.log(`${file.pathname}: the pod template of Kubernetes ${gitVersion}`);
