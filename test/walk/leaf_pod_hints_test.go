// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"fmt"
	"strings"
)

// Values of Kubernetes' own fields of containers, probes and volumes that cannot be derived from their schemas.

var envHints = map[string]leafHint{
	"env": valid(parseLeaf(`[{name: B, value: b}, {name: A, value: $(B)}]`)).
		bad(parseLeaf(`[{name: A, value: a}, {name: A, value: b}]`)).
		badAs(parseLeaf(`[{value: a}]`), "name"),
	"env[].name":      valid("B", "lower.case-1").bad("", "a=b"),
	"env[].value":     valid("b", ""),
	"env[].valueFrom": valid().badWith(fragment{}, `env: [{name: A}]`).bad(parseLeaf(`{fieldRef: {fieldPath: metadata.name}}`)),

	"env[].valueFrom.configMapKeyRef.name": valid("walk-a", "walk-b").bad("").
		badAs("Not_A_Name", `ConfigMap "Not_A_Name" does not exist`).badAs("missing", `ConfigMap "missing" does not exist`),
	"env[].valueFrom.configMapKeyRef.key":      valid("a", "b.c").bad("", "not a key", ".."),
	"env[].valueFrom.configMapKeyRef.optional": valid(true, false),
	"env[].valueFrom.secretKeyRef.name":        valid("walk-a", "walk-b").bad("", "Not_A_Name"),
	"env[].valueFrom.secretKeyRef.key":         valid("a", "b.c").bad("", "not a key", ".."),
	"env[].valueFrom.secretKeyRef.optional":    valid(true, false),
	"env[].valueFrom.fieldRef.apiVersion": valid().asBefore("v1").onlyBecause("pods have one version").
		badAs("v2", "unsupported pod version: v2").badAs("apps/v1", "unsupported pod version: apps/v1"),
	"env[].valueFrom.fieldRef.fieldPath": valid("status.podIP", "metadata.annotations['a']").bad("", "metadata.nothing"),
	"env[].valueFrom.fileKeyRef.key":     valid("A", "B").bad("", "a=b"),
	"env[].valueFrom.fileKeyRef.path":    valid("a", "b/c").bad("", "../a"),
	"env[].valueFrom.fileKeyRef.volumeName": valid("other").onlyBecause("each needs its own volume").
		bad("", "missing", "Not_A_Name"),
	"env[].valueFrom.resourceFieldRef.containerName": valid("app", "other"),
	"env[].valueFrom.resourceFieldRef.divisor":       valid("1m", int64(1)).bad("3"),
	"env[].valueFrom.resourceFieldRef.resource":      valid("limits.memory", "requests.cpu").bad("", "limits.disk"),

	"envFrom": valid([]any{}, parseLeaf(`[{configMapRef: {name: base}}, {secretRef: {name: base}}]`)).
		bad(parseLeaf(`[{}]`), parseLeaf(`[{configMapRef: {name: base}, secretRef: {name: b}}]`)),
	"envFrom[].configMapRef.name": valid("walk-a", "walk-b").bad("").
		badAs("Not_A_Name", `ConfigMap "Not_A_Name" does not exist`).badAs("missing", `ConfigMap "missing" does not exist`),
	"envFrom[].configMapRef.optional": valid(true, false),
	"envFrom[].secretRef.name":        valid("walk-a", "walk-b").bad("", "Not_A_Name"),
	"envFrom[].secretRef.optional":    valid(true, false),
	"envFrom[].prefix":                valid("A_", "lower.").bad("a=b"),
}

var probeHints = map[string]leafHint{
	"probe": valid(parseLeaf(`{exec: {command: [a]}}`), parseLeaf(`{grpc: {port: 81}}`)).
		bad(parseLeaf(`{periodSeconds: 1}`), parseLeaf(`{exec: {command: [a]}, tcpSocket: {port: 80}}`)),
	"probe.exec.command[]":      valid("a", "b c"),
	"probe.exec":                valid().badAs(parseLeaf(`{command: []}`), "command"),
	"probe.failureThreshold":    valid(int64(1), int64(7)).asBefore(int64(3)).bad(int64(-1)),
	"probe.initialDelaySeconds": valid(int64(1), int64(7)).asBefore(int64(0)).bad(int64(-1)),
	"probe.periodSeconds":       valid(int64(1), int64(7)).asBefore(int64(10)).bad(int64(-1)),
	"probe.timeoutSeconds":      valid(int64(2), int64(7)).asBefore(int64(1)).bad(int64(-1)),
	"probe.successThreshold": valid().asBefore(int64(1)).onlyBecause("the API server accepts only 1").
		bad(int64(2), int64(-1)),
	"readinessProbe.successThreshold":              valid(int64(2), int64(7)).asBefore(int64(1)).bad(int64(-1)),
	"probe.terminationGracePeriodSeconds":          valid(int64(1), int64(7)).bad(int64(0), int64(-1)),
	"readinessProbe.terminationGracePeriodSeconds": valid().onlyBecause("readiness probes never terminate a container").bad(int64(1)),

	"probe.grpc.port":    valid(int64(81), int64(65535)).bad(int64(0), int64(65536), int64(-1)),
	"probe.grpc.service": valid("a", "a.b/C").asBefore(""),
	"probe.grpc.mode":    valid("TLS", "Plaintext"),

	"probe.httpGet.host":                valid("example.com", "192.0.2.1"),
	"probe.httpGet.path":                valid("/a", "/b?c=d"),
	"probe.httpGet.port":                valid(int64(81), "port-80").bad("other", int64(0), int64(65536), "", "Not_A_Port", "a--b"),
	"probe.httpGet.scheme":              valid("HTTPS").asBefore("HTTP").bad("http", "FTP"),
	"probe.httpGet.protocol":            valid("HTTP1", "HTTP2"),
	"probe.httpGet.httpHeaders[].name":  valid("X-A", "Host").badAs("", "httpHeaders").badAs("a b", "httpHeaders"),
	"probe.httpGet.httpHeaders[].value": valid("a", ""),

	"probe.tcpSocket.host": valid("example.com", "192.0.2.1"),
	"probe.tcpSocket.port": valid(int64(81), "port-80").bad("other", int64(0), int64(65536), "", "Not_A_Port"),
}

