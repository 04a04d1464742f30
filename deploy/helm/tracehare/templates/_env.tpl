{{/* Variables beat the file: only what hangs together with ports and mounts is set here. */}}
{{- define "tracehare.env" -}}
- name: TRACEHARE_CONFIG
  value: /etc/tracehare/config/tracehare.yaml
- name: TRACEHARE_LISTEN
  value: {{ printf "127.0.0.1:%v" .Values.port | quote }}
- name: TRACEHARE_ADMIN
  value: {{ printf "%s:%v" .Values.admin.host .Values.admin.port | quote }}
{{- if .Values.admin.token.secretName }}
- name: TRACEHARE_ADMIN_TOKEN_FILE
  value: /etc/tracehare/admin-token/{{ .Values.admin.token.key }}
{{- end }}
{{- if .Values.tls.listen.secretName }}
- name: TRACEHARE_LISTEN_TLS_CERT
  value: /etc/tracehare/listen-tls/tls.crt
- name: TRACEHARE_LISTEN_TLS_KEY
  value: /etc/tracehare/listen-tls/tls.key
{{- end }}
{{- if .Values.tls.upstream.secretName }}
- name: TRACEHARE_UPSTREAM_TLS_CA
  value: /etc/tracehare/upstream-tls/ca.crt
{{- if .Values.tls.upstream.clientCertificate }}
- name: TRACEHARE_UPSTREAM_TLS_CERT
  value: /etc/tracehare/upstream-tls/tls.crt
- name: TRACEHARE_UPSTREAM_TLS_KEY
  value: /etc/tracehare/upstream-tls/tls.key
{{- end }}
{{- end }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
# Spans under the app's name; empty, so `tracehare`, on pods without the label.
- name: OTEL_SERVICE_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['app.kubernetes.io/name']
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE)
{{- with .Values.otlp.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}
