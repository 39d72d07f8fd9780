{{/* A policy that lets in requests to one port alone: dict "root" $ "port" PORT (may be empty) */}}
{{- define "arc-controller.networkRules" -}}
{{- $policy := .root.Values.networkPolicy -}}
policyTypes:
  - Ingress
  {{- if $policy.egress }}
  - Egress
  {{- end }}
{{- if .port }}
ingress:
  - ports:
      - protocol: TCP
        port: {{ .port }}
    {{- with $policy.metricsFrom }}
    from:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- else }}
ingress: []
{{- end }}
{{- with $policy.egress }}
egress:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
