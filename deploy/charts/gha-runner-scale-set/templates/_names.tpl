{{/* Names of the objects, and the namespace they are in. */}}

{{- define "arc-set.base" -}}
gha-rs
{{- end -}}

{{/* The scale set's name. Its length is the first thing that is checked. */}}
{{- define "arc-set.name" -}}
{{- $name := include "arc.text" .Values.runnerScaleSetName | default .Release.Name -}}
{{- if or (not $name) (gt (len $name) 45) -}}
{{- fail "Name must have up to 45 characters" -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "arc-set.namespace" -}}
{{- $namespace := include "arc.text" .Values.namespaceOverride | default .Release.Namespace -}}
{{- if gt (len $namespace) 63 -}}
{{- fail "Namespace must have up to 63 characters" -}}
{{- end -}}
{{- $namespace -}}
{{- end -}}

{{- define "arc-set.fullname" -}}
{{- printf "%s-%s" (include "arc-set.name" .) (include "arc-set.base" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Roles keep "_", which other names may not have. */}}
{{- define "arc-set.resourceName" -}}
{{- include "arc-set.name" . | replace "_" "-" -}}
{{- end -}}

{{- define "arc-set.dnsFullname" -}}
{{- include "arc-set.fullname" . | replace "_" "-" -}}
{{- end -}}

{{- define "arc-set.managerRoleName" -}}
{{- include "arc-set.fullname" . }}-manager
{{- end -}}

{{- define "arc-set.kubeModeRoleName" -}}
{{- include "arc-set.fullname" . }}-kube-mode
{{- end -}}

{{- define "arc-set.kubeModeServiceAccountName" -}}
{{- include "arc-set.dnsFullname" . }}-kube-mode
{{- end -}}

{{- define "arc-set.noPermissionServiceAccountName" -}}
{{- include "arc-set.dnsFullname" . }}-no-permission
{{- end -}}

{{/* dind, kubernetes, kubernetes-novolume; anything else is no mode, and empty. */}}
{{- define "arc-set.mode" -}}
{{- $mode := include "arc.text" (.Values.containerMode | default dict).type -}}
{{- if has $mode (list "dind" "kubernetes" "kubernetes-novolume") -}}{{- $mode -}}{{- end -}}
{{- end -}}

{{/* "yes" in both kubernetes modes. */}}
{{- define "arc-set.isKubeMode" -}}
{{- if hasPrefix "kubernetes" (include "arc-set.mode" .) -}}yes{{- end -}}
{{- end -}}

{{/* The user's pod template as JSON. */}}
{{- define "arc-set.podTemplate" -}}
{{- .Values.template | default dict | toJson -}}
{{- end -}}

{{/* The account that the user gives the runners; then the chart makes none. */}}
{{- define "arc-set.ownServiceAccount" -}}
{{- $template := .Values.template | default dict -}}
{{- include "arc.text" ($template.spec | default dict).serviceAccountName -}}
{{- end -}}

{{/* Whether the chart makes an account, and which: kube-mode, no-permission or nothing. */}}
{{- define "arc-set.madeAccount" -}}
{{- if not (include "arc-set.ownServiceAccount" .) -}}
{{- ternary "kube-mode" "no-permission" (eq "yes" (include "arc-set.isKubeMode" .)) -}}
{{- end -}}
{{- end -}}
