{{/* How the scale set is known at GitHub, and the way there. */}}

{{- define "arc-set.configUrl" -}}
{{- $url := include "arc.text" .Values.githubConfigUrl | trimSuffix "/" -}}
{{- if not $url -}}
{{- fail ".Values.githubConfigUrl is required" -}}
{{- end -}}
{{- $url -}}
{{- end -}}

{{/* The name of the Secret: the user's, or that of the one that the chart makes. */}}
{{- define "arc-set.secretName" -}}
{{- if not .Values.githubConfigSecret -}}
{{- fail "Values.githubConfigSecret is required for setting auth with GitHub server." -}}
{{- end -}}
{{- if kindIs "map" .Values.githubConfigSecret -}}
{{- include "arc-set.dnsFullname" . }}-github-secret
{{- else -}}
{{- include "arc.text" .Values.githubConfigSecret -}}
{{- end -}}
{{- end -}}

{{/* The Secret's entries that say something, base64. JSON. */}}
{{- define "arc-set.secretData" -}}
{{- $entries := include "arc.texts" .Values.githubConfigSecret | mustFromJson -}}
{{- $begin := "A valid .Values.githubConfigSecret is required for setting auth with GitHub server, " -}}
{{- if not (or $entries.github_token $entries.github_app_id) -}}
{{- fail (print $begin "provide .Values.githubConfigSecret.github_token or .Values.githubConfigSecret.github_app_id.") -}}
{{- end -}}
{{- if and $entries.github_app_id (not $entries.github_token) -}}
{{- if not (and $entries.github_app_installation_id $entries.github_app_private_key) -}}
{{- fail (print $begin "provide .Values.githubConfigSecret.github_app_installation_id and .Values.githubConfigSecret.github_app_private_key.") -}}
{{- end -}}
{{- end -}}
{{- $data := dict -}}
{{- range $key, $value := $entries -}}
{{- if $value -}}{{- $_ := set $data $key (b64enc $value) -}}{{- end -}}
{{- end -}}
{{- toJson $data -}}
{{- end -}}

{{/* Labels that runs-on may ask for. JSON. */}}
{{- define "arc-set.scaleSetLabels" -}}
{{- $labels := list -}}
{{- $rule := "each label must be a non-empty string of less than 256 characters" -}}
{{- range .Values.scaleSetLabels -}}
{{- $label := include "arc.text" . -}}
{{- if not $label -}}
{{- fail (print "scaleSetLabels contains an empty string, " $rule) -}}
{{- end -}}
{{- if ge (len $label) 256 -}}
{{- fail (print "scaleSetLabels contains a label that is 256 characters or more, " $rule) -}}
{{- end -}}
{{- $labels = append $labels $label -}}
{{- end -}}
{{- toJson $labels -}}
{{- end -}}

{{/* {minRunners, maxRunners}, each if it is a number. JSON. */}}
{{- define "arc-set.size" -}}
{{- $out := dict -}}
{{- range $key := list "minRunners" "maxRunners" -}}
{{- $value := get $.Values $key -}}
{{- if or (kindIs "float64" $value) (kindIs "int64" $value) (kindIs "int" $value) -}}
{{- $_ := set $out $key (int64 $value) -}}
{{- end -}}
{{- end -}}
{{- if and (hasKey $out "minRunners") (hasKey $out "maxRunners") -}}
{{- if gt $out.minRunners $out.maxRunners -}}
{{- fail "maxRunners has to be greater or equal to minRunners" -}}
{{- end -}}
{{- end -}}
{{- range $key := list "maxRunners" "minRunners" -}}
{{- if and (hasKey $out $key) (lt (get $out $key) (int64 0)) -}}
{{- fail (printf "%s has to be greater or equal to 0" $key) -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* spec.proxy. JSON. */}}
{{- define "arc-set.proxy" -}}
{{- $out := dict -}}
{{- range $scheme := list "http" "https" -}}
{{- with get $.Values.proxy $scheme -}}
{{- $one := dict "url" (include "arc.text" .url) -}}
{{- with .credentialSecretRef -}}{{- $_ := set $one "credentialSecretRef" (include "arc.text" .) -}}{{- end -}}
{{- $_ := set $out $scheme $one -}}
{{- end -}}
{{- end -}}
{{- if and .Values.proxy.noProxy (kindIs "slice" .Values.proxy.noProxy) -}}
{{- $_ := set $out "noProxy" .Values.proxy.noProxy -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* spec.vaultConfig. JSON. */}}
{{- define "arc-set.vault" -}}
{{- $vault := .Values.keyVault -}}
{{- $out := dict "type" $vault.type -}}
{{- if eq $vault.type "azure_key_vault" -}}
{{- $_ := set $out "azureKeyVault" (include "arc-set.azureKeyVault" $vault | mustFromJson) -}}
{{- else if ne $vault.type "file" -}}
{{- fail (printf "Unsupported keyVault type: %s: it can be azure_key_vault or file" (include "arc.text" $vault.type)) -}}
{{- end -}}
{{- with $vault.proxy -}}{{- $_ := set $out "proxy" . -}}{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* Both spellings of the keys are taken, for documents of the original have the one with "_". JSON. */}}
{{- define "arc-set.azureKeyVault" -}}
{{- $azure := .azureKeyVault | default .azure_key_vault -}}
{{- if not $azure -}}
{{- fail "keyVault.azureKeyVault is required with keyVault.type azure_key_vault: url, tenantId, clientId, certificatePath" -}}
{{- end -}}
{{- $spelling := dict
  "url" "url"
  "tenantId" "tenant_id"
  "clientId" "client_id"
  "certificatePath" "certificate_path"
  "secretKey" "secret_key"
-}}
{{- $settings := dict -}}
{{- range $key, $old := $spelling -}}
{{- with get $azure $key | default (get $azure $old) -}}{{- $_ := set $settings $key (include "arc.text" .) -}}{{- end -}}
{{- end -}}
{{- toJson $settings -}}
{{- end -}}
