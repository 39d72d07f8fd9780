{{/*
What both charts need: values as text, merges, and a check of keys. `npm run charts` copies this file into both.
Helpers hand data over as JSON (`include ... | mustFromJson`): a template can only return text.
*/}}

{{/* A value as text. Helm reads numbers as floats: whole ones are written as digits, never as 1.2345678e+07. */}}
{{- define "arc.text" -}}
{{- if kindIs "invalid" . -}}
{{- else if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- printf "%.0f" . -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end -}}

{{/*
"yes" unless a switch is off. A switch that is not there is on: values kept from the original's release by
`helm upgrade --reuse-values` have none of the keys that are ours alone. dict "map" MAP "key" KEY
*/}}
{{- define "arc.isOn" -}}
{{- $value := get (.map | default dict) .key -}}
{{- if or $value (not (kindIs "bool" $value)) -}}yes{{- end -}}
{{- end -}}

{{/* A map with every value as text, as labels and annotations must be; null takes a key out. JSON. */}}
{{- define "arc.texts" -}}
{{- $out := dict -}}
{{- range $key, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $out $key (include "arc.text" $value) -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/*
`base` with `over` laid over it, as Kubernetes' strategic merge does it for containers: maps key by key, null takes a key
out, lists with an identity item by item, other lists and all else replaced. JSON.
*/}}
{{- define "arc.merge" -}}
{{- $identity := dict "env" "name" "volumeMounts" "mountPath" "volumeDevices" "devicePath" "ports" "containerPort" -}}
{{- $out := deepCopy .base -}}
{{- range $key, $value := .over -}}
{{- $old := get $out $key -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $out $key -}}
{{- else if and (kindIs "map" $value) (kindIs "map" $old) -}}
{{- $_ := set $out $key (include "arc.merge" (dict "base" $old "over" $value) | mustFromJson) -}}
{{- else if and (kindIs "slice" $value) (kindIs "slice" $old) (hasKey $identity $key) -}}
{{- $lists := dict "identity" (get $identity $key) "base" $old "over" $value -}}
{{- $_ := set $out $key (include "arc.mergeLists" $lists | mustFromJson) -}}
{{- else -}}
{{- $_ := set $out $key $value -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* Items of `over` replace or change those of `base` with the same `identity`; new ones come last. JSON. */}}
{{- define "arc.mergeLists" -}}
{{- $identity := .identity -}}
{{- $out := list -}}
{{- $known := list -}}
{{- $over := .over -}}
{{- range $item := .base -}}
{{- $id := get $item $identity | toString -}}
{{- $known = append $known $id -}}
{{- range $change := $over -}}
{{- if eq (get $change $identity | toString) $id -}}
{{- /* the value of a variable is either `value` or `valueFrom` */ -}}
{{- $start := $item -}}
{{- if hasKey $change "valueFrom" -}}{{- $start = omit $item "value" -}}{{- end -}}
{{- if hasKey $change "value" -}}{{- $start = omit $item "valueFrom" -}}{{- end -}}
{{- $item = include "arc.merge" (dict "base" $start "over" $change) | mustFromJson -}}
{{- end -}}
{{- end -}}
{{- $out = append $out $item -}}
{{- end -}}
{{- range $change := $over -}}
{{- if not (has (get $change $identity | toString) $known) -}}
{{- $out = append $out $change -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/*
Stops when a key of `values` is almost one of `known`: another letter case, one letter more, less or wrong, two letters
swapped. Other unknown keys are let through: old values files must go on working. `path` is where the map is, with a dot.
*/}}
{{- define "arc.refuseTypos" -}}
{{- $path := .path -}}
{{- $known := .known -}}
{{- range $key, $_ := .values -}}
{{- if not (has $key $known) -}}
{{- range $right := $known -}}
{{- if eq "yes" (include "arc.isAlmost" (dict "word" $key "right" $right)) -}}
{{- fail (printf "%s%s is not a value of this chart: did you mean %s%s?" $path $key $path $right) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "arc.isAlmost" -}}
{{- $word := .word | lower | replace "_" "" | replace "-" "" -}}
{{- $right := lower .right -}}
{{- $length := len $right -}}
{{- if eq $word $right -}}
yes
{{- else if and (ge $length 5) (ge (len $word) (sub $length 1 | int)) (le (len $word) (add $length 1 | int)) -}}
{{- $forms := list (printf "%s." $right) -}}
{{- range $i := until $length -}}
{{- $before := substr 0 $i $right -}}
{{- $after := substr (add $i 1 | int) $length $right -}}
{{- $forms = append $forms (printf "%s.?%s" $before $after) -}}
{{- $forms = append $forms (printf "%s.%s" $before (substr $i $length $right)) -}}
{{- if lt (add $i 1 | int) $length -}}
{{- $swapped := printf "%s%s" (substr (add $i 1 | int) (add $i 2 | int) $right) (substr $i (add $i 1 | int) $right) -}}
{{- $forms = append $forms (printf "%s%s%s" $before $swapped (substr (add $i 2 | int) $length $right)) -}}
{{- end -}}
{{- end -}}
{{- if regexMatch (printf "^(%s)$" (join "|" $forms)) $word -}}
yes
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The keys of `values` that are not among `known`, joined by ", ". */}}
{{- define "arc.unknownKeys" -}}
{{- $known := .known -}}
{{- $unknown := list -}}
{{- range $key, $_ := .values -}}
{{- if not (has $key $known) -}}{{- $unknown = append $unknown $key -}}{{- end -}}
{{- end -}}
{{- join ", " $unknown -}}
{{- end -}}
