{{/* A pod template that the container hooks lay over the pods of jobs. */}}

{{/* The ConfigMap that the template is in; empty when there is none. */}}
{{- define "arc-set.hookExtensionName" -}}
{{- if include "arc-set.isKubeMode" . -}}
{{- $extension := .Values.containerMode.kubernetesModeHookExtension | default dict -}}
{{- if $extension.configMapName -}}
{{- include "arc.text" $extension.configMapName -}}
{{- else if $extension.template -}}
{{- include "arc-set.dnsFullname" . }}-hook-extension
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What it brings into the runner's pod: {env, mounts, volumes}. JSON. */}}
{{- define "arc-set.hookExtension" -}}
{{- $out := dict "env" list "mounts" list "volumes" list -}}
{{- with include "arc-set.hookExtensionName" . -}}
{{- $folder := ternary "/home/runner/k8s" "/home/runner/k8s-novolume" (eq "kubernetes" (include "arc-set.mode" $)) -}}
{{- $file := printf "%s/hook-template.yaml" $folder -}}
{{- $_ := set $out "env" (list (dict "name" "ACTIONS_RUNNER_CONTAINER_HOOK_TEMPLATE" "value" $file)) -}}
{{- $_ := set $out "mounts" (list (dict "name" "hook-extension" "mountPath" $file "subPath" "extension" "readOnly" true)) -}}
{{- $_ := set $out "volumes" (list (dict "name" "hook-extension" "configMap" (dict "name" .))) -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}
