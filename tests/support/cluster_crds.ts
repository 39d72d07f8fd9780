/** Custom resource definitions on a real API server: made, or put over others in place. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import type { CustomResourceDefinition } from "../../src/api/crd.ts";
import type { KubeObject } from "../../src/k8s/resource.ts";
import type { ControlPlane } from "./control_plane.ts";
import { eventually } from "./eventually.ts";

const FOLDER = fileURLToPath(new URL("../../crds/", import.meta.url));
const PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** Those that are shipped. */
export function ourCrds(): CustomResourceDefinition[] {
  return readdirSync(FOLDER).sort().map((file) =>
    load(readFileSync(FOLDER + file, "utf8")) as CustomResourceDefinition
  );
}

/**
 * Makes definitions, or replaces those of the same name: objects stay.
 * @returns when the API server serves them; what one that was replaced looked like, it may still do for a moment
 * @throws Error with the API server's answer
 */
export async function applyCrds(plane: ControlPlane, definitions: readonly KubeObject[]): Promise<void> {
  for (const definition of definitions) {
    const { name = "" } = definition.metadata ?? {};
    const there = await plane.call("GET", `${PATH}/${name}`);
    const { metadata } = there.status === 200 ? JSON.parse(there.text) as KubeObject : definition;
    const wanted = { ...definition, metadata: { name, resourceVersion: metadata?.resourceVersion } };
    const made = there.status === 200
      ? await plane.call("PUT", `${PATH}/${name}`, wanted)
      : await plane.call("POST", `${PATH}?fieldValidation=Strict`, wanted);
    if (made.status >= 300) throw new Error(`${name}: ${made.text}`);
    const { group, names, versions } = (definition as CustomResourceDefinition).spec;
    const path = `/apis/${group}/${versions[0]!.name}/${names.plural}`;
    await eventually(`${names.plural} are served`, async () => (await plane.call("GET", path)).status === 200);
  }
}
