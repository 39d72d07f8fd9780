/** Parts of the four kinds that more than one of them has. The descriptions are what `kubectl explain` says. */
import * as z from "zod";
import type { PodTemplate } from "../../k8s/resource.ts";

/** Keyword of a schema that stands for a part of Kubernetes' PodTemplateSpec; crd.ts puts that part in its place. */
export const POD_TEMPLATE = "x-pod-template";

const text = (description: string) => z.string().optional().describe(description);
const number = (description: string) => z.int().optional().describe(description);
const number64 = (description: string) => z.int().optional().meta({ description, format: "int64" });
const limit = (description: string) => z.int().min(0).optional().describe(description);
const texts = (description: string) => z.array(z.string()).optional().describe(description);

/** Shorthand for the optional fields of the kinds: each takes what `kubectl explain` says of it. */
export const optional = { text, texts, number, number64, limit };

/** A whole pod template. */
export const podTemplate = (description: string) =>
  z.custom<PodTemplate>().optional().meta({ description, [POD_TEMPLATE]: "template" });

/** The two halves of a pod template, for a kind that has them beside its own fields. */
export const inlinePodTemplate = {
  metadata: z.custom<NonNullable<PodTemplate["metadata"]>>().optional().meta({
    description: "Labels and annotations of the runner's pod, as in a pod template.",
    [POD_TEMPLATE]: "metadata",
  }),
  spec: z.custom<NonNullable<PodTemplate["spec"]>>().optional().meta({
    description: "What the runner's pod is made from, as in a pod template. Its container named runner runs the job.",
    [POD_TEMPLATE]: "spec",
  }),
};

export const resourceMeta = z.object({
  labels: z.record(z.string(), z.string()).optional().describe("Labels to put on it. The controller's own labels win."),
  annotations: z.record(z.string(), z.string()).optional().describe(
    "Annotations to put on it. The controller's own annotations win.",
  ),
});

/** Labels and annotations of an object that the controller makes. */
export const metaOf = (what: string) => resourceMeta.optional().describe(`Labels and annotations to put on ${what}.`);

export const proxyServer = z.object({
  url: text("Address of the proxy: http://HOST:PORT."),
  credentialSecretRef: text(
    "Name of a secret with the keys username and password for the proxy, in the same namespace as the scale set.",
  ),
});

export const proxyConfig = z.object({
  http: proxyServer.optional().describe("Proxy for http:// addresses."),
  https: proxyServer.optional().describe("Proxy for https:// addresses."),
  noProxy: texts("Hosts, domains, addresses and CIDR ranges that are reached without a proxy."),
});

export const proxy = proxyConfig.optional().describe("Proxies between the cluster and GitHub.");

const configMapKeyRef = z.object({
  key: z.string().describe("Key of the config map that holds the certificates."),
  name: z.string().optional().meta({ description: "Name of the config map.", default: "" }),
  optional: z.boolean().optional().describe("Whether the config map or its key may be missing."),
}).meta({ "x-kubernetes-map-type": "atomic" });

export const serverTLS = z.object({
  certificateFrom: z.object({
    configMapKeyRef: configMapKeyRef.optional().describe("A key of a config map in the scale set's namespace."),
  }).optional().describe("Where the certificates are."),
});

export const githubServerTLS = serverTLS.optional().describe(
  "Certificates (PEM) of the authority that signed the certificate of a GitHub Enterprise Server.",
);

const azureKeyVault = z.object({
  url: z.string().describe("Address of the vault: https://NAME.vault.azure.net."),
  tenantId: z.string().describe("Id of the tenant that the vault belongs to."),
  clientId: z.string().describe("Id of the application that may read the vault."),
  certificatePath: z.string().describe("File with the certificate and the private key of that application."),
});

export const vaultConfigShape = z.object({
  type: z.enum(["azure_key_vault", "file"]).optional().describe(
    "Kind of vault: azure_key_vault, or file for secrets that are mounted into the controller and the listener.",
  ),
  azureKeyVault: azureKeyVault.optional().describe("How to reach an Azure Key Vault."),
  proxy: proxyConfig.optional().describe("Proxies between the cluster and the vault."),
});

export const vaultConfig = vaultConfigShape.optional().describe(
  "A vault that holds the secrets. githubConfigSecret and the proxies' secrets are then names in that vault.",
);

export const metricConfig = z.object({ labels: z.array(z.string()).describe("Labels that the metric carries.") });

const histogramConfig = metricConfig.extend({
  buckets: z.array(z.number()).optional().describe("Upper bounds of the buckets, in seconds, ascending."),
});

export const metricsConfig = z.object({
  counters: z.record(z.string(), metricConfig).optional().describe("Counters to export, by name."),
  gauges: z.record(z.string(), metricConfig).optional().describe("Gauges to export, by name."),
  histograms: z.record(z.string(), histogramConfig).optional().describe("Histograms to export, by name."),
});

/** Fields that every kind has. */
export const githubConfig = {
  githubConfigUrl: "Where the runners register: https://HOST/ORGANIZATION, https://HOST/OWNER/REPOSITORY or " +
    "https://HOST/enterprises/ENTERPRISE.",
  githubConfigSecret: "Name of the secret with the credentials for GitHub: either github_token, or github_app_id, " +
    "github_app_installation_id and github_app_private_key.",
  runnerScaleSetId: "Id that GitHub gave to the scale set.",
};

export const condition = z.object({
  type: z.string().describe("What the condition is about."),
  status: z.enum(["True", "False", "Unknown"]).describe("True, False or Unknown."),
  reason: z.string().describe("Why, in one word for programs."),
  message: z.string().describe("Why, in a sentence for people."),
  observedGeneration: number64("Generation of the object that this was said of."),
  lastTransitionTime: z.string().meta({ description: "When the status last changed.", format: "date-time" }),
});

/** Status fields by the kstatus convention. */
export const kstatus = {
  observedGeneration: number64("Generation of the object that this status describes."),
  conditions: z.array(condition).optional().meta({
    description: "What is true of the object now. Ready=True: it is as its spec wants it.",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
  }),
};
