// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"maps"
	"strings"
)

// leafHint adds what the schema does not specify about the values of a node.
type leafHint struct {
	// valid lists values that change a child, each in a different way.
	valid []any
	// same lists valid values that change no child, such as the default.
	same []any
	// beside is a fragment of the component that is set together with each valid value.
	beside string
	// few explains why there are fewer than two valid values.
	few string
	// invalid lists invalid values that cannot be derived from the schema alone.
	invalid []invalidValue
}

// invalidValue is a value that must be rejected.
type invalidValue struct {
	value  any
	beside string
	names  []string
}

func valid(values ...any) leafHint { return leafHint{valid: values} }

func (h leafHint) asBefore(values ...any) leafHint {
	h.same = append(h.same, values...)
	return h
}

func (h leafHint) with(beside string) leafHint {
	h.beside = beside
	return h
}

func (h leafHint) onlyBecause(why string) leafHint {
	h.few = why
	return h
}

// bad adds values whose rejection must contain the last name of the path.
func (h leafHint) bad(values ...any) leafHint {
	for _, value := range values {
		h.invalid = append(h.invalid, invalidValue{value: value})
	}
	return h
}

// badAs adds a value whose rejection must contain one of the names.
func (h leafHint) badAs(value any, names ...string) leafHint {
	h.invalid = append(h.invalid, invalidValue{value: value, names: names})
	return h
}

// badWith adds a value that is rejected in combination with another fragment.
func (h leafHint) badWith(value any, beside string, names ...string) leafHint {
	h.invalid = append(h.invalid, invalidValue{value: value, beside: beside, names: names})
	return h
}

// unindexed returns the path as the documentation writes it.
func unindexed(node schemaNode) string { return kin(node.relative) }

// hintOf returns the hint for the path of a node, or else for the path that all probes share.
func hintOf(node schemaNode) (leafHint, bool) {
	if hint, found := leafHints[node.relative]; found {
		return hint, true
	}
	hint, found := leafHints[kin(node.relative)]
	return hint, found
}

// leafHints merges all tables.
var leafHints = func() map[string]leafHint {
	all := map[string]leafHint{}
	for _, table := range []map[string]leafHint{
		imageHints, envHints, portHints, numberHints, resourceHints, probeHints, volumeHints, rolloutHints, templateHints,
	} {
		for path, hint := range table {
			if _, twice := all[path]; twice {
				panic("two hints for " + path)
			}
			maps.Copy(all, map[string]leafHint{path: hint})
		}
	}
	return all
}()

var imageHints = map[string]leafHint{
	"image": valid("my-app:2", "registry.example.com:5000/team/app:1.4.2@sha256:"+strings.Repeat("0", 64)).
		bad("https://registry.example.com/team/app:1", "my app", " my-app:1", "my-app:1\n", "My-App:1", "my-app:", "my-app:1:2",
			"my-app@sha256:abc"),
	"imagePullPolicy":         valid("Always", "Never").asBefore("IfNotPresent"),
	"imagePullSecrets[].name": valid("walk-a", "walk-b"),
	"imagePullSecrets":        valid().bad([]any{fragment{"name": "a"}, fragment{"name": "a"}}),
	"serviceAccountName":      valid("walk-a", "walk-b").bad("Not_A_Name", "a b").badAs("missing", "serviceaccount"),
	"command[]":               valid("a", "$(A) b"),
	"args[]":                  valid("a", ""),
	"workingDir":              valid("/a", "relative/b"),
}

var portHints = map[string]leafHint{
	"ports": valid([]any{}, parseLeaf(`[{name: http, containerPort: 80}, {containerPort: 81}]`)).
		badAs(parseLeaf(`[{name: a, containerPort: 80}, {name: a, containerPort: 81}]`), "two ports have the same name").
		badAs(parseLeaf(`[{containerPort: 80, servicePort: 90}, {containerPort: 90}]`), "servicePort").
		badAs(parseLeaf(`[{name: http}]`), "containerPort"),
	"ports[].name":          valid("web", "1-a").bad("http--a", "80", "port-80"),
	"ports[].containerPort": valid(int64(81), int64(65535)),
	"ports[].servicePort":   valid(int64(81), int64(1)).asBefore(int64(80)),
	"ports[].protocol":      valid("UDP", "SCTP").asBefore("TCP"),
	"ports[].appProtocol":   valid("http", "kubernetes.io/h2c").bad("not a protocol", "/h2c"),
	"service.type":          valid("NodePort", "LoadBalancer").asBefore("ClusterIP").bad("ExternalName"),
	"service.annotations{}": valid("a", "").
		badAs(int64(1), "annotations"),
	"service.annotations": valid().bad(fragment{"not a key": "a"}, fragment{"": "a"}),
	"service.loadBalancerClass": valid("example.com/a", "walk").with(`service: {type: LoadBalancer}`).
		bad("example.com/a").
		badWith("not a class", `service: {type: LoadBalancer}`, "loadBalancerClass"),
}

