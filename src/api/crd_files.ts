/** The custom resource definitions as the files of crds/. */
import { dump } from "js-yaml";
import { customResourceDefinitions, POD_TEMPLATE_VERSION } from "./crd.ts";
import { GROUP } from "./kinds.ts";

/**
 * File name -> content. Readers of YAML 1.1 (kubectl, Helm) and of YAML 1.2 get the same from it: js-yaml quotes
 * what either would not take for a text.
 */
export function crdFiles(): ReadonlyMap<string, string> {
  const head =
    `# Generated from src/api by \`npm run crds\`. Pod templates are those of Kubernetes ${POD_TEMPLATE_VERSION}.\n`;
  return new Map(
    customResourceDefinitions().map((definition) => [
      `${GROUP}_${definition.spec.names.plural}.yaml`,
      head + dump(definition, { noRefs: true, lineWidth: 120 }),
    ]),
  );
}
