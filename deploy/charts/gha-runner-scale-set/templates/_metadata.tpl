{{/* Labels and annotations: everybody's, then those of one object, then the chart's own, each winning over those before. */}}

{{- define "arc-set.ownLabels" -}}
helm.sh/chart: {{ printf "%s-%s" (include "arc-set.base" .) .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/name: {{ include "arc-set.name" . | quote }}
app.kubernetes.io/instance: {{ include "arc-set.name" . | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/part-of: {{ include "arc-set.base" . | quote }}
actions.github.com/scale-set-name: {{ include "arc-set.name" . | quote }}
actions.github.com/scale-set-namespace: {{ include "arc-set.namespace" . | quote }}
{{- end -}}

{{/* The user's labels without those that are the chart's to set. JSON. */}}
{{- define "arc-set.freeLabels" -}}
{{- $reserved := list "helm.sh/chart" "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version"
  "app.kubernetes.io/managed-by" "app.kubernetes.io/part-of" "app.kubernetes.io/component"
  "actions.github.com/scale-set-name" "actions.github.com/scale-set-namespace" -}}
{{- $out := dict -}}
{{- range $key, $value := . -}}
{{- if not (or (has $key $reserved) (hasPrefix "actions.github.com/" $key)) -}}
{{- $_ := set $out $key $value -}}
{{- end -}}
{{- end -}}
{{- include "arc.texts" $out -}}
{{- end -}}

{{/* The user's annotations of a runner set without those that the controller believes. JSON. */}}
{{- define "arc-set.freeAnnotations" -}}
{{- $out := dict -}}
{{- range $key, $value := . -}}
{{- if not (or (eq $key "actions.github.com/values-hash") (hasPrefix "actions.github.com/cleanup-" $key)) -}}
{{- $_ := set $out $key $value -}}
{{- end -}}
{{- end -}}
{{- include "arc.texts" $out -}}
{{- end -}}

{{/* resourceMeta of one object as {labels, annotations}, texts. dict "root" $ "object" KEY. JSON. */}}
{{- define "arc-set.metaOf" -}}
{{- $meta := get (.root.Values.resourceMeta | default dict) .object | default dict -}}
{{- $out := dict -}}
{{- range $part := list "labels" "annotations" -}}
{{- with include "arc.texts" (get $meta $part | default dict) | mustFromJson -}}
{{- $_ := set $out $part . -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/*
Metadata of an object but the AutoscalingRunnerSet, as YAML: dict "root" $ "name" NAME "object" KEY (of resourceMeta, or
empty) "component" COMPONENT (may be empty) "protected" BOOLEAN. A protected object stays until the controller has taken the
scale set down.
*/}}
{{- define "arc-set.metadata" -}}
{{- $meta := include "arc-set.metaOf" . | mustFromJson -}}
{{- $own := include "arc-set.ownLabels" .root | fromYaml -}}
{{- with .component -}}{{- $_ := set $own "app.kubernetes.io/component" . -}}{{- end -}}
{{- $labels := include "arc-set.freeLabels" .root.Values.labels | mustFromJson -}}
{{- $annotations := include "arc.texts" .root.Values.annotations | mustFromJson -}}
{{- $annotations = merge dict ($meta.annotations | default dict) (.annotations | default dict) $annotations -}}
{{- $out := dict
  "name" .name
  "namespace" (include "arc-set.namespace" .root)
  "labels" (merge dict $own ($meta.labels | default dict) $labels)
-}}
{{- if $annotations -}}{{- $_ := set $out "annotations" $annotations -}}{{- end -}}
{{- if .protected -}}{{- $_ := set $out "finalizers" (list "actions.github.com/cleanup-protection") -}}{{- end -}}
{{- toYaml $out -}}
{{- end -}}

{{/* Metadata of the AutoscalingRunnerSet. */}}
{{- define "arc-set.runnerSetMetadata" -}}
{{- $meta := include "arc-set.metaOf" (dict "root" . "object" "autoscalingRunnerSet") | mustFromJson -}}
{{- $labels := include "arc-set.ownLabels" . | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/component" "autoscaling-runner-set" -}}
{{- $labels = merge $labels
  (include "arc-set.freeLabels" $meta.labels | mustFromJson)
  (include "arc-set.freeLabels" .Values.labels | mustFromJson)
-}}
{{- $annotations := merge (include "arc-set.cleanup" . | mustFromJson)
  (include "arc-set.freeAnnotations" $meta.annotations | mustFromJson)
  (include "arc-set.freeAnnotations" .Values.annotations | mustFromJson)
-}}
{{- $_ := set $annotations "actions.github.com/values-hash" (toJson .Values | sha256sum | trunc 63) -}}
{{- toYaml (dict
  "name" (include "arc-set.resourceName" .)
  "namespace" (include "arc-set.namespace" .)
  "labels" $labels
  "annotations" $annotations
) -}}
{{- end -}}

{{/* What the controller frees of its protection when the scale set is gone. JSON. */}}
{{- define "arc-set.cleanup" -}}
{{- $out := dict
  "actions.github.com/cleanup-manager-role-binding" (include "arc-set.managerRoleName" .)
  "actions.github.com/cleanup-manager-role-name" (include "arc-set.managerRoleName" .)
-}}
{{- if kindIs "map" .Values.githubConfigSecret -}}
{{- $_ := set $out "actions.github.com/cleanup-github-secret-name" (include "arc-set.secretName" .) -}}
{{- end -}}
{{- $account := include "arc-set.madeAccount" . -}}
{{- if eq $account "kube-mode" -}}
{{- $role := include "arc-set.kubeModeRoleName" . -}}
{{- $_ := set $out "actions.github.com/cleanup-kubernetes-mode-role-binding-name" $role -}}
{{- $_ := set $out "actions.github.com/cleanup-kubernetes-mode-role-name" $role -}}
{{- $_ := set $out "actions.github.com/cleanup-kubernetes-mode-service-account-name" (include "arc-set.kubeModeServiceAccountName" .) -}}
{{- else if eq $account "no-permission" -}}
{{- $_ := set $out "actions.github.com/cleanup-no-permission-service-account-name" (include "arc-set.noPermissionServiceAccountName" .) -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}
