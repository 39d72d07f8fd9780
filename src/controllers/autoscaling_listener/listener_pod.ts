/** The listener's pod, and how a user's listenerTemplate goes over it. Pure. */
import { AUTOSCALING_LISTENERS, type AutoscalingListener } from "../../api/kinds.ts";
import { ANNOTATIONS, listenerConfigName, listenerProxyName, nameHash } from "../../api/names.ts";
import { controlledBy, type Pod, type PodTemplate } from "../../k8s/resource.ts";
import { canonical } from "../shared/drift.ts";
import { metricsAddrOf, type Settings } from "../shared/settings.ts";

type PodSpec = NonNullable<Pod["spec"]>;
type Container = PodSpec["containers"][number];

export const LISTENER_CONTAINER = "listener";
const CONFIG_VOLUME = "listener-config";
const CONFIG_FOLDER = "/etc/gha-listener";
const CONFIG_KEY = "config.json";
const DEFAULT_ENTRYPOINT = "/ghalistener";
/** Long enough for a listener to finish the message in hand and to end its session. */
export const LISTENER_GRACE_SECONDS = 60;

/** The pod as it is wanted. The annotation with the hash of its spec tells later whether another one is wanted. */
export function listenerPodOf(listener: AutoscalingListener, settings: Settings): Pod {
  const { name = "", namespace = "", labels } = listener.metadata ?? {};
  const template = listener.spec?.template;
  const spec = withTemplate(ownSpec(listener, settings), template?.spec);
  const meta = template?.metadata;
  return {
    metadata: {
      name,
      namespace,
      labels: { ...meta?.labels, ...labels },
      annotations: { ...meta?.annotations, [ANNOTATIONS.listenerSpec]: specHash(spec) },
      ownerReferences: [controlledBy(AUTOSCALING_LISTENERS, listener)],
    },
    spec,
  };
}

/** The same for specs that say the same. */
function specHash(spec: PodSpec): string {
  return nameHash(canonical(spec));
}

function ownSpec(listener: AutoscalingListener, settings: Settings): PodSpec {
  const { name = "" } = listener.metadata ?? {};
  const { image, imagePullSecrets } = listener.spec ?? {};
  return {
    serviceAccountName: name,
    nodeSelector: { "kubernetes.io/os": "linux" },
    containers: [{
      name: LISTENER_CONTAINER,
      image,
      command: [settings.listenerEntrypoint || DEFAULT_ENTRYPOINT],
      env: envOf(listener),
      ...portsOf(settings),
      volumeMounts: [{ name: CONFIG_VOLUME, mountPath: CONFIG_FOLDER, readOnly: true }],
    }],
    volumes: [{ name: CONFIG_VOLUME, secret: { secretName: listenerConfigName(name) } }],
    ...(imagePullSecrets && imagePullSecrets.length > 0 && { imagePullSecrets }),
    restartPolicy: "Never",
    terminationGracePeriodSeconds: LISTENER_GRACE_SECONDS,
  };
}

function envOf({ metadata, spec }: AutoscalingListener): NonNullable<Container["env"]> {
  const proxy = spec?.proxy;
  const parts = [
    ...proxy?.http ? ["http_proxy"] : [],
    ...proxy?.https ? ["https_proxy"] : [],
    ...proxy?.noProxy && proxy.noProxy.length > 0 ? ["no_proxy"] : [],
  ];
  const secret = listenerProxyName(metadata?.name ?? "");
  return [
    { name: "LISTENER_CONFIG_PATH", value: `${CONFIG_FOLDER}/${CONFIG_KEY}` },
    ...parts.map((key) => ({ name: key, valueFrom: { secretKeyRef: { name: secret, key } } })),
  ];
}

function portsOf(settings: Settings): Pick<Container, "ports"> {
  const port = Number(metricsAddrOf(settings).split(":").pop());
  return port > 0 ? { ports: [{ name: "metrics", protocol: "TCP", containerPort: port }] } : {};
}

/**
 * Puts a listenerTemplate over the pod: the listener's container is merged, others stand beside it, pod fields that
 * the template gives are taken, volumes added. The service account is not a user's to choose.
 */
export function withTemplate(own: PodSpec, template: PodTemplate["spec"] | undefined): PodSpec {
  if (!template) return own;
  const { containers = [], volumes = [], serviceAccountName: _account, serviceAccount: _old, ...fields } = template;
  const theirs = containers.find(({ name }) => name === LISTENER_CONTAINER);
  return {
    ...own,
    ...given(fields),
    containers: [
      ...own.containers.map((container) => withContainer(container, theirs)),
      ...containers.filter(({ name }) => name !== LISTENER_CONTAINER),
    ],
    volumes: [...own.volumes ?? [], ...volumes],
  };
}

/** Lists of these fields are added to ours; what else is given replaces ours. */
const ADDED = ["env", "args", "ports", "envFrom", "volumeMounts"] as const;

function withContainer(own: Container, theirs: Container | undefined): Container {
  if (!theirs) return own;
  const added = ADDED.flatMap((field) => {
    const list = [...own[field] ?? [], ...theirs[field] ?? []];
    return list.length > 0 ? [[field, list]] : [];
  });
  return { ...own, ...given(theirs), name: own.name, ...Object.fromEntries(added) };
}

/** What a template really says: an empty text or list is what a chart writes for "not given". */
function given<T extends object>(fields: T): Partial<T> {
  const said = Object.entries(fields).filter(([, value]) => !isEmpty(value));
  return Object.fromEntries(said) as Partial<T>;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  return Array.isArray(value) && value.length === 0;
}
