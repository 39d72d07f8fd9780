/** How a listenerTemplate goes over the listener's pod. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { listenerPodOf } from "../../../../src/controllers/autoscaling_listener/listener_pod.ts";
import { listenerOf } from "../../../../src/controllers/autoscaling_runner_set/build.ts";
import type { PodTemplate } from "../../../../src/k8s/resource.ts";
import { registered, settings, stored } from "../../../support/builders_set.ts";
import { table } from "../../../support/table.ts";

type Spec = NonNullable<PodTemplate["spec"]>;
const FACTS = { id: 7, name: "linux", group: "Default" };
const podWith = (listenerTemplate: PodTemplate | undefined, changes = {}) =>
  listenerPodOf(stored(listenerOf(registered({ listenerTemplate }), FACTS, settings(changes))), settings(changes));
const ours = podWith(undefined).spec!;
const listener = (spec: Spec | undefined) => spec?.containers.find(({ name }) => name === "listener");

table<{ template: Partial<Spec>; look: (spec: Spec) => unknown; is: unknown }>("listenerTemplate", {
  "nothing given, nothing changed": { template: { containers: [] }, look: (spec) => spec, is: ours },
  "env is added after ours": {
    template: { containers: [{ name: "listener", env: [{ name: "A", value: "1" }] }] },
    look: (spec) => listener(spec)?.env?.map(({ name }) => name),
    is: ["LISTENER_CONFIG_PATH", "A"],
  },
  "args, envFrom, ports and mounts are added": {
    template: {
      containers: [{
        name: "listener",
        args: ["-v"],
        envFrom: [{ secretRef: { name: "s" } }],
        ports: [{ containerPort: 9 }],
        volumeMounts: [{ name: "extra", mountPath: "/extra" }],
      }],
    },
    look: (spec) => {
      const { args, envFrom, ports, volumeMounts } = listener(spec)!;
      return [
        args,
        envFrom?.length,
        ports?.map(({ containerPort }) => containerPort),
        volumeMounts?.map(({ name }) => name),
      ];
    },
    is: [["-v"], 1, [8080, 9], ["listener-config", "extra"]],
  },
  "image and command are replaced": {
    template: { containers: [{ name: "listener", image: "mine", command: ["/x"] }] },
    look: (spec) => [listener(spec)?.image, listener(spec)?.command],
    is: ["mine", ["/x"]],
  },
  "an empty image or command is none": {
    template: { containers: [{ name: "listener", image: "", command: [] }] },
    look: (spec) => [listener(spec)?.image, listener(spec)?.command],
    is: ["ghcr.io/acme/arc:0.14.2", ["/ghalistener"]],
  },
  "the rest of the container is taken": {
    template: { containers: [{ name: "listener", securityContext: { runAsUser: 5 }, tty: true }] },
    look: (spec) => [listener(spec)?.securityContext, listener(spec)?.tty],
    is: [{ runAsUser: 5 }, true],
  },
  "other containers stand beside it": {
    template: { containers: [{ name: "side", image: "s" }, { name: "listener" }] },
    look: (spec) => spec.containers.map(({ name }) => name),
    is: ["listener", "side"],
  },
  "volumes are added": {
    template: { containers: [], volumes: [{ name: "extra", emptyDir: {} }] },
    look: (spec) => spec.volumes?.map(({ name }) => name),
    is: ["listener-config", "extra"],
  },
  "pod fields are taken, ours stay where none is given": {
    template: { containers: [], restartPolicy: "Always", nodeSelector: { disk: "ssd" }, priorityClassName: "high" },
    look: (spec) => [spec.restartPolicy, spec.nodeSelector, spec.priorityClassName, spec.terminationGracePeriodSeconds],
    is: ["Always", { disk: "ssd" }, "high", 60],
  },
  "the service account is not a user's to choose": {
    template: { containers: [], serviceAccountName: "admin", serviceAccount: "admin" },
    look: (spec) => [spec.serviceAccountName, spec.serviceAccount],
    is: ["linux-84bd964b-listener", undefined],
  },
}, ({ template, look, is }) => assert.deepEqual(look(podWith({ spec: { containers: [], ...template } }).spec!), is));

test("labels and annotations of a template only where the key is free", () => {
  const { metadata } = podWith({ metadata: { labels: { team: "x", mine: "1" }, annotations: { a: "1" } } });
  assert.equal(metadata?.labels?.team, "core");
  assert.equal(metadata?.labels?.mine, "1");
  assert.equal(metadata?.annotations?.a, "1");
});

test("entry point, pull secrets and metrics port come from the options", () => {
  const spec = podWith(undefined, {
    listenerEntrypoint: "/arc",
    imagePullSecrets: ["pull"],
    listenerMetricsAddr: "0",
  }).spec!;
  assert.deepEqual(listener(spec)?.command, ["/arc"]);
  assert.deepEqual(spec.imagePullSecrets, [{ name: "pull" }]);
  assert.equal(listener(spec)?.ports, undefined);
  assert.deepEqual(
    listener(podWith(undefined, { listenerMetricsAddr: "[::]:9090" }).spec)?.ports?.[0]?.containerPort,
    9090,
  );
});

test("the mark differs when the spec does, and not for another order of keys", () => {
  const mark = (template: PodTemplate | undefined) =>
    podWith(template).metadata?.annotations?.["actions.github.com/listener-spec"];
  assert.notEqual(mark(undefined), mark({ spec: { containers: [], priorityClassName: "high" } }));
  assert.equal(
    mark({ spec: { containers: [], nodeSelector: { a: "1", b: "2" } } }),
    mark({ spec: { containers: [], nodeSelector: { b: "2", a: "1" } } }),
  );
});
