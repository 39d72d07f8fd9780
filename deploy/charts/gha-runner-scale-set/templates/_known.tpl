{{/* Made from values.yaml by `npm run charts`. */}}
{{- define "arc-set.known" -}}
{
  "": [
    "githubConfigUrl",
    "githubConfigSecret",
    "runnerScaleSetName",
    "scaleSetLabels",
    "runnerGroup",
    "minRunners",
    "maxRunners",
    "paused",
    "scheduledOverrides",
    "runnerPolicy",
    "disruption",
    "proxy",
    "githubServerTLS",
    "keyVault",
    "networkPolicy",
    "containerMode",
    "template",
    "listenerTemplate",
    "hardenedListener",
    "listenerMetrics",
    "controllerServiceAccount",
    "rbac",
    "namespaceOverride",
    "labels",
    "annotations",
    "resourceMeta"
  ],
  "runnerPolicy.": [
    "maxIdleSeconds",
    "maxLifetimeSeconds",
    "pendingTimeoutSeconds",
    "maxFailures",
    "failureBackoffSeconds",
    "scaleDownDelaySeconds",
    "historyLimit"
  ],
  "disruption.": [
    "protectBusy"
  ],
  "proxy.": [
    "http",
    "https",
    "noProxy"
  ],
  "githubServerTLS.": [
    "certificateFrom",
    "runnerMountPath"
  ],
  "keyVault.": [
    "type",
    "proxy",
    "azureKeyVault",
    "azure_key_vault"
  ],
  "networkPolicy.": [
    "enabled",
    "egress"
  ],
  "containerMode.": [
    "type",
    "dindForm",
    "kubernetesModeWorkVolumeClaim",
    "kubernetesModeAdditionalRoleRules",
    "kubernetesModeHookExtension",
    "kubernetesModeServiceAccount"
  ],
  "containerMode.kubernetesModeHookExtension.": [
    "configMapName",
    "template"
  ],
  "controllerServiceAccount.": [
    "name",
    "namespace"
  ],
  "rbac.": [
    "extra",
    "extraRules"
  ],
  "resourceMeta.": [
    "autoscalingRunnerSet",
    "githubConfigSecret",
    "managerRole",
    "managerRoleBinding",
    "noPermissionServiceAccount",
    "kubernetesModeRole",
    "kubernetesModeRoleBinding",
    "kubernetesModeServiceAccount",
    "autoscalingListener",
    "listenerServiceAccount",
    "listenerRole",
    "listenerRoleBinding",
    "listenerConfigSecret",
    "ephemeralRunnerSet",
    "ephemeralRunner",
    "ephemeralRunnerConfigSecret"
  ]
}
{{- end -}}
