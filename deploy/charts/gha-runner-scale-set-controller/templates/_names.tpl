{{/* Names, labels and what is derived from values in more than one file. */}}

{{- define "arc-controller.base" -}}
gha-rs-controller
{{- end -}}

{{- define "arc-controller.name" -}}
{{- include "arc.text" .Values.nameOverride | default (include "arc-controller.base" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "arc-controller.fullname" -}}
{{- $name := include "arc.text" .Values.nameOverride | default (include "arc-controller.base" .) -}}
{{- $full := include "arc.text" .Values.fullnameOverride -}}
{{- if not $full -}}
{{- $full = ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- end -}}
{{- $full | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "arc-controller.namespace" -}}
{{- include "arc.text" .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{- define "arc-controller.serviceAccountName" -}}
{{- $account := .Values.serviceAccount | default dict -}}
{{- $name := include "arc.text" $account.name -}}
{{- if eq $name "default" -}}
{{- fail "serviceAccount.name cannot be set to 'default': the rights of the controller would be everybody's in this namespace" -}}
{{- end -}}
{{- if $name -}}
{{- $name -}}
{{- else if $account.create -}}
{{- include "arc-controller.fullname" . -}}
{{- else -}}
{{- fail "serviceAccount.name must be set if serviceAccount.create is false" -}}
{{- end -}}
{{- end -}}

{{/* The namespace that is watched alone; empty means all. */}}
{{- define "arc-controller.singleNamespace" -}}
{{- $flags := .Values.flags | default dict -}}
{{- include "arc.text" $flags.watchSingleNamespace -}}
{{- end -}}

{{/* Controller pods: only a missing count means 1. */}}
{{- define "arc-controller.replicas" -}}
{{- if kindIs "invalid" .Values.replicaCount -}}1{{- else -}}{{- include "arc.text" .Values.replicaCount | default "1" -}}{{- end -}}
{{- end -}}

{{/* "yes" with more than one pod, which then elect a leader. */}}
{{- define "arc-controller.elects" -}}
{{- if gt (include "arc-controller.replicas" . | int) 1 -}}yes{{- end -}}
{{- end -}}

{{- define "arc-controller.selectorLabels" -}}
app.kubernetes.io/name: {{ include "arc-controller.name" . | quote }}
app.kubernetes.io/namespace: {{ include "arc-controller.namespace" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Labels of the Deployment and the ServiceAccount, as YAML. */}}
{{- define "arc-controller.labels" -}}
{{- $chart := printf "%s-%s" (include "arc-controller.base" .) .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $own := dict
  "helm.sh/chart" $chart
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/part-of" (include "arc-controller.base" .)
  "app.kubernetes.io/managed-by" .Release.Service
-}}
{{- $selector := include "arc-controller.selectorLabels" . | fromYaml -}}
{{- $user := include "arc.texts" .Values.labels | mustFromJson -}}
{{- merge dict $selector $own $user | toYaml -}}
{{- end -}}

{{/* The Deployment's: by the last three the chart of a scale set finds the controller. */}}
{{- define "arc-controller.deploymentLabels" -}}
{{- $labels := include "arc-controller.labels" . | fromYaml -}}
{{- $_ := set $labels "actions.github.com/controller-service-account-namespace" (include "arc-controller.namespace" .) -}}
{{- $_ := set $labels "actions.github.com/controller-service-account-name" (include "arc-controller.serviceAccountName" .) -}}
{{- with include "arc-controller.singleNamespace" . -}}
{{- $_ := set $labels "actions.github.com/controller-watch-single-namespace" . -}}
{{- end -}}
{{- toYaml $labels -}}
{{- end -}}

{{/* Selector labels win, for the Deployment would lose its pods otherwise; of the others the user's win. */}}
{{- define "arc-controller.podLabels" -}}
{{- $own := dict
  "app.kubernetes.io/part-of" (include "arc-controller.base" .)
  "app.kubernetes.io/component" "controller-manager"
  "app.kubernetes.io/version" (.Chart.Version | replace "+" "_")
-}}
{{- $selector := include "arc-controller.selectorLabels" . | fromYaml -}}
{{- $user := include "arc.texts" .Values.podLabels | mustFromJson -}}
{{- merge dict $selector $user $own | toYaml -}}
{{- end -}}

{{/* Metadata of a role or binding: dict "root" $ "name" NAME, and "namespace" unless it is the cluster's. */}}
{{- define "arc-controller.rbacMetadata" -}}
name: {{ .name | quote }}
{{- with .namespace }}
namespace: {{ . | quote }}
{{- end }}
{{- $rbac := .root.Values.rbac | default dict }}
{{- if $rbac.commonLabels }}
labels:
  {{- include "arc-controller.labels" .root | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The rest of a binding: to the role of its own name, for the controller's account. dict "root" $ "kind" KIND "name" NAME */}}
{{- define "arc-controller.binds" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ include "arc-controller.serviceAccountName" .root | quote }}
    namespace: {{ include "arc-controller.namespace" .root | quote }}
{{- end -}}

{{/* The number that an address ends with. dict "address" ADDRESS "key" KEY */}}
{{- define "arc-controller.port" -}}
{{- $port := regexFind "[0-9]+$" (include "arc.text" .address) -}}
{{- if not $port -}}
{{- fail (printf "Values.%s must end with a numeric port, such as \":8080\"" .key) -}}
{{- end -}}
{{- $port -}}
{{- end -}}

{{/* Where the controller's metrics are; empty without `metrics`. */}}
{{- define "arc-controller.metricsAddress" -}}
{{- if .Values.metrics -}}
{{- if kindIs "invalid" .Values.metrics.controllerManagerAddr -}}:8080{{- else -}}
{{- $_ := include "arc-controller.port" (dict "address" .Values.metrics.controllerManagerAddr "key" "metrics.controllerManagerAddr") -}}
{{- include "arc.text" .Values.metrics.controllerManagerAddr -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The port of the controller's metrics; empty when there are none. */}}
{{- define "arc-controller.metricsPort" -}}
{{- with include "arc-controller.metricsAddress" . -}}
{{- $port := regexFind "[0-9]+$" . -}}
{{- if ne $port "0" -}}{{- $port -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/* The port of the listeners' metrics; empty when they have none. */}}
{{- define "arc-controller.listenerMetricsPort" -}}
{{- $metrics := .Values.metrics | default dict -}}
{{- $port := regexFind "[0-9]+$" (include "arc.text" $metrics.listenerAddr) -}}
{{- if ne $port "0" -}}{{- $port -}}{{- end -}}
{{- end -}}

{{/* Where the probes are answered; empty when there are none. */}}
{{- define "arc-controller.healthAddress" -}}
{{- $flags := .Values.flags | default dict -}}
{{- $address := include "arc.text" $flags.healthProbeBindAddress -}}
{{- if $address -}}
{{- $port := include "arc-controller.port" (dict "address" $address "key" "flags.healthProbeBindAddress") -}}
{{- $address -}}
{{- else if .Values.hardened -}}
:8081
{{- end -}}
{{- end -}}

{{/* What a ServiceMonitor or PodMonitor scrapes: dict "root" $ "settings" MAP "path" PATH */}}
{{- define "arc-controller.scrape" -}}
port: metrics
path: {{ .path }}
{{- with .settings.interval }}
interval: {{ include "arc.text" . }}
{{- end }}
{{- end -}}

{{- define "arc-controller.needMetrics" -}}
{{- if not (include "arc-controller.metricsPort" .root) -}}
{{- fail (printf "%s needs metrics: set metrics.controllerManagerAddr, such as \":8080\"" .key) -}}
{{- end -}}
{{- end -}}

{{/* Labels of a monitor: the chart's, then those by which Prometheus selects. dict "root" $ "settings" MAP */}}
{{- define "arc-controller.monitorLabels" -}}
{{- $own := include "arc-controller.labels" .root | fromYaml -}}
{{- $user := include "arc.texts" .settings.labels | mustFromJson -}}
{{- merge dict $own $user | toYaml -}}
{{- end -}}

{{/* By these labels listener pods are known. */}}
{{- define "arc-controller.listenerSelector" -}}
app.kubernetes.io/part-of: gha-runner-scale-set
app.kubernetes.io/component: runner-scale-set-listener
{{- end -}}
