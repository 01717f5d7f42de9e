{{/* What all names in the release's namespace begin with: "appstack" for the release appstack. Short enough for the
     longest of them, a Service's, to be a DNS label. */}}
{{- define "appstack.fullname" -}}
{{- $name := .Release.Name -}}
{{- if not (contains .Chart.Name $name) -}}
{{- $name = printf "%s-%s" $name .Chart.Name -}}
{{- end -}}
{{- $name | replace "." "-" | trunc 36 | trimSuffix "-" -}}
{{- end -}}

{{/* What names outside of the release's namespace begin with: "appstack" for the release appstack in appstack-system, as
     with kustomize. In another namespace they carry its name, so that two releases do not clash. */}}
{{- define "appstack.clusterName" -}}
{{- $name := include "appstack.fullname" . -}}
{{- if eq .Release.Namespace (printf "%s-system" $name) -}}
{{- $name -}}
{{- else -}}
{{- printf "%s-%s" $name .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{/* Part of selectors, which cannot change: these are the ones of config/default. */}}
{{- define "appstack.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/component: manager
{{- end -}}

{{- define "appstack.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "appstack.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "appstack.fullname" . }}-controller-manager
{{- else -}}
{{- fail "serviceAccount.name is needed where serviceAccount.create is false" -}}
{{- end -}}
{{- end -}}

{{/* The subjects of the manager's bindings. */}}
{{- define "appstack.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "appstack.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{- define "appstack.priorityClassName" -}}
{{- if .Values.priorityClass.name -}}
{{- .Values.priorityClass.name -}}
{{- else if .Values.priorityClass.create -}}
{{- include "appstack.clusterName" . }}-controller-manager
{{- end -}}
{{- end -}}

{{/* repository:tag, repository@digest, or repository:tag@digest. */}}
{{- define "appstack.image" -}}
{{- with .Values.image -}}
{{- $tag := .tag -}}
{{- if not (or $tag .digest) -}}
{{- $tag = $.Chart.AppVersion -}}
{{- end -}}
{{- .repository -}}
{{- with $tag }}:{{ . }}{{ end -}}
{{- with .digest }}@{{ . }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* The ConfigMap with the certificates of registries; empty where there is none. */}}
{{- define "appstack.registryCA" -}}
{{- with .Values.registry.ca -}}
{{- if and .pem .configMap -}}
{{- fail "registry.ca: set pem or configMap, not both" -}}
{{- else if .pem -}}
{{- include "appstack.fullname" $ }}-registry-ca
{{- else -}}
{{- .configMap -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Empty where there is none. */}}
{{- define "appstack.memoryLimit" -}}
{{- $limit := dig "limits" "memory" "" (.Values.resources | default dict) | default "" -}}
{{- kindIs "string" $limit | ternary $limit (printf "%.0f" (float64 $limit)) -}}
{{- end -}}

{{/* A quantity of memory in bytes. The values' schema knows its forms. */}}
{{- define "appstack.bytes" -}}
{{- $number := regexFind "^[0-9.]+" . | float64 -}}
{{- $units := dict "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := get $units (regexFind "[A-Za-z]*$" .) | default 1 | float64 -}}
{{- printf "%d" (mulf $number $unit | int64) -}}
{{- end -}}

{{/* 90% of a memory limit, for GOMEMLIMIT. */}}
{{- define "appstack.goMemoryLimit" -}}
{{- $bytes := include "appstack.bytes" . | int64 -}}
{{- if lt $bytes 33554432 -}}
{{- fail (printf "resources.limits.memory: the manager cannot run within %s" .) -}}
{{- end -}}
{{- printf "%dMiB" (div (mul $bytes 9) 10485760) -}}
{{- end -}}

{{/* Something of files/, which `make manifests` fills. */}}
{{- define "appstack.file" -}}
{{- $text := .context.Files.Get (printf "files/%s" .name) -}}
{{- if not $text -}}
{{- fail (printf "files/%s is not in the chart" .name) -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* A Role in each of watchNamespaces, or a ClusterRole, with the given core resources and verbs, bound to the operator. */}}
{{- define "appstack.grant" -}}
{{- $kind := ternary "Role" "ClusterRole" (not (empty .root.Values.watchNamespaces)) }}
{{- range .root.Values.watchNamespaces | default (list "") }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ include "appstack.clusterName" $.root }}-{{ $.name }}
  {{- with . }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "appstack.labels" $.root | nindent 4 }}
rules:
- apiGroups:
  - ""
  resources:
  {{- toYaml $.resources | nindent 2 }}
  verbs:
  {{- toYaml $.verbs | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ include "appstack.clusterName" $.root }}-{{ $.name }}
  {{- with . }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "appstack.labels" $.root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ include "appstack.clusterName" $.root }}-{{ $.name }}
{{ include "appstack.subjects" $.root }}
{{- end }}
{{- end }}
