{{/* The containers that the modes make. All hand over JSON. */}}

{{/* The runner: the user's, with what the mode and the CA need. dict "root" $ "runner" CONTAINER (may be empty) */}}
{{- define "arc-set.runner" -}}
{{- $mode := include "arc-set.mode" .root -}}
{{- $runner := include "arc-set.withImage" .runner | mustFromJson -}}
{{- $tls := include "arc-set.tls" .root | mustFromJson -}}
{{- $extension := include "arc-set.hookExtension" .root | mustFromJson -}}
{{- $env := include "arc-set.modeEnv" (dict "mode" $mode "image" $runner.image) | mustFromJson -}}
{{- $env = concat $env $extension.env $tls.env -}}
{{- $mounts := concat (include "arc-set.modeMounts" $mode | mustFromJson) $extension.mounts $tls.mounts -}}
{{- $env = include "arc-set.missing" (dict "have" ($runner.env | default list) "add" $env) | mustFromJson -}}
{{- $mounts = include "arc-set.missing" (dict "have" ($runner.volumeMounts | default list) "add" $mounts) | mustFromJson -}}
{{- $runner = omit $runner "env" "volumeMounts" -}}
{{- if $env -}}{{- $_ := set $runner "env" $env -}}{{- end -}}
{{- if or $mounts (eq $mode "kubernetes-novolume") -}}{{- $_ := set $runner "volumeMounts" $mounts -}}{{- end -}}
{{- toJson $runner -}}
{{- end -}}

{{/*
A runner needs an image, and the official one a command: it starts nothing by itself. Another image may well have its own.
*/}}
{{- define "arc-set.withImage" -}}
{{- $runner := merge (dict "name" "runner") (deepCopy (. | default dict)) -}}
{{- if not $runner.image -}}
{{- $_ := set $runner "image" "ghcr.io/actions/actions-runner:latest" -}}
{{- end -}}
{{- if and (not $runner.command) (not $runner.args) (regexMatch "^ghcr\\.io/actions/actions-runner([:@]|$)" $runner.image) -}}
{{- $_ := set $runner "command" (list "/home/runner/run.sh") -}}
{{- end -}}
{{- toJson $runner -}}
{{- end -}}

