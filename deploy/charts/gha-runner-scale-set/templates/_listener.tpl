{{/* spec.listenerTemplate: the user's, hardened when asked for; a spec always has its container. JSON, empty when there is none. */}}
{{- define "arc-set.listenerTemplate" -}}
{{- $template := deepCopy (.Values.listenerTemplate | default dict) -}}
{{- if or $template.spec .Values.hardenedListener -}}
{{- $spec := $template.spec | default dict -}}
{{- $containers := $spec.containers | default (list (dict "name" "listener")) -}}
{{- if .Values.hardenedListener -}}
{{- $spec = merge $spec (include "arc-set.hardenedListenerPod" . | fromYaml) -}}
{{- $own := include "arc-set.hardenedListenerContainer" . | fromYaml -}}
{{- $containers = include "arc-set.hardenedContainers" (dict "containers" $containers "own" $own) | mustFromJson -}}
{{- end -}}
{{- $_ := set $spec "containers" $containers -}}
{{- $_ := set $template "spec" $spec -}}
{{- end -}}
{{- if $template -}}{{- toJson $template -}}{{- end -}}
{{- end -}}

{{/* Whatever a spec leaves out, the original's controller resets, hence the grace period. */}}
{{- define "arc-set.hardenedListenerPod" -}}
terminationGracePeriodSeconds: 60
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "arc-set.hardenedListenerContainer" -}}
name: listener
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  readOnlyRootFilesystem: true
  runAsNonRoot: true
{{- end -}}

{{/* `own` below the user's container of that name, which is added when there is none. JSON. */}}
{{- define "arc-set.hardenedContainers" -}}
{{- $own := .own -}}
{{- $found := false -}}
{{- $out := list -}}
{{- range $container := .containers -}}
{{- if eq $container.name "listener" -}}
{{- $found = true -}}
{{- $container = include "arc.merge" (dict "base" $own "over" $container) | mustFromJson -}}
{{- end -}}
{{- $out = append $out $container -}}
{{- end -}}
{{- ternary $out (append $out $own) $found | toJson -}}
{{- end -}}
