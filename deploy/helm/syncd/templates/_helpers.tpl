{{- define "syncd.fullname" -}}
{{- if contains "syncd" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-syncd" (.Release.Name | trunc 57 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "syncd.selectorLabels" -}}
app.kubernetes.io/name: syncd
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "syncd.labels" -}}
{{ include "syncd.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "syncd.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end -}}

{{- /* Settings, then those of the Secret. Null is unset; numbers are JSON's, which has no 1e+06. */ -}}
{{- define "syncd.environment" -}}
{{- range $name, $value := .Values.settings }}
{{- if not (kindIs "invalid" $value) }}
{{- if get $.Values.secret.keys $name }}
{{- fail (printf "%s is in settings and in secret.keys: set one of them to null" $name) }}
{{- end }}
- name: SYNCD_{{ upper $name }}
  {{- if kindIs "slice" $value }}{{ $value = join "," $value }}
  {{- else if not (kindIs "string" $value) }}{{ $value = toJson $value }}
  {{- end }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- range $name, $key := .Values.secret.keys }}
{{- if $key }}
- name: SYNCD_{{ upper $name }}
  valueFrom:
    secretKeyRef: {name: {{ $.Values.secret.name }}, key: {{ $key }}}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "syncd.pod" -}}
# A Service named syncd would set SYNCD_PORT=tcp://… in every pod, which is one of our settings.
enableServiceLinks: false
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- range $field := list "imagePullSecrets" "nodeSelector" "tolerations" "affinity" }}
{{- with index $.Values $field }}
{{ $field }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "syncd.containerSecurityContext" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}