var numberHints = map[string]leafHint{
	"replicas":                            valid(int64(2), int64(0)),
	"autoscaling":                         valid().badWith(fragment{"maxReplicas": int64(3)}, `replicas: 1`, "replicas"),
	"autoscaling.minReplicas":             valid(int64(2), int64(3)).asBefore(int64(1)).bad(int64(4)),
	"autoscaling.maxReplicas":             valid(int64(4), int64(2147483647)),
	"autoscaling.targetCPUUtilization":    valid(int64(1), int64(200)),
	"autoscaling.targetMemoryUtilization": valid(int64(1), int64(200)),
	"disruptionBudget.maxUnavailable":     valid(int64(2), "30%", int64(0)).asBefore(int64(1)).bad(int64(-1), "101%", "1"),
	"disruptionBudget.minAvailable":       valid(int64(1), "100%").bad(int64(-1), "101%", "1"),
	"disruptionBudget": valid().
		bad(parseLeaf(`{maxUnavailable: 1, minAvailable: 1}`), parseLeaf(`{minAvailable: 1, disabled: true}`)),
	"resources.limits{}":   valid("3", int64(4)).badAs("1m", "cpu limit of 1m").bad("-1").badAs("", "limits"),
	"resources.requests{}": valid("200m", int64(1)).bad("3", "-1"),
	"resources.claims[].name": valid("other").onlyBecause("each needs its own claim in podTemplate").
		bad("missing").badAs("", "claims"),
	"resources.claims[].request": valid("walk-a", "walk-b").bad("Not_A_Name"),
	"resources.claims":           valid().bad(parseLeaf(`[{name: base}, {name: base}]`)),
	"components[].name":          valid("walk-a", "walk-b").bad("main", strings.Repeat("a", 60)),
	"components": valid([]any{}, parseLeaf(`[{name: a, replicas: 0}, {name: b, replicas: 0, image: "my-app:2"}]`)).
		bad(parseLeaf(`[{name: a}, {name: a}]`)).badAs(parseLeaf(`[{replicas: 1}]`), "name"),
}

var resourceHints = map[string]leafHint{
	"resources.limits": valid(parseLeaf(`{cpu: "2", memory: 1Gi}`), parseLeaf(`{cpu: "2", example.com/gpu: 1}`)).with("replicas: 0").
		badAs(parseLeaf(`{not a resource: "1"}`), "limits", "not a resource"),
	"resources.requests": valid(parseLeaf(`{cpu: 100m, memory: 64Mi}`)).badAs(parseLeaf(`{disk: "1"}`), "requests"),
}

var rolloutHints = map[string]leafHint{
	"rollout": valid().
		badAs(parseLeaf(`{strategy: Recreate, maxSurge: 1}`), "maxSurge").
		badAs(parseLeaf(`{maxSurge: 0}`), "maxUnavailable").
		badAs(parseLeaf(`{maxSurge: 0%, maxUnavailable: 0}`), "maxUnavailable").
		badAs(parseLeaf(`{minReadySeconds: 600}`), "progressDeadlineSeconds"),
	"rollout.strategy":                valid("Recreate").asBefore("RollingUpdate"),
	"rollout.maxSurge":                valid(int64(1), "9999%").asBefore("25%").bad(int64(-1), "1", "10000%", int64(0)),
	"rollout.maxUnavailable":          valid(int64(1), "100%").asBefore(int64(0)).bad(int64(-1), "1", "101%"),
	"rollout.minReadySeconds":         valid(int64(1), int64(599)).bad(int64(600)).asBefore(int64(0)),
	"rollout.progressDeadlineSeconds": valid(int64(1), int64(900)).asBefore(int64(600)),
	"rollback.toRevision":             valid(int64(2), int64(3)).bad(int64(4), int64(99)),
	"rollback.fromRevision":           valid(int64(2), int64(3)).bad(int64(1), int64(99)),
	"rollback.cause":                  valid("because", "of \"this\"\nand that"),
	"revisionHistoryLimit":            valid(int64(1), int64(100)).asBefore(int64(10)),
}
