// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

// templateHints are for podTemplate, for which the CRD has no schema: common uses and mistakes.
var templateHints = map[string]leafHint{
	"podTemplate": valid(templates(
		`metadata: {annotations: {example.com/a: b}}`,
		`metadata: {labels: {example.com/a: b}}`,
		`spec: {nodeSelector: {kubernetes.io/os: linux}}`,
		`spec: {tolerations: [{key: a, operator: Exists}]}`,
		`spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
			{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [linux]}]}]}}}}`,
		`spec: {affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [
			{weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {a: b}}}}]}}}`,
		`spec: {topologySpreadConstraints: [{topologyKey: kubernetes.io/os, maxSkew: 2, whenUnsatisfiable: ScheduleAnyway}]}`,
		`spec: {topologySpreadConstraints: [{$patch: replace}]}`,
		`spec: {initContainers: [{name: migrate, image: "my-app:1", args: [migrate]}]}`,
		`spec: {initContainers: [{name: proxy, image: "proxy:1", restartPolicy: Always}]}`,
		`spec: {containers: [{name: proxy, image: "proxy:1"}]}`,
		`spec: {containers: [{name: app, stdin: true}]}`,
		`spec: {containers: [{name: app, lifecycle: {preStop: {exec: {command: [a]}}}}]}`,
		`spec: {containers: [{name: app, securityContext: {readOnlyRootFilesystem: true, runAsUser: 1000}}]}`,
		`spec: {containers: [{name: app, volumeMounts: [{name: a, mountPath: /a}]}], volumes: [{name: a, downwardAPI: {}}]}`,
		`spec: {securityContext: {fsGroup: 1000, runAsNonRoot: true}}`,
		`spec: {terminationGracePeriodSeconds: 0}`,
		`spec: {terminationGracePeriodSeconds: 3}`,
		`spec: {priorityClassName: system-node-critical}`,
		`spec: {hostAliases: [{ip: 192.0.2.1, hostnames: [a]}]}`,
		`spec: {dnsPolicy: None, dnsConfig: {nameservers: [192.0.2.1]}}`,
		`spec: {hostNetwork: true}`,
		`spec: {volumes: [{name: a}]}`,
		`spec: {automountServiceAccountToken: true}`,
		`spec: {enableServiceLinks: true}`,
		`spec: {shareProcessNamespace: true}`,
		`spec: {readinessGates: [{conditionType: example.com/a}]}`,
	)...).asBefore(templates(`{}`, `{spec: {restartPolicy: Always}}`, `{spec: {containers: [{name: app, image: "my-app:1"}]}}`)...).
		badAs(parseLeaf(`{sepc: {}}`), `podTemplate: unknown field "sepc"`).
		badAs(parseLeaf(`{spec: {afinity: {}}}`), `podTemplate: unknown field "spec.afinity"`).
		badAs(parseLeaf(`{spec: {hostNetwork: "yes"}}`), "hostNetwork").
		badAs(parseLeaf(`{spec: {tolerations: {key: a}}}`), "podTemplate").
		badAs(parseLeaf(`{spec: {containers: [{name: app, $patch: delete}]}}`), "podTemplate").
		badAs(parseLeaf(`{spec: {containers: [{image: "proxy:1"}]}}`), "podTemplate").
		badAs(parseLeaf(`{spec: {containers: [{name: proxy}]}}`), "image").
		badAs(parseLeaf(`{spec: {containers: [{name: Not_A_Name, image: a}]}}`), "name").
		badAs(parseLeaf(`{spec: {initContainers: [{name: app, image: a}]}}`), "name").
		badAs(parseLeaf(`{spec: {restartPolicy: Never}}`), "restartPolicy").
		badAs(parseLeaf(`{spec: {nodeSelector: {a: "not a label"}}}`), "nodeSelector").
		badAs(parseLeaf(`{spec: {tolerations: [{key: a, operator: Like}]}}`), "tolerations").
		badAs(parseLeaf(`{spec: {dnsPolicy: None}}`), "dnsConfig").
		badAs(parseLeaf(`{spec: {priority: 7}}`), "priority").
		badAs(parseLeaf(`{spec: {priorityClassName: missing}}`), "PriorityClass").
		badAs(parseLeaf(`{spec: {containers: [{name: app, volumeMounts: [{name: missing, mountPath: /a}]}]}}`), "volumeMounts").
		badAs(parseLeaf(`{spec: {volumes: [{name: a, emptyDir: {}, hostPath: {path: /a}}]}}`), "volumes").
		badAs(parseLeaf(`{metadata: {labels: {a: "not a label"}}}`), "labels").
		badAs(parseLeaf(`{metadata: {annotations: {"not a key": a}}}`), "annotations").
		badAs(parseLeaf(`{metadata: {annotations: {a: 1}}}`), "annotations"),
}

func templates(texts ...string) []any {
	var all []any
	for _, text := range texts {
		all = append(all, parseLeaf(text))
	}
	return all
}
