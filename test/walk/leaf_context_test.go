// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"regexp"
	"strings"
)

// leafContext contains the fields that a component must set for a field below a path
// to be valid and to have an effect. It is part of the base spec of the walk.
type leafContext struct {
	// at is the prefix of the paths that it applies to; the longest one wins.
	at string
	// spec is a fragment of the component. PROBE in it stands for the name of the probe.
	spec string
	// podless sets replicas to 0 for further components and for probes other than the
	// readiness probe, because the main component already covers the same fields with pods.
	podless bool
	// before lists fragments of the component that are released first, one after the other.
	before []string
}

// A pod that needs something that no simulated node has never becomes ready: such contexts have no pods.
var leafContexts = []leafContext{
	{at: ""},
	{at: "command[]", podless: true, spec: `command: [base]`},
	{at: "args[]", podless: true, spec: `args: [base]`},
	{at: "ports", podless: true, spec: `{ports: [{name: http, containerPort: 80}], readinessProbe: {exec: {command: ["true"]}}}`},
	{at: "autoscaling", spec: `
replicas: null
autoscaling: {minReplicas: 1, maxReplicas: 3, targetCPUUtilization: 50, targetMemoryUtilization: 60}`},
	{at: "disruptionBudget", spec: `replicas: 2`},
	{at: "service.annotations{}", podless: true, spec: `service: {annotations: {example.com/walk: base}}`},
	{at: "resources.limits", podless: true, spec: `resources: {limits: {cpu: "2"}, requests: {cpu: 100m}}`},
	{at: "resources.requests", podless: true, spec: `resources: {limits: {cpu: "2"}, requests: {cpu: 100m}}`},
	{at: "resources.claims", spec: `
replicas: 0
podTemplate: {spec: {resourceClaims: [{name: base, resourceClaimName: base}, {name: other, resourceClaimName: other}]}}
resources: {claims: [{name: base}]}`},

	{at: "env", podless: true, spec: `env: [{name: A, value: base}]`},
	{at: "env[].valueFrom.configMapKeyRef", podless: true, spec: `env: [{name: A, valueFrom: {configMapKeyRef: {name: base, key: base}}}]`},
	{at: "env[].valueFrom.secretKeyRef", podless: true, spec: `env: [{name: A, valueFrom: {secretKeyRef: {name: base, key: base}}}]`},
	{at: "env[].valueFrom.fieldRef", podless: true, spec: `env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]`},
	{at: "env[].valueFrom.resourceFieldRef", podless: true, spec: `env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]`},
	{at: "env[].valueFrom.fileKeyRef", podless: true, spec: `
volumes: [{name: base, mountPath: /base, emptyDir: {}}, {name: other, mountPath: /other, emptyDir: {}}]
env: [{name: A, valueFrom: {fileKeyRef: {volumeName: base, path: base, key: BASE}}}]`},
	{at: "envFrom", podless: true, spec: `envFrom: [{configMapRef: {name: base}}]`},
	{at: "envFrom[].secretRef", podless: true, spec: `envFrom: [{secretRef: {name: base}}]`},

	{at: "probe", podless: true, spec: `PROBE: {exec: {command: [base]}}`},
	{at: "probe.grpc", podless: true, spec: `PROBE: {grpc: {port: 80}}`},
	{at: "probe.httpGet", podless: true, spec: `PROBE: {httpGet: {path: /base, port: 80}}`},
	{at: "probe.httpGet.httpHeaders[]", podless: true, spec: `
PROBE: {httpGet: {path: /base, port: 80, httpHeaders: [{name: X-Base, value: base}]}}`},
	{at: "probe.tcpSocket", podless: true, spec: `PROBE: {tcpSocket: {port: 80}}`},

	{at: "volumes", podless: true, spec: `volumes: [{name: base, mountPath: /base, emptyDir: {}}]`},
	{at: "volumes[].configMap", podless: true, spec: `volumes: [{name: base, mountPath: /base, configMap: {name: base}}]`},
	{at: "volumes[].configMap.items[]", podless: true, spec: `
volumes: [{name: base, mountPath: /base, configMap: {name: base, items: [{key: base, path: base}]}}]`},
	{at: "volumes[].secret", podless: true, spec: `volumes: [{name: base, mountPath: /base, secret: {secretName: base}}]`},
	{at: "volumes[].secret.items[]", podless: true, spec: `
volumes: [{name: base, mountPath: /base, secret: {secretName: base, items: [{key: base, path: base}]}}]`},
	{at: "volumes[].persistentVolumeClaim", podless: true, spec: `
replicas: 0
volumes: [{name: base, mountPath: /base, persistentVolumeClaim: {claimName: base}}]`},

	{at: "files", podless: true, spec: `files: [{path: /base, content: base}]`},

	{at: "components", spec: `components: [{name: base, replicas: 0}]`},
	{at: "components[].name"},
	{at: "imagePullSecrets[]", spec: `imagePullSecrets: [{name: base}]`},
	{at: "restartedAt"},
	{
		at: "rollback", spec: `{image: "my-app:4", rollback: {toRevision: 1, fromRevision: 4}}`,
		before: []string{`image: my-app:1`, `image: my-app:2`, `image: my-app:3`, `image: my-app:4`},
	},
}

var probePath = regexp.MustCompile(`^(readiness|liveness|startup)Probe`)

// kin returns the path under which the tables list what all probes have in common.
func kin(relative string) string { return probePath.ReplaceAllString(relative, "probe") }

// contextOf returns the context of a node.
func contextOf(node schemaNode) leafContext {
	var found leafContext
	for _, candidate := range leafContexts {
		rest, below := strings.CutPrefix(kin(node.relative), candidate.at)
		if below && (candidate.at == "" || rest == "" || strings.ContainsAny(rest[:1], ".[{")) && len(candidate.at) >= len(found.at) {
			found = candidate
		}
	}
	probe := probePath.FindString(node.relative)
	found.spec = strings.ReplaceAll(found.spec, "PROBE", probe)
	found.podless = found.podless && (node.further || probe != "" && probe != "readinessProbe")
	return found
}

// fragment returns the fields that the context sets.
func (c leafContext) fragment() fragment {
	spec := parseFragment(c.spec)
	if c.podless {
		return mergeFragment(fragment{"replicas": int64(0)}, spec)
	}
	return spec
}

// leafBase is the base component of the walk.
const leafBase = `{replicas: 1, ports: [{containerPort: 80}]}`

// specOf returns the spec of a stack whose main or further component has the fragments.
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

// specAt returns the spec of the context with a value at the node and a further fragment.
func (n schemaNode) specAt(value any, beside fragment) fragment {
	base := specOf(n.further, contextOf(n).fragment(), beside)
	return withLeaf(base, strings.TrimPrefix(n.path, "spec."), value)
}