var volumeHints = map[string]leafHint{
	"volumes": valid([]any{}, parseLeaf(`[{name: base, mountPath: /base, emptyDir: {}}, {name: a, mountPath: /a, secret: {secretName: a}}]`)).
		bad(parseLeaf(`[{name: a, mountPath: /a, emptyDir: {}}, {name: a, mountPath: /b, emptyDir: {}}]`)).
		badAs(parseLeaf(`[{name: a, mountPath: /a, emptyDir: {}}, {name: b, mountPath: /a, emptyDir: {}}]`), "mountPath").
		badAs(parseLeaf(`[{name: a, emptyDir: {}}]`), "mountPath").
		badAs(parseLeaf(`[{name: a, mountPath: /a}]`), "source").
		badAs(parseLeaf(`[{name: a, mountPath: /a, emptyDir: {}, secret: {secretName: b}}]`), "source"),
	"volumes[].mountPath": valid("/a", "/b/c").bad("/a:b"),
	"volumes[].subPath":   valid("a", "b/c").bad("/a", "../a"),

	"volumes[].configMap.name": valid("walk-a", "walk-b").bad("").
		badAs("Not_A_Name", `ConfigMap "Not_A_Name" does not exist`).badAs("missing", `ConfigMap "missing" does not exist`),
	"volumes[].configMap.optional":     valid(true, false),
	"volumes[].configMap.defaultMode":  valid(int64(256), int64(0)).asBefore(int64(420)).bad(int64(-1), int64(512)),
	"volumes[].configMap.defaultUser":  valid(int64(1), int64(1000)),
	"volumes[].configMap.items[].key":  valid("a", "b.c").bad(""),
	"volumes[].configMap.items[].path": valid("a", "b/c").bad("", "../a", "/a"),
	"volumes[].configMap.items[].mode": valid(int64(256), int64(0)).bad(int64(-1), int64(512)),
	"volumes[].configMap.items[].user": valid(int64(1), int64(1000)),
	"volumes[].secret.secretName":      valid("walk-a", "walk-b").bad(""),
	"volumes[].secret.optional":        valid(true, false),
	"volumes[].secret.defaultMode":     valid(int64(256), int64(0)).asBefore(int64(420)).bad(int64(-1), int64(512)),
	"volumes[].secret.defaultUser":     valid(int64(1), int64(1000)),
	"volumes[].secret.items[].key":     valid("a", "b.c").bad(""),
	"volumes[].secret.items[].path":    valid("a", "b/c").bad("", "../a", "/a"),
	"volumes[].secret.items[].mode":    valid(int64(256), int64(0)).bad(int64(-1), int64(512)),
	"volumes[].secret.items[].user":    valid(int64(1), int64(1000)),
	"files": valid([]any{}, parseLeaf(`[{path: /a}, {path: /b/c, content: b}]`)).
		bad(parseLeaf(`[{path: /a}, {path: /a}]`)).badAs(parseLeaf(`[{content: a}]`), "path").
		badAs(largeFiles(), "the files of a stack"),
	"files[].path":                 valid("/a", "/b/c.d").bad("a", "/", "/a/", "/a:b", "/a/../b", "/./a", "/a//b"),
	"files[].content":              valid("a", "").bad(strings.Repeat("a", 32769)),
	"files[].mode":                 valid(int64(256), int64(0)).asBefore(int64(420)).bad(int64(-1), int64(512)),
	"volumes[].emptyDir.medium":    valid("Memory", "HugePages").asBefore(""),
	"volumes[].emptyDir.mode":      valid(int64(493), int64(1023)),
	"volumes[].emptyDir.sizeLimit": valid("1Gi", int64(1024)).bad("-1"),

	"volumes[].persistentVolumeClaim.claimName": valid("walk-a", "walk-b").bad(""),
}

// largeFiles are files each of which a stack may have, but not all of them.
func largeFiles() []any {
	var files []any
	for i := range 5 {
		files = append(files, fragment{"path": fmt.Sprintf("/file-%d", i), "content": strings.Repeat("a", 32768)})
	}
	return files
}
