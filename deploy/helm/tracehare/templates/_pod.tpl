{{/*
What an app's chart includes into its pods, each with the context of this chart:

  labels:             {{ include "tracehare.podLabels" .Subcharts.tracehare }}
  annotations:        {{ include "tracehare.podAnnotations" .Subcharts.tracehare }}
  imagePullSecrets:   {{ include "tracehare.imagePullSecrets" .Subcharts.tracehare }}
  initContainers:     {{ include "tracehare.sidecar" .Subcharts.tracehare }}
  volumes:            {{ include "tracehare.volumes" .Subcharts.tracehare }}
*/}}

{{- define "tracehare.configMap" -}}
{{ .Release.Name }}-tracehare
{{- end }}

{{- define "tracehare.podLabels" -}}
tracehare: {{ ternary "sidecar" .Release.Name .Values.injector.enabled }}
{{- end }}

{{- define "tracehare.podAnnotations" -}}
{{- $beside := and (eq (toString .Values.scrapeAnnotations) "auto") (not .Values.podMonitor.enabled) -}}
{{- if or $beside (eq (toString .Values.scrapeAnnotations) "true") -}}
prometheus.io/scrape: "true"
prometheus.io/path: /metrics
prometheus.io/port: {{ .Values.admin.port | quote }}
{{- else -}}
{}
{{- end }}
{{- end }}

{{- define "tracehare.imagePullSecrets" -}}
{{- range .Values.image.pullSecrets }}
- name: {{ . }}
{{- else -}}
[]
{{- end }}
{{- end }}

{{/* An init container that keeps running: it is up before the app starts and goes after the app ended. */}}
{{- define "tracehare.sidecar" -}}
- name: tracehare
  image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  restartPolicy: Always
  env:
    {{- include "tracehare.env" . | nindent 4 }}
  ports:
    - name: tracehare-admin
      containerPort: {{ .Values.admin.port }}
  # The app's containers start once this has passed.
  startupProbe:
    httpGet:
      path: /readyz
      port: tracehare-admin
    periodSeconds: 1
    timeoutSeconds: 3
    failureThreshold: 60
  # A restart cuts the app's connections: only for a process that is truly stuck.
  livenessProbe:
    httpGet:
      path: /livez
      port: tracehare-admin
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 6
  readinessProbe:
    httpGet:
      path: /readyz
      port: tracehare-admin
    periodSeconds: 5
    timeoutSeconds: 3
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    runAsNonRoot: true
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities:
      drop: [ALL]
    seccompProfile:
      type: RuntimeDefault
  volumeMounts:
    - name: tracehare-config
      mountPath: /etc/tracehare/config
      readOnly: true
    {{- if .Values.admin.token.secretName }}
    - name: tracehare-admin-token
      mountPath: /etc/tracehare/admin-token
      readOnly: true
    {{- end }}
    {{- if .Values.tls.listen.secretName }}
    - name: tracehare-listen-tls
      mountPath: /etc/tracehare/listen-tls
      readOnly: true
    {{- end }}
    {{- if .Values.tls.upstream.secretName }}
    - name: tracehare-upstream-tls
      mountPath: /etc/tracehare/upstream-tls
      readOnly: true
    {{- end }}
    {{- with .Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "tracehare.volumes" -}}
- name: tracehare-config
  configMap:
    name: {{ include "tracehare.configMap" . }}
{{- with .Values.admin.token.secretName }}
- name: tracehare-admin-token
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.tls.listen.secretName }}
- name: tracehare-listen-tls
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.tls.upstream.secretName }}
- name: tracehare-upstream-tls
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
