// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"regexp"
	"strings"
)

// leafContext is what has to be in a component for a field below a path to be
// valid, and to have an effect. It is part of the base that the walk starts from.
type leafContext struct {
	// at opens the paths that it is for; the longest one counts.
	at string
	// spec is a fragment of the component. PROBE in it is the name of the probe.
	spec string
	// before are fragments of it that are released first, one after the other.
	before []string
}

// A pod that waits for what no simulated node has would never get ready: such contexts have no pods.
var leafContexts = []leafContext{
	{at: ""},
	{at: "command[]", spec: `command: [base]`},
	{at: "args[]", spec: `args: [base]`},
	{at: "ports", spec: `{ports: [{name: http, containerPort: 80}], readinessProbe: {exec: {command: ["true"]}}}`},
	{at: "autoscaling", spec: `
replicas: null
autoscaling: {minReplicas: 1, maxReplicas: 3, targetCPUUtilization: 50, targetMemoryUtilization: 60}`},
	{at: "disruptionBudget", spec: `replicas: 2`},
	{at: "service.annotations{}", spec: `service: {annotations: {example.com/walk: base}}`},
	{at: "resources.limits", spec: `resources: {limits: {cpu: "2"}, requests: {cpu: 100m}}`},
	{at: "resources.requests", spec: `resources: {limits: {cpu: "2"}, requests: {cpu: 100m}}`},
	{at: "resources.claims", spec: `
replicas: 0
podTemplate: {spec: {resourceClaims: [{name: base, resourceClaimName: base}, {name: other, resourceClaimName: other}]}}
resources: {claims: [{name: base}]}`},

	{at: "env", spec: `env: [{name: A, value: base}]`},
	{at: "env[].valueFrom.configMapKeyRef", spec: `env: [{name: A, valueFrom: {configMapKeyRef: {name: base, key: base}}}]`},
	{at: "env[].valueFrom.secretKeyRef", spec: `env: [{name: A, valueFrom: {secretKeyRef: {name: base, key: base}}}]`},
	{at: "env[].valueFrom.fieldRef", spec: `env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]`},
	{at: "env[].valueFrom.resourceFieldRef", spec: `env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]`},
	{at: "env[].valueFrom.fileKeyRef", spec: `
volumes: [{name: base, mountPath: /base, emptyDir: {}}, {name: other, mountPath: /other, emptyDir: {}}]
env: [{name: A, valueFrom: {fileKeyRef: {volumeName: base, path: base, key: BASE}}}]`},
	{at: "envFrom", spec: `envFrom: [{configMapRef: {name: base}}]`},
	{at: "envFrom[].secretRef", spec: `envFrom: [{secretRef: {name: base}}]`},

	{at: "probe", spec: `PROBE: {exec: {command: [base]}}`},
	{at: "probe.grpc", spec: `PROBE: {grpc: {port: 80}}`},
	{at: "probe.httpGet", spec: `PROBE: {httpGet: {path: /base, port: 80}}`},
	{at: "probe.httpGet.httpHeaders[]", spec: `PROBE: {httpGet: {path: /base, port: 80, httpHeaders: [{name: X-Base, value: base}]}}`},
	{at: "probe.tcpSocket", spec: `PROBE: {tcpSocket: {port: 80}}`},

	{at: "volumes", spec: `volumes: [{name: base, mountPath: /base, emptyDir: {}}]`},
	{at: "volumes[].configMap", spec: `volumes: [{name: base, mountPath: /base, configMap: {name: base}}]`},
	{at: "volumes[].configMap.items[]", spec: `
volumes: [{name: base, mountPath: /base, configMap: {name: base, items: [{key: base, path: base}]}}]`},
	{at: "volumes[].secret", spec: `volumes: [{name: base, mountPath: /base, secret: {secretName: base}}]`},
	{at: "volumes[].secret.items[]", spec: `
volumes: [{name: base, mountPath: /base, secret: {secretName: base, items: [{key: base, path: base}]}}]`},
	{at: "volumes[].persistentVolumeClaim", spec: `
replicas: 0
volumes: [{name: base, mountPath: /base, persistentVolumeClaim: {claimName: base}}]`},

	{at: "imagePullSecrets[]", spec: `imagePullSecrets: [{name: base}]`},
	{at: "restartedAt"},
	{
		at: "rollback", spec: `{image: "my-app:4", rollback: {toRevision: 1, fromRevision: 4}}`,
		before: []string{`image: my-app:1`, `image: my-app:2`, `image: my-app:3`, `image: my-app:4`},
	},
}

var probePath = regexp.MustCompile(`^(readiness|liveness|startup)Probe`)

// kin is the path under which the tables have what probes have in common.
func kin(relative string) string { return probePath.ReplaceAllString(relative, "probe") }

// contextOf is the context of a node.
func contextOf(node schemaNode) leafContext {
	var found leafContext
	for _, candidate := range leafContexts {
		rest, below := strings.CutPrefix(kin(node.relative), candidate.at)
		if below && (candidate.at == "" || rest == "" || strings.ContainsAny(rest[:1], ".[{")) && len(candidate.at) >= len(found.at) {
			found = candidate
		}
	}
	if probe := probePath.FindString(node.relative); probe != "" {
		found.spec = strings.ReplaceAll(found.spec, "PROBE", probe)
	}
	return found
}

// leafBase is the component that the walk starts from.
const leafBase = `{replicas: 1, ports: [{containerPort: 80}]}`

// specOf is the spec of a stack whose component, the main or a further one, has the fragments.
func specOf(further bool, fragments ...fragment) fragment {
	component := parseFragment(leafBase)
	for _, part := range fragments {
		component = mergeFragment(component, part)
	}
	if !further {
		return mergeFragment(fragment{"image": "my-app:1"}, component)
	}
	return fragment{
		"image": "my-app:1", "replicas": int64(0),
		"components": []any{mergeFragment(fragment{"name": "worker"}, component)},
	}
}

// specAt is the spec of the context with a value at the node, and a fragment beside it.
func (n schemaNode) specAt(value any, beside fragment) fragment {
	base := specOf(n.further, parseFragment(contextOf(n).spec), beside)
	return withLeaf(base, strings.TrimPrefix(n.path, "spec."), value)
}