{{/* `have`, then those of `add` whose name it does not have. */}}
{{- define "arc-set.missing" -}}
{{- $out := .have -}}
{{- $names := list -}}
{{- range .have -}}{{- $names = append $names .name -}}{{- end -}}
{{- range .add -}}
{{- if not (has .name $names) -}}{{- $out = append $out . -}}{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{- define "arc-set.modeEnv" -}}
{{- $env := list -}}
{{- if eq .mode "dind" -}}
{{- $env = list
  (dict "name" "DOCKER_HOST" "value" "unix:///var/run/docker.sock")
  (dict "name" "RUNNER_WAIT_FOR_DOCKER_IN_SECONDS" "value" "120")
-}}
{{- else if .mode -}}
{{- $hooks := ternary "/home/runner/k8s/index.js" "/home/runner/k8s-novolume/index.js" (eq .mode "kubernetes") -}}
{{- $env = list
  (dict "name" "ACTIONS_RUNNER_CONTAINER_HOOKS" "value" $hooks)
  (dict "name" "ACTIONS_RUNNER_POD_NAME" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name")))
  (dict "name" "ACTIONS_RUNNER_REQUIRE_JOB_CONTAINER" "value" "true")
-}}
{{- if eq .mode "kubernetes-novolume" -}}
{{- $env = append $env (dict "name" "ACTIONS_RUNNER_IMAGE" "value" .image) -}}
{{- end -}}
{{- end -}}
{{- toJson $env -}}
{{- end -}}

{{- define "arc-set.modeMounts" -}}
{{- $work := dict "name" "work" "mountPath" "/home/runner/_work" -}}
{{- if eq . "dind" -}}
{{- list $work (dict "name" "dind-sock" "mountPath" "/var/run") | toJson -}}
{{- else if eq . "kubernetes" -}}
{{- list $work | toJson -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{/* What githubServerTLS brings into the runner's pod: {env, mounts, volumes}, all empty without a mount path. */}}
{{- define "arc-set.tls" -}}
{{- $out := dict "env" list "mounts" list "volumes" list -}}
{{- $tls := .Values.githubServerTLS | default dict -}}
{{- if $tls.runnerMountPath -}}
{{- $from := ($tls.certificateFrom | default dict).configMapKeyRef | default dict -}}
{{- if not (and $from.name $from.key) -}}
{{- fail "githubServerTLS.certificateFrom.configMapKeyRef.name and .key are required with githubServerTLS.runnerMountPath" -}}
{{- end -}}
{{- $file := clean (printf "%s/%s" $tls.runnerMountPath $from.key) -}}
{{- $volume := "github-server-tls-cert" -}}
{{- $_ := set $out "env" (list
  (dict "name" "NODE_EXTRA_CA_CERTS" "value" $file)
  (dict "name" "RUNNER_UPDATE_CA_CERTS" "value" "1")
) -}}
{{- $_ := set $out "mounts" (list (dict "name" $volume "mountPath" $file "subPath" $from.key)) -}}
{{- $item := dict "key" $from.key "path" $from.key -}}
{{- $_ := set $out "volumes" (list (dict "name" $volume "configMap" (dict "name" $from.name "items" (list $item)))) -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* Copies what the runner needs in job containers to where Docker's daemon sees it. Takes the runner's image. */}}
{{- define "arc-set.dindCopier" -}}
{{- dict
  "name" "init-dind-externals"
  "image" .
  "command" (list "cp")
  "args" (list "-r" "/home/runner/externals/." "/home/runner/tmpDir/")
  "volumeMounts" (list (dict "name" "dind-externals" "mountPath" "/home/runner/tmpDir"))
| toJson -}}
{{- end -}}

{{/* Docker's daemon. Native: a side-car among the init containers, which is up before the runner starts and gone after it. */}}
{{- define "arc-set.dind" -}}
{{- $dind := dict
  "name" "dind"
  "image" "docker:dind"
  "args" (list "dockerd" "--host=unix:///var/run/docker.sock" "--group=$(DOCKER_GROUP_GID)")
  "env" (list (dict "name" "DOCKER_GROUP_GID" "value" "123"))
  "securityContext" (dict "privileged" true)
  "volumeMounts" (list
    (dict "name" "work" "mountPath" "/home/runner/_work")
    (dict "name" "dind-sock" "mountPath" "/var/run")
    (dict "name" "dind-externals" "mountPath" "/home/runner/externals")
  )
-}}
{{- if include "arc-set.dindIsNative" . -}}
{{- $_ := set $dind "restartPolicy" "Always" -}}
{{- $_ := set $dind "startupProbe" (dict
  "exec" (dict "command" (list "docker" "info"))
  "initialDelaySeconds" 0
  "periodSeconds" 5
  "failureThreshold" 24
) -}}
{{- end -}}
{{- toJson $dind -}}
{{- end -}}

{{/* "yes" when the cluster, or containerMode.dindForm, has native side-cars. The full version is read: minors look like 31+. */}}
{{- define "arc-set.dindIsNative" -}}
{{- $form := (.Values.containerMode | default dict).dindForm -}}
{{- if eq $form "native" -}}
yes
{{- else if ne $form "container" -}}
{{- if semverCompare ">=1.29.0-0" .Capabilities.KubeVersion.Version -}}yes{{- end -}}
{{- end -}}
{{- end -}}

{{/* A container that the chart makes, with the user's of the same name merged into it, one after the other. */}}
{{- define "arc-set.overridden" -}}
{{- $made := .made -}}
{{- range $user := .users -}}
{{- if eq $user.name $made.name -}}
{{- $made = include "arc.merge" (dict "base" $made "over" $user) | mustFromJson -}}
{{- end -}}
{{- end -}}
{{- toJson $made -}}
{{- end -}}
