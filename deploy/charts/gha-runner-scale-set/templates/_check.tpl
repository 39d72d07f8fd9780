{{/* A misspelt key stops the install and is named; `arc-set.known` is made from values.yaml. */}}
{{- define "arc-set.checkValues" -}}
{{- range $path, $known := include "arc-set.known" . | mustFromJson -}}
{{- $values := $.Values -}}
{{- range $key := without (splitList "." $path) "" -}}
{{- $values = ternary (get $values $key) dict (kindIs "map" (get $values $key)) -}}
{{- end -}}
{{- include "arc.refuseTypos" (dict "path" $path "values" $values "known" $known) -}}
{{- end -}}
{{- end -}}
