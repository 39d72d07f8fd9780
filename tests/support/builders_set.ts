/** Scale sets, listeners and what belongs to them, as tests want them: valid, and changed by what a test is about. */
import type { AutoscalingListener, AutoscalingRunnerSet, EphemeralRunnerSet } from "../../src/api/kinds.ts";
import { FINALIZERS } from "../../src/api/names.ts";
import { placeOf } from "../../src/controllers/autoscaling_runner_set/build.ts";
import type { Settings } from "../../src/controllers/shared/settings.ts";
import type { ResolvedSource } from "../../src/controllers/shared/source_reader.ts";
import type { KubeObject, ObjectMeta, Secret, Stored } from "../../src/k8s/resource.ts";
import { parseConfigUrl } from "../../src/lib/config_url.ts";

/** The settings of a controller in namespace arc-systems. */
export function settings(changes: Partial<Settings> = {}): Settings {
  return {
    namespace: "arc-systems",
    image: "ghcr.io/acme/arc:0.14.2",
    imagePullSecrets: [],
    listenerMetricsAddr: ":8080",
    listenerMetricsEndpoint: "/metrics",
    logLevel: "debug",
    logFormat: "text",
    excludedLabelPrefixes: [],
    version: "0.14.2",
    commit: "2ee6b3b",
    updateStrategy: "immediate",
    listenerMode: "pod",
    ...changes,
  };
}

/** The scale set of the contract's examples: `linux` in `arc-runners`, at https://github.com/acme/api. */
export function scaleSet(
  spec: Partial<NonNullable<AutoscalingRunnerSet["spec"]>> = {},
  metadata: Partial<ObjectMeta> = {},
): AutoscalingRunnerSet {
  return {
    apiVersion: "actions.github.com/v1alpha1",
    kind: "AutoscalingRunnerSet",
    metadata: {
      name: "linux",
      namespace: "arc-runners",
      labels: { "app.kubernetes.io/version": "0.14.2", team: "core" },
      ...metadata,
    },
    spec: {
      githubConfigUrl: "https://github.com/acme/api",
      githubConfigSecret: "gh",
      minRunners: 0,
      maxRunners: 10,
      template: { spec: { containers: [{ name: "runner", image: "runner:1" }] } },
      ...spec,
    },
  };
}

/** An object as the API server would return it. */
export function stored<T extends KubeObject>(object: T, metadata: Partial<ObjectMeta> = {}): Stored<T> {
  const { name = "x" } = object.metadata ?? {};
  return {
    ...object,
    metadata: {
      uid: `uid-${name}`,
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...object.metadata,
      name,
      ...metadata,
    },
  } as Stored<T>;
}

/** A scale set that the service knows as 7 and that has our finalizer. */
export function registered(
  spec: Partial<NonNullable<AutoscalingRunnerSet["spec"]>> = {},
  metadata: Partial<ObjectMeta> = {},
): Stored<AutoscalingRunnerSet> {
  return stored(
    scaleSet({ runnerScaleSetName: "linux", ...spec }, {
      finalizers: [FINALIZERS.autoscalingRunnerSet],
      annotations: {
        "runner-scale-set-id": "7",
        "actions.github.com/runner-group-name": "Default",
        "actions.github.com/runner-scale-set-name": "linux",
      },
      labels: {
        "app.kubernetes.io/version": "0.14.2",
        team: "core",
        "actions.github.com/organization": "acme",
        "actions.github.com/repository": "api",
      },
      ...metadata,
    }),
  );
}

/** A secret with the texts of `values`. */
export function secret(name: string, values: Readonly<Record<string, string>>, namespace = "arc-runners"): Secret {
  const data = Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  return { metadata: { name, namespace }, data: Object.fromEntries(data) };
}

/** A token's source, without proxy and authority. */
export function resolved(changes: Partial<ResolvedSource> = {}): ResolvedSource {
  return {
    configUrl: parseConfigUrl("https://github.com/acme/api"),
    credentials: { kind: "pat", token: "ghp_x" },
    proxy: { http: "", https: "", noProxy: "" },
    ca: "",
    ...changes,
  };
}

/** A runner set named as its scale set, owned by it. */
export function ownedBy(ars: Stored<AutoscalingRunnerSet>, runnerSet: EphemeralRunnerSet): Stored<EphemeralRunnerSet> {
  return stored({ ...runnerSet, metadata: { ...runnerSet.metadata, ...placeOf(ars) } }, { uid: "uid-ers" });
}

/** A listener that the API server has. */
export function storedListener(listener: AutoscalingListener, metadata: Partial<ObjectMeta> = {}) {
  return stored(listener, { uid: "uid-al", finalizers: [FINALIZERS.autoscalingListener], ...metadata });
}
