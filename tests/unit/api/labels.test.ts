import assert from "node:assert/strict";
import { test } from "node:test";
import type { AutoscalingRunnerSet, ResourceMeta } from "../../../src/api/kinds.ts";
import {
  listenerLabels,
  propagatedLabels,
  scaleSetLabels,
  urlLabels,
  withComponent,
  withMeta,
} from "../../../src/api/labels.ts";
import { table } from "../../support/table.ts";

const scaleSet = (labels: Record<string, string>, url = "https://github.com/acme/api"): AutoscalingRunnerSet => ({
  metadata: { name: "linux", namespace: "arc-runners", labels },
  spec: { githubConfigUrl: url },
});

const FIXED = {
  "app.kubernetes.io/part-of": "gha-runner-scale-set",
  "app.kubernetes.io/component": "runner-set",
  "actions.github.com/scale-set-name": "linux",
  "actions.github.com/scale-set-namespace": "arc-runners",
  "actions.github.com/organization": "acme",
  "actions.github.com/repository": "api",
};

table<{ set: AutoscalingRunnerSet; excluded?: string[]; labels: Record<string, string> }>("labels that propagate", {
  "the scale set's own, and the fixed ones": {
    set: scaleSet({ team: "core" }),
    labels: { ...FIXED, team: "core" },
  },
  "the version is the scale set's": {
    set: scaleSet({ "app.kubernetes.io/version": "0.14.2" }),
    labels: { ...FIXED, "app.kubernetes.io/version": "0.14.2" },
  },
  "fixed ones win": {
    set: scaleSet({
      "app.kubernetes.io/component": "autoscaling-runner-set",
      "actions.github.com/organization": "evil",
    }),
    labels: FIXED,
  },
  "an excluded prefix takes the user's": {
    set: scaleSet({ "argocd.argoproj.io/instance": "x", team: "core" }),
    excluded: ["argocd.argoproj.io/"],
    labels: { ...FIXED, team: "core" },
  },
  "an excluded prefix takes fixed ones too": {
    set: scaleSet({ team: "core" }),
    excluded: ["actions.github.com/", "nothing/"],
    labels: {
      "app.kubernetes.io/part-of": "gha-runner-scale-set",
      "app.kubernetes.io/component": "runner-set",
      team: "core",
    },
  },
  "an empty prefix excludes nothing": { set: scaleSet({}), excluded: [""], labels: FIXED },
}, ({ set, excluded = [], labels }) => assert.deepEqual(propagatedLabels(set, excluded, "runner-set"), labels));

test("labels that propagate: a wrong config URL is no label", () => {
  assert.throws(() => propagatedLabels(scaleSet({}, "nowhere"), [], "runner"), { name: "ConfigUrlError" });
});

table<[url: string, labels: Record<string, string>]>("labels of a config URL", {
  "enterprise": ["https://github.com/enterprises/big", { "actions.github.com/enterprise": "big" }],
  "organization": ["https://github.com/acme/", { "actions.github.com/organization": "acme" }],
  "repository": [
    "https://ghe.example.com/acme/api",
    { "actions.github.com/organization": "acme", "actions.github.com/repository": "api" },
  ],
  "names are trimmed to fit": [
    `https://github.com/acme_/.${"x".repeat(70)}`,
    { "actions.github.com/organization": "acme", "actions.github.com/repository": `${"x".repeat(58)}-trim` },
  ],
}, ([url, labels]) => assert.deepEqual(urlLabels(url), labels));

table<{ meta?: ResourceMeta; fixed?: ResourceMeta; is: ResourceMeta }>("labels and annotations that a user wants", {
  "nothing is nothing, not empty maps": { is: {} },
  "are there": {
    meta: { labels: { a: "1" }, annotations: { b: "2" } },
    is: { labels: { a: "1" }, annotations: { b: "2" } },
  },
  "lose against the fixed ones": {
    meta: { labels: { a: "1", b: "1" }, annotations: { c: "1" } },
    fixed: { labels: { a: "2" }, annotations: { c: "2", d: "2" } },
    is: { labels: { a: "2", b: "1" }, annotations: { c: "2", d: "2" } },
  },
}, ({ meta, fixed, is }) => assert.deepEqual(withMeta(meta, fixed), is));

test("a child has its parent's labels, and another component", () => {
  assert.deepEqual(
    withComponent({ team: "core", "app.kubernetes.io/component": "runner-set" }, "runner"),
    { team: "core", "app.kubernetes.io/component": "runner" },
  );
});

test("a component that was excluded does not come back in the child", () => {
  assert.deepEqual(withComponent({ team: "core" }, "runner"), { team: "core" });
  assert.deepEqual(withComponent(undefined, "runner"), {});
});

test("names too long for a label are cut in labels", () => {
  const name = "x".repeat(80);
  const cut = `${"x".repeat(58)}-trim`;
  assert.equal(scaleSetLabels({ name, namespace: "ns" })["actions.github.com/scale-set-name"], cut);
  assert.deepEqual(listenerLabels({ name, namespace: "arc-systems" }), {
    "auto-scaling-listener-name": cut,
    "auto-scaling-listener-namespace": "arc-systems",
  });
});
