{{/* Made from values.yaml by `npm run charts`. */}}
{{- define "arc-controller.known" -}}
{
  "": [
    "replicaCount",
    "labels",
    "nameOverride",
    "fullnameOverride",
    "namespaceOverride",
    "image",
    "imagePullSecrets",
    "serviceAccount",
    "rbac",
    "flags",
    "metrics",
    "pprof",
    "env",
    "extraArgs",
    "podAnnotations",
    "podLabels",
    "hardened",
    "podSecurityContext",
    "securityContext",
    "resources",
    "volumes",
    "volumeMounts",
    "extraContainers",
    "nodeSelector",
    "tolerations",
    "affinity",
    "topologySpreadConstraints",
    "priorityClassName",
    "terminationGracePeriodSeconds",
    "deploymentAnnotations",
    "strategy",
    "dnsPolicy",
    "dnsConfig",
    "hostNetwork",
    "podDisruptionBudget",
    "networkPolicy",
    "service",
    "serviceMonitor",
    "podMonitor",
    "crds"
  ],
  "image.": [
    "repository",
    "tag",
    "digest",
    "pullPolicy"
  ],
  "serviceAccount.": [
    "create",
    "annotations",
    "name"
  ],
  "rbac.": [
    "extra",
    "commonLabels"
  ],
  "flags.": [
    "logLevel",
    "logFormat",
    "watchSingleNamespace",
    "runnerMaxConcurrentReconciles",
    "updateStrategy",
    "excludeLabelPropagationPrefixes",
    "k8sClientRateLimiterQPS",
    "k8sClientRateLimiterBurst",
    "rateLimiter",
    "healthProbeBindAddress",
    "listenerMode",
    "secretFiles"
  ],
  "flags.rateLimiter.": [
    "name"
  ],
  "metrics.": [
    "controllerManagerAddr",
    "listenerAddr",
    "listenerEndpoint"
  ],
  "pprof.": [
    "addr"
  ],
  "podDisruptionBudget.": [
    "enabled",
    "maxUnavailable",
    "minAvailable"
  ],
  "networkPolicy.": [
    "enabled",
    "metricsFrom",
    "egress"
  ],
  "service.": [
    "enabled",
    "annotations"
  ],
  "serviceMonitor.": [
    "enabled",
    "labels",
    "interval"
  ],
  "podMonitor.": [
    "enabled",
    "labels",
    "interval"
  ],
  "crds.": [
    "install",
    "keep"
  ]
}
{{- end -}}
