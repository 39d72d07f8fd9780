{{/* The runners' pod spec. All hand over JSON. */}}

{{- define "arc-set.podSpec" -}}
{{- $mode := include "arc-set.mode" . -}}
{{- $user := (include "arc-set.podTemplate" . | mustFromJson).spec | default dict -}}
{{- $pod := omit $user "containers" "initContainers" "volumes" -}}
{{- $_ := set $pod "restartPolicy" ($user.restartPolicy | default "Never") -}}
{{- $account := include "arc-set.ownServiceAccount" . -}}
{{- if not $account -}}
{{- $noPermission := include "arc-set.noPermissionServiceAccountName" . -}}
{{- $account = ternary (include "arc-set.kubeModeServiceAccountName" .) $noPermission (eq "yes" (include "arc-set.isKubeMode" .)) -}}
{{- end -}}
{{- $_ := set $pod "serviceAccountName" $account -}}
{{- $parts := include "arc-set.podContainers" (dict "root" . "user" $user) | mustFromJson -}}
{{- $_ := set $pod "containers" $parts.containers -}}
{{- if $parts.initContainers -}}{{- $_ := set $pod "initContainers" $parts.initContainers -}}{{- end -}}
{{- $volumes := include "arc-set.volumes" (dict "root" . "user" ($user.volumes | default list)) | mustFromJson -}}
{{- if or $volumes (eq $mode "kubernetes-novolume") -}}{{- $_ := set $pod "volumes" $volumes -}}{{- end -}}
{{- toJson $pod -}}
{{- end -}}

{{/* {containers, initContainers}. dict "root" $ "user" POD-SPEC */}}
{{- define "arc-set.podContainers" -}}
{{- $mode := include "arc-set.mode" .root -}}
{{- $users := .user.containers | default list -}}
{{- $inits := .user.initContainers | default list -}}
{{- $given := dict -}}
{{- range $users -}}{{- if eq .name "runner" -}}{{- $given = . -}}{{- end -}}{{- end -}}
{{- $runner := include "arc-set.runner" (dict "root" .root "runner" $given) | mustFromJson -}}
{{- $containers := list -}}
{{- if $mode -}}
{{- $containers = list $runner -}}
{{- $made := list "runner" -}}
{{- if eq $mode "dind" -}}
{{- $made = list "runner" "dind" -}}
{{- $both := concat $users $inits -}}
{{- $copier := include "arc-set.dindCopier" $runner.image | mustFromJson -}}
{{- $copier = include "arc-set.overridden" (dict "made" $copier "users" $inits) | mustFromJson -}}
{{- $dind := include "arc-set.dind" .root | mustFromJson -}}
{{- $dind = include "arc-set.overridden" (dict "made" $dind "users" $both) | mustFromJson -}}
{{- $others := include "arc-set.without" (dict "items" $inits "names" (list "dind" "init-dind-externals")) | mustFromJson -}}
{{- if include "arc-set.dindIsNative" .root -}}
{{- $inits = concat (list $copier $dind) $others -}}
{{- else -}}
{{- $inits = concat (list $copier) $others -}}
{{- $containers = append $containers $dind -}}
{{- end -}}
{{- end -}}
{{- $containers = concat $containers (include "arc-set.without" (dict "items" $users "names" $made) | mustFromJson) -}}
{{- else if not $users -}}
{{- $containers = list $runner -}}
{{- else -}}
{{- range $users -}}
{{- $containers = append $containers (ternary $runner . (eq .name "runner")) -}}
{{- end -}}
{{- end -}}
{{- toJson (dict "containers" $containers "initContainers" $inits) -}}
{{- end -}}

{{/* `items` without those of `names`. */}}
{{- define "arc-set.without" -}}
{{- $out := list -}}
{{- $names := .names -}}
{{- range .items -}}
{{- if not (has .name $names) -}}{{- $out = append $out . -}}{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* The CA's volume, the mode's, then the user's; a user's volume of one of those names is taken in its place. */}}
{{- define "arc-set.volumes" -}}
{{- $mode := include "arc-set.mode" .root -}}
{{- $made := (include "arc-set.tls" .root | mustFromJson).volumes -}}
{{- if eq $mode "dind" -}}
{{- range list "dind-sock" "dind-externals" "work" -}}
{{- $made = append $made (dict "name" . "emptyDir" dict) -}}
{{- end -}}
{{- else if eq $mode "kubernetes" -}}
{{- $claim := .root.Values.containerMode.kubernetesModeWorkVolumeClaim -}}
{{- if not $claim -}}
{{- $claim = dict "accessModes" (list "ReadWriteOnce") "resources" (dict "requests" (dict "storage" "1Gi")) -}}
{{- end -}}
{{- $made = append $made (dict "name" "work" "ephemeral" (dict "volumeClaimTemplate" (dict "spec" $claim))) -}}
{{- end -}}
{{- $made = concat $made (include "arc-set.hookExtension" .root | mustFromJson).volumes -}}
{{- $out := list -}}
{{- $taken := list -}}
{{- $users := .user -}}
{{- range $volume := $made -}}
{{- $taken = append $taken $volume.name -}}
{{- range $user := $users -}}
{{- if eq $user.name $volume.name -}}{{- $volume = $user -}}{{- end -}}
{{- end -}}
{{- $out = append $out $volume -}}
{{- end -}}
{{- /* an empty concat is null: what novolume says must be [] */ -}}
{{- concat $out (include "arc-set.without" (dict "items" $users "names" $taken) | mustFromJson) | default list | toJson -}}
{{- end -}}
