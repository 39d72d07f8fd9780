{{/* Which account the controller has: given, or found in the cluster. */}}

{{/* The controller's account as {name, namespace}. JSON. */}}
{{- define "arc-set.controller" -}}
{{- $given := .Values.controllerServiceAccount | default dict -}}
{{- $out := dict -}}
{{- range $field := list "name" "namespace" -}}
{{- $value := include "arc.text" (get $given $field) -}}
{{- if not $value -}}
{{- $value = include "arc-set.lookedUp" (dict "root" $ "field" $field) -}}
{{- end -}}
{{- $_ := set $out $field $value -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* One field of the account that serves this namespace, by the labels of the controllers' Deployments. */}}
{{- define "arc-set.lookedUp" -}}
{{- $namespace := include "arc-set.namespace" .root -}}
{{- $hint := printf ". Consider setting controllerServiceAccount.%s: helm template, Argo CD and users without rights on the Deployments of all namespaces see no controller; they need both controllerServiceAccount.name and controllerServiceAccount.namespace." .field -}}
{{- $single := "actions.github.com/controller-watch-single-namespace" -}}
{{- $everywhere := list -}}
{{- $somewhere := list -}}
{{- $here := list -}}
{{- range $deployment := (lookup "apps/v1" "Deployment" "" "").items -}}
{{- $labels := $deployment.metadata.labels | default dict -}}
{{- if eq (get $labels "app.kubernetes.io/part-of") "gha-rs-controller" -}}
{{- if not (hasKey $labels $single) -}}
{{- $everywhere = append $everywhere $labels -}}
{{- else -}}
{{- $somewhere = append $somewhere $labels -}}
{{- if eq (get $labels $single) $namespace -}}{{- $here = append $here $labels -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $everywhere $somewhere -}}
{{- fail (print "Found both gha-rs-controller installed with flags.watchSingleNamespace set and unset in cluster, this is not supported" $hint) -}}
{{- else if not (or $everywhere $somewhere) -}}
{{- fail (print "No gha-rs-controller deployment found using label (app.kubernetes.io/part-of=gha-rs-controller)" $hint) -}}
{{- else if gt (len $everywhere) 1 -}}
{{- fail (print "More than one gha-rs-controller deployment found using label (app.kubernetes.io/part-of=gha-rs-controller)" $hint) -}}
{{- else if and $somewhere (not $here) -}}
{{- fail (printf "No gha-rs-controller deployment that watch this namespace found using label (%s)%s" $single $hint) -}}
{{- end -}}
{{- $label := printf "actions.github.com/controller-service-account-%s" .field -}}
{{- $value := get (first (concat $everywhere $here)) $label -}}
{{- if not $value -}}
{{- fail (printf "No service account %s found for gha-rs-controller deployment using label (%s)%s" .field $label $hint) -}}
{{- end -}}
{{- $value -}}
{{- end -}}

{{/* The rest of a binding of the controller to the role of this name: dict "root" $ "name" NAME */}}
{{- define "arc-set.bindsController" -}}
{{- $account := include "arc-set.controller" .root | mustFromJson -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ $account.name | quote }}
    namespace: {{ $account.namespace | quote }}
{{- end -}}
