{{/* The spec of the AutoscalingRunnerSet. JSON. */}}
{{- define "arc-set.spec" -}}
{{- $values := .Values -}}
{{- $spec := include "arc-set.size" . | mustFromJson -}}
{{- $_ := set $spec "githubConfigUrl" (include "arc-set.configUrl" .) -}}
{{- $_ := set $spec "githubConfigSecret" (include "arc-set.secretName" .) -}}
{{- range $key := list "runnerGroup" "runnerScaleSetName" -}}
{{- with get $values $key -}}{{- $_ := set $spec $key (include "arc.text" .) -}}{{- end -}}
{{- end -}}
{{- with include "arc-set.scaleSetLabels" . | mustFromJson -}}{{- $_ := set $spec "runnerScaleSetLabels" . -}}{{- end -}}
{{- with $values.githubServerTLS -}}
{{- with .certificateFrom -}}
{{- $from := .configMapKeyRef | default dict -}}
{{- $ref := dict "name" (include "arc.text" $from.name) "key" (include "arc.text" $from.key) -}}
{{- if not $from.key -}}{{- $_ := unset $ref "key" -}}{{- end -}}
{{- $_ := set $spec "githubServerTLS" (dict "certificateFrom" (dict "configMapKeyRef" $ref)) -}}
{{- end -}}
{{- end -}}
{{- if ($values.keyVault | default dict).type -}}{{- $_ := set $spec "vaultConfig" (include "arc-set.vault" . | mustFromJson) -}}{{- end -}}
{{- if $values.proxy -}}{{- $_ := set $spec "proxy" (include "arc-set.proxy" . | mustFromJson) -}}{{- end -}}
{{- with include "arc-set.listenerTemplate" . -}}{{- $_ := set $spec "listenerTemplate" (mustFromJson .) -}}{{- end -}}
{{- if $values.paused -}}{{- $_ := set $spec "paused" true -}}{{- end -}}
{{- with $values.scheduledOverrides -}}{{- $_ := set $spec "scheduledOverrides" . -}}{{- end -}}
{{- $policy := dict -}}
{{- range $key, $value := $values.runnerPolicy | default dict -}}
{{- if not (kindIs "invalid" $value) -}}{{- $_ := set $policy $key (int64 $value) -}}{{- end -}}
{{- end -}}
{{- if $policy -}}{{- $_ := set $spec "runnerPolicy" $policy -}}{{- end -}}
{{- if ($values.disruption | default dict).protectBusy -}}
{{- $_ := set $spec "disruption" (dict "protectBusy" true) -}}
{{- end -}}
{{- with $values.listenerMetrics -}}{{- $_ := set $spec "listenerMetrics" . -}}{{- end -}}
{{- range $object, $field := dict
  "autoscalingListener" "autoscalingListener"
  "listenerServiceAccount" "listenerServiceAccountMetadata"
  "listenerRole" "listenerRoleMetadata"
  "listenerRoleBinding" "listenerRoleBindingMetadata"
  "listenerConfigSecret" "listenerConfigSecretMetadata"
  "ephemeralRunnerSet" "ephemeralRunnerSetMetadata"
  "ephemeralRunner" "ephemeralRunnerMetadata"
  "ephemeralRunnerConfigSecret" "ephemeralRunnerConfigSecretMetadata"
-}}
{{- with include "arc-set.metaOf" (dict "root" $ "object" $object) | mustFromJson -}}{{- $_ := set $spec $field . -}}{{- end -}}
{{- end -}}
{{- $template := dict "spec" (include "arc-set.podSpec" . | mustFromJson) -}}
{{- $metadata := (include "arc-set.podTemplate" . | mustFromJson).metadata | default dict -}}
{{- $kept := dict -}}
{{- range $part := list "labels" "annotations" -}}
{{- with include "arc.texts" (get $metadata $part | default dict) | mustFromJson -}}{{- $_ := set $kept $part . -}}{{- end -}}
{{- end -}}
{{- if $kept -}}{{- $_ := set $template "metadata" $kept -}}{{- end -}}
{{- $_ := set $spec "template" $template -}}
{{- toJson $spec -}}
{{- end -}}
