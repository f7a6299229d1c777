{{- define "countersign.labels" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "countersign.selector" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Of a listener, which is `0.0.0.0:8080` or a map with `address`. */}}
{{- define "countersign.port" -}}
{{- if kindIs "map" . }}{{ regexFind "[0-9]+$" .address }}{{ else }}{{ regexFind "[0-9]+$" . }}{{ end }}
{{- end }}
{{- define "countersign.scheme" -}}
{{- if and (kindIs "map" .) .tls }}https{{ else }}http{{ end }}
{{- end }}

{{- define "countersign.probe" -}}
httpGet: { path: {{ .path }}, port: ops{{ if eq (include "countersign.scheme" .at) "https" }}, scheme: HTTPS{{ end }} }
{{- end }}

{{/* The container, without its name: `countersign.sidecar` adds what makes it a native sidecar. */}}
{{- define "countersign.container" -}}
{{- $listen := .Values.config.listen -}}
image: {{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve]
{{- with .Values.env }}
env: {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- if eq .Values.shape "standalone" }}
  - { name: auth, containerPort: {{ include "countersign.port" $listen.auth }} }
  {{- with $listen.grpc }}
  - { name: grpc, containerPort: {{ include "countersign.port" . }} }
  {{- end }}
  {{- end }}
  - { name: public, containerPort: {{ include "countersign.port" $listen.public }} }
  - { name: ops, containerPort: {{ include "countersign.port" $listen.ops }} }
startupProbe:
  {{- include "countersign.probe" (dict "path" "/startupz" "at" $listen.ops) | nindent 2 }}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  {{- include "countersign.probe" (dict "path" "/readyz" "at" $listen.ops) | nindent 2 }}
  periodSeconds: 2
  failureThreshold: 2
livenessProbe:
  {{- include "countersign.probe" (dict "path" "/livez" "at" $listen.ops) | nindent 2 }}
  timeoutSeconds: 5
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsUser: 65532
  runAsGroup: 65532
  capabilities: { drop: [ALL] }
  {{- if eq .Values.shape "sidecar" }}
  runAsNonRoot: true
  seccompProfile: { type: RuntimeDefault }
  {{- end }}
volumeMounts:
  - { name: countersign, mountPath: /etc/countersign, readOnly: true }
{{- end }}

{{/* For the `initContainers` of a gateway's pod. */}}
{{- define "countersign.sidecar" -}}
- name: countersign
  restartPolicy: Always
  {{- include "countersign.container" . | nindent 2 }}
{{- end }}

{{/* For the `volumes` of the pod, whose `fsGroup` has to be set. */}}
{{- define "countersign.volume" -}}
- name: countersign
  projected:
    defaultMode: 0440
    sources:
      - configMap: { name: {{ .Release.Name }} }
      - secret: { name: {{ .Values.secretName }} }
      {{- with .Values.sources }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end }}

{{/* A change of it makes new pods. */}}
{{- define "countersign.checksum" -}}
checksum/countersign: {{ toYaml .Values.config | sha256sum }}
{{- end }}
