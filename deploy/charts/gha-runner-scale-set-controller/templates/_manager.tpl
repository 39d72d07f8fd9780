{{/* The container of the controller. */}}

{{- define "arc-controller.image" -}}
{{- $image := .Values.image | default dict -}}
{{- $repository := include "arc.text" $image.repository | required "image.repository is required" -}}
{{- $digest := include "arc.text" $image.digest -}}
{{- $tag := include "arc.text" $image.tag -}}
{{- if $digest -}}
{{- printf "%s%s@%s" $repository (ternary (printf ":%s" $tag) "" (ne $tag "")) $digest -}}
{{- else -}}
{{- printf "%s:%s" $repository ($tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Arguments as a YAML list. */}}
{{- define "arc-controller.args" -}}
{{- $flags := .Values.flags | default dict -}}
{{- $args := list "--auto-scaling-runner-set-only" -}}
{{- if include "arc-controller.elects" . -}}
{{- $args = concat $args (list "--enable-leader-election" (printf "--leader-election-id=%s" (include "arc-controller.fullname" .))) -}}
{{- end -}}
{{- range .Values.imagePullSecrets -}}
{{- $args = append $args (printf "--auto-scaler-image-pull-secrets=%s" .name) -}}
{{- end -}}
{{- $args = concat $args (include "arc-controller.options" (list
  (list "log-level" $flags.logLevel)
  (list "log-format" $flags.logFormat)
  (list "watch-single-namespace" $flags.watchSingleNamespace)
  (list "runner-max-concurrent-reconciles" $flags.runnerMaxConcurrentReconciles)
  (list "update-strategy" $flags.updateStrategy)
) | mustFromJson) -}}
{{- if .Values.metrics -}}
{{- $args = append $args (printf "--listener-metrics-addr=%s" (include "arc.text" .Values.metrics.listenerAddr)) -}}
{{- $args = append $args (printf "--listener-metrics-endpoint=%s" (include "arc.text" .Values.metrics.listenerEndpoint)) -}}
{{- $args = append $args (printf "--metrics-addr=%s" (include "arc-controller.metricsAddress" .)) -}}
{{- else -}}
{{- $args = concat $args (list "--listener-metrics-addr=0" "--listener-metrics-endpoint=" "--metrics-addr=0") -}}
{{- end -}}
{{- $pprof := .Values.pprof | default dict -}}
{{- $args = concat $args (include "arc-controller.options" (list (list "pprof-addr" $pprof.addr)) | mustFromJson) -}}
{{- range $flags.excludeLabelPropagationPrefixes -}}
{{- $args = append $args (printf "--exclude-label-propagation-prefix=%s" (include "arc.text" .)) -}}
{{- end -}}
{{- $limiter := $flags.rateLimiter | default dict -}}
{{- $args = concat $args (include "arc-controller.options" (list
  (list "k8s-client-rate-limiter-qps" $flags.k8sClientRateLimiterQPS)
  (list "k8s-client-rate-limiter-burst" $flags.k8sClientRateLimiterBurst)
  (list "workqueue-rate-limiter" $limiter.name)
  (list "health-probe-bind-address" (include "arc-controller.healthAddress" .))
  (list "listener-mode" $flags.listenerMode)
  (list "secret-files" $flags.secretFiles)
) | mustFromJson) -}}
{{- range .Values.extraArgs -}}
{{- $args = append $args (include "arc.text" .) -}}
{{- end -}}
{{- toYaml $args -}}
{{- end -}}

{{/* Of a list of names and values those options that are set. JSON. */}}
{{- define "arc-controller.options" -}}
{{- $out := list -}}
{{- range . -}}
{{- if index . 1 -}}
{{- $out = append $out (printf "--%s=%s" (index . 0) (include "arc.text" (index . 1))) -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* Environment as a YAML list. A map of names and values is taken too; a value that is a map is the rest of the entry. */}}
{{- define "arc-controller.env" -}}
{{- $env := list
  (dict "name" "CONTROLLER_MANAGER_CONTAINER_IMAGE" "value" (include "arc-controller.image" .))
  (dict "name" "CONTROLLER_MANAGER_POD_NAMESPACE" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.namespace")))
-}}
{{- if kindIs "map" .Values.env -}}
{{- range $name, $value := .Values.env -}}
{{- if kindIs "map" $value -}}
{{- $env = append $env (merge (dict "name" $name) $value) -}}
{{- else -}}
{{- $env = append $env (dict "name" $name "value" (include "arc.text" $value)) -}}
{{- end -}}
{{- end -}}
{{- else if .Values.env -}}
{{- $env = concat $env .Values.env -}}
{{- end -}}
{{- toYaml $env -}}
{{- end -}}

{{/* Ports as a YAML list, or nothing. */}}
{{- define "arc-controller.ports" -}}
{{- $ports := list -}}
{{- with include "arc-controller.metricsPort" . -}}
{{- $ports = append $ports (dict "name" "metrics" "protocol" "TCP" "containerPort" (int .)) -}}
{{- end -}}
{{- $pprof := .Values.pprof | default dict -}}
{{- if $pprof.addr -}}
{{- $port := include "arc-controller.port" (dict "address" $pprof.addr "key" "pprof.addr") -}}
{{- $ports = append $ports (dict "name" "pprof" "protocol" "TCP" "containerPort" (int $port)) -}}
{{- end -}}
{{- if $ports -}}{{- toYaml $ports -}}{{- end -}}
{{- end -}}

{{/* What `hardened` fills in below the user's own: dict "root" $ "own" DEFAULTS "user" VALUES. YAML, or nothing. */}}
{{- define "arc-controller.hardened" -}}
{{- $base := ternary .own dict (not (empty .root.Values.hardened)) -}}
{{- with include "arc.merge" (dict "base" $base "over" (.user | default dict)) | mustFromJson -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{- define "arc-controller.podSecurityContext" -}}
{{- $own := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- include "arc-controller.hardened" (dict "root" . "own" $own "user" .Values.podSecurityContext) -}}
{{- end -}}

{{- define "arc-controller.securityContext" -}}
{{- $own := dict
  "allowPrivilegeEscalation" false
  "capabilities" (dict "drop" (list "ALL"))
  "readOnlyRootFilesystem" true
  "runAsNonRoot" true
-}}
{{- include "arc-controller.hardened" (dict "root" . "own" $own "user" .Values.securityContext) -}}
{{- end -}}

{{- define "arc-controller.resources" -}}
{{- $own := dict "requests" (dict "cpu" "100m" "memory" "256Mi") "limits" (dict "memory" "1Gi") -}}
{{- include "arc-controller.hardened" (dict "root" . "own" $own "user" .Values.resources) -}}
{{- end -}}
