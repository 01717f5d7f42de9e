// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// rule is a test case for a CEL rule, with a spec, as YAML, that it accepts and one that it rejects.
type rule struct {
	// field is the path in the expected error.
	field string
	// message is the whole message of the rule.
	message string
	// acceptedName and rejectedName are the names of the stacks; the default is my-app.
	acceptedName, rejectedName string
	// component is set if the rule applies to every component.
	component          bool
	accepted, rejected string
}

// chars returns a name of n characters.
func chars(n int) string { return strings.Repeat("a", n) }

// nested returns the rule for an additional component.
func (r rule) nested() (rule, bool) {
	r.field = strings.Replace(r.field, "spec", "spec.components[0]", 1)
	r.accepted, r.rejected = asComponent(r.accepted), asComponent(r.rejected)
	return r, r.component
}

func asComponent(spec string) string {
	var component map[string]any
	if err := yaml.Unmarshal([]byte(spec), &component); err != nil {
		panic(err)
	}
	component["name"] = "worker"
	raw, err := yaml.Marshal(map[string]any{"image": "a", "components": []any{component}})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// filesOf returns files with so many characters each, as YAML.
func filesOf(sizes ...int) string {
	var files []string
	for i, size := range sizes {
		files = append(files, fmt.Sprintf("{path: /file-%d, content: %s}", i, chars(size)))
	}
	return "[" + strings.Join(files, ", ") + "]"
}

var rules = []rule{{
	field:    "spec",
	message:  "the files of a stack may have 131072 characters in all: mount larger ones from a ConfigMap",
	accepted: `{image: a, files: ` + filesOf(32768, 32768, 32768) + `, components: [{name: b, files: ` + filesOf(32767, 1) + `}]}`,
	rejected: `{image: a, files: ` + filesOf(32768, 32768, 32768) + `, components: [{name: b, files: ` + filesOf(32767, 2) + `}]}`,
}, {
	field:        "",
	message:      "metadata.name must have at most 63 characters, because the Deployment and the Service carry it: choose a shorter name",
	acceptedName: chars(63),
	accepted:     `{image: a}`,
	rejectedName: chars(64),
	rejected:     `{image: a}`,
}, {
	field: "",
	message: "metadata.name must consist of lower case letters, digits and '-', start with a letter and not end with '-', " +
		"because a Service carries it: choose a name such as my-app",
	acceptedName: "a1-b",
	accepted:     `{image: a}`,
	rejectedName: "1.app",
	rejected:     `{image: a}`,
}, {
	field: "",
	message: "a component's objects are named <stack>-<component>, which must have at most 63 characters: " +
		"shorten metadata.name or spec.components[].name",
	accepted: `{image: a, components: [{name: ` + chars(63-len(app)-1) + `}]}`,
	rejected: `{image: a, components: [{name: ` + chars(63-len(app)) + `}]}`,
}, {
	field:     "spec",
	message:   "replicas and autoscaling exclude each other: remove replicas to let the autoscaler own the number, or remove autoscaling",
	component: true,
	accepted:  `{image: a, autoscaling: {maxReplicas: 3}}`,
	rejected:  `{image: a, replicas: 2, autoscaling: {maxReplicas: 3}}`,
}, {
	field:     "spec.autoscaling",
	message:   "autoscaling.minReplicas must not be greater than maxReplicas: lower minReplicas or raise maxReplicas",
	component: true,
	accepted:  `{image: a, autoscaling: {minReplicas: 3, maxReplicas: 3}}`,
	rejected:  `{image: a, autoscaling: {minReplicas: 4, maxReplicas: 3}}`,
}, {
	field:     "spec.disruptionBudget",
	message:   "disruptionBudget takes one of maxUnavailable, minAvailable and disabled: remove the others",
	component: true,
	accepted:  `{image: a, disruptionBudget: {minAvailable: 1, disabled: false}}`,
	rejected:  `{image: a, disruptionBudget: {minAvailable: 1, maxUnavailable: 1}}`,
}, {
	field:     "spec.disruptionBudget.maxUnavailable",
	message:   "disruptionBudget.maxUnavailable must be a number of pods, such as 1, or a percentage up to 100%",
	component: true,
	accepted:  `{image: a, disruptionBudget: {maxUnavailable: 100%}}`,
	rejected:  `{image: a, disruptionBudget: {maxUnavailable: 101%}}`,
}, {
	field:     "spec.disruptionBudget.minAvailable",
	message:   "disruptionBudget.minAvailable must be a number of pods, such as 1, or a percentage up to 100%",
	component: true,
	accepted:  `{image: a, disruptionBudget: {minAvailable: 0}}`,
	rejected:  `{image: a, disruptionBudget: {minAvailable: -1}}`,
}, {
	field: "spec.image",
	message: "image must be an image reference such as registry.example.com/team/app:1.4.2: " +
		"remove spaces and the scheme (https://)",
	component: true,
	accepted:  `{image: "registry.example.com:5000/team/app:1.4.2@sha256:` + chars(64) + `"}`,
	rejected:  `{image: "https://registry.example.com/team/app:1.4.2"}`,
}, {
	field: "spec.image",
	message: "image must be an image reference such as registry.example.com/team/app:1.4.2: " +
		"remove spaces and the scheme (https://)",
	component: true,
	accepted:  `{image: nginx}`,
	rejected:  `{image: "nginx :1"}`,
}, {
	field: "spec.image",
	message: "image must name a repository in lower case, such as my-app or registry.example.com/team/app " +
		"(the registry's host may have upper case letters): correct what stands before the tag",
	component: true,
	accepted:  `{image: "Registry.Example.com:5000/team/my__app"}`,
	rejected:  `{image: "Nginx:1"}`,
}, {
	field: "spec.image",
	message: "image must have a tag of 1 to 128 letters, digits, '_', '.' and '-' after the ':', such as my-app:1.4.2: " +
		"complete the tag, or remove the ':'",
	component: true,
	accepted:  `{image: "[2001:db8::1]:5000/app:` + chars(128) + `"}`,
	rejected:  `{image: "nginx:"}`,
}, {
	field: "spec.image",
	message: "image must have a whole digest after the '@', such as sha256: and 64 lower case hexadecimal digits: " +
		"copy all of the digest, or remove the '@'",
	component: true,
	accepted:  `{image: "nginx@sha512:` + chars(128) + `"}`,
	rejected:  `{image: "nginx@sha256:abc"}`,
}, {
	field:    "spec.components[0].name",
	message:  "the component name main is taken by the fields at the top of the spec: choose another name",
	accepted: `{image: a, components: [{name: mainly}]}`,
	rejected: `{image: a, components: [{name: main}]}`,
}, {
	field:     "spec.ports",
	message:   "two ports have the same name: give each entry of ports a name of its own",
	component: true,
	accepted:  `{image: a, ports: [{name: http, containerPort: 80}, {containerPort: 81}, {containerPort: 82}]}`,
	rejected:  `{image: a, ports: [{name: http, containerPort: 80}, {name: http, containerPort: 81}]}`,
}, {
	field: "spec.ports",
	message: "two ports are the same on the Service: give each entry of ports another servicePort " +
		"(it defaults to containerPort) or protocol",
	component: true,
	accepted:  `{image: a, ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}, {containerPort: 54, servicePort: 55}]}`,
	rejected:  `{image: a, ports: [{containerPort: 53}, {containerPort: 54, servicePort: 53, protocol: TCP}]}`,
}, {
	field:     "spec.ports[0].name",
	message:   "a port's name must hold a letter and no two '-' in a row: choose a name such as http",
	component: true,
	accepted:  `{image: a, ports: [{name: 8080-http, containerPort: 80}]}`,
	rejected:  `{image: a, ports: [{name: "8080", containerPort: 80}]}`,
}, {
	field:     "spec.ports[0].name",
	message:   "a port's name must hold a letter and no two '-' in a row: choose a name such as http",
	component: true,
	accepted:  `{image: a, ports: [{name: my-http, containerPort: 80}]}`,
	rejected:  `{image: a, ports: [{name: my--http, containerPort: 80}]}`,
}, {
	field:     "spec.ports[0].name",
	message:   "names such as port-80 are given to ports that have none: choose another name, or leave it out",
	component: true,
	accepted:  `{image: a, ports: [{name: port-a, containerPort: 80}]}`,
	rejected:  `{image: a, ports: [{name: port-7, containerPort: 80}]}`,
}, {
	field:     "spec.service",
	message:   "service.loadBalancerClass belongs to type LoadBalancer: set service.type to LoadBalancer, or remove loadBalancerClass",
	component: true,
	accepted:  `{image: a, service: {type: LoadBalancer, loadBalancerClass: example.com/lb}}`,
	rejected:  `{image: a, service: {loadBalancerClass: example.com/lb}}`,
}, {
	field:     "spec.volumes",
	message:   "two volumes have the same mountPath: give each entry of volumes a mountPath of its own",
	component: true,
	accepted:  `{image: a, volumes: [{name: v, mountPath: /v, emptyDir: {}}, {name: w, mountPath: /w, emptyDir: {}}]}`,
	rejected:  `{image: a, volumes: [{name: v, mountPath: /v, emptyDir: {}}, {name: w, mountPath: /v, emptyDir: {}}]}`,
}, {
	field:     "spec.volumes[0]",
	message:   "a volume has exactly one source: set one of configMap, secret, emptyDir and persistentVolumeClaim",
	component: true,
	accepted:  `{image: a, volumes: [{name: v, mountPath: /v, configMap: {name: c}}]}`,
	rejected:  `{image: a, volumes: [{name: v, mountPath: /v, configMap: {name: c}, emptyDir: {}}]}`,
}, {
	field:     "spec.volumes[0]",
	message:   "a volume has exactly one source: set one of configMap, secret, emptyDir and persistentVolumeClaim",
	component: true,
	accepted:  `{image: a, volumes: [{name: v, mountPath: /v, persistentVolumeClaim: {claimName: c}}]}`,
	rejected:  `{image: a, volumes: [{name: v, mountPath: /v}]}`,
}, {
	field:     "spec.volumes[0].mountPath",
	message:   "volumes[].mountPath must not hold a ':': choose another path",
	component: true,
	accepted:  `{image: a, volumes: [{name: v, mountPath: relative/path, secret: {secretName: s}}]}`,
	rejected:  `{image: a, volumes: [{name: v, mountPath: "/v:ro", secret: {secretName: s}}]}`,
}, {
	field: "spec.rollback",
	message: "rollback.fromRevision and rollback.toRevision must differ: " +
		"name the revision to leave in fromRevision, and the one to run in toRevision",
	accepted: `{image: a, rollback: {toRevision: 1, fromRevision: 2}}`,
	rejected: `{image: a, rollback: {toRevision: 1, fromRevision: 1}}`,
}, {
	field:    "spec.rollout",
	message:  "maxSurge and maxUnavailable belong to strategy RollingUpdate: remove them, or the strategy Recreate",
	accepted: `{image: a, rollout: {strategy: RollingUpdate, maxSurge: 1}}`,
	rejected: `{image: a, rollout: {strategy: Recreate, maxSurge: 1}}`,
}, {
	field: "spec.rollout",
	message: "maxSurge and maxUnavailable cannot both be 0, as no pod could ever be replaced " +
		"(maxUnavailable defaults to 0): raise one of them",
	accepted: `{image: a, rollout: {maxSurge: 0, maxUnavailable: 1}}`,
	rejected: `{image: a, rollout: {maxSurge: 0%}}`,
}, {
	field: "spec.rollout",
	message: "progressDeadlineSeconds (600 where left out) must be greater than minReadySeconds: " +
		"raise the deadline or lower minReadySeconds",
	accepted: `{image: a, rollout: {minReadySeconds: 599}}`,
	rejected: `{image: a, rollout: {minReadySeconds: 600}}`,
}, {
	field:    "spec.rollout.maxSurge",
	message:  "maxSurge must be a number of pods, such as 1, or a percentage, such as 25%",
	accepted: `{image: a, rollout: {maxSurge: 200%}}`,
	rejected: `{image: a, rollout: {maxSurge: "25"}}`,
}, {
	field:    "spec.rollout.maxUnavailable",
	message:  "maxUnavailable must be a number of pods, such as 1, or a percentage up to 100%",
	accepted: `{image: a, rollout: {maxUnavailable: 100%}}`,
	rejected: `{image: a, rollout: {maxUnavailable: 200%}}`,
}}

// schemaCase is a spec, as YAML, that the schema rejects.
type schemaCase struct{ field, message, rejected string }

var schemaCases = []schemaCase{
	{"spec.image", "Required value", `{replicas: 3}`},
	{"spec.image", "should be at least 1 chars long", `{image: ""}`},
	{"spec.files[0].content", "may not be more than 32768", `{image: a, files: ` + filesOf(32769) + `}`},
	{"spec.files[0].path", "should match", `{image: a, files: [{path: a/b}]}`},
	{"spec.files[0].path", "should match", `{image: a, files: [{path: /a/../b}]}`},
	{"spec.files[0].mode", "should be less than or equal to 511", `{image: a, files: [{path: /a, mode: 512}]}`},
	{"spec.config.onChange", "Unsupported value", `{image: a, config: {onChange: Never}}`},
	{"spec.config.live[0]", "should match", `{image: a, config: {live: [A]}}`},
	{"spec.image", "may not be more than 1024", `{image: ` + chars(1025) + `}`},
	{"spec.imagePullPolicy", `"Always", "IfNotPresent", "Never"`, `{image: a, imagePullPolicy: Sometimes}`},
	{"spec.imageResolution", `"Digest", "Tag"`, `{image: a, imageResolution: Maybe}`},
	{"spec.replicas", "should be greater than or equal to 0", `{image: a, replicas: -1}`},
	{"spec.ports[0].containerPort", "Required value", `{image: a, ports: [{name: http}]}`},
	{"spec.ports[0].containerPort", "should be greater than or equal to 1", `{image: a, ports: [{containerPort: 0}]}`},
	{"spec.ports[0].containerPort", "should be less than or equal to 65535", `{image: a, ports: [{containerPort: 65536}]}`},
	{"spec.ports[0].servicePort", "should be less than or equal to 65535", `{image: a, ports: [{containerPort: 1, servicePort: 65536}]}`},
	{"spec.ports[0].protocol", `"TCP", "UDP", "SCTP"`, `{image: a, ports: [{containerPort: 1, protocol: HTTP}]}`},
	{"spec.ports[0].name", "may not be more than 15", `{image: a, ports: [{containerPort: 1, name: ` + chars(16) + `}]}`},
	{"spec.ports[0].name", "should match", `{image: a, ports: [{containerPort: 1, name: HTTP}]}`},
	{"spec.service.type", `"ClusterIP", "NodePort", "LoadBalancer"`, `{image: a, service: {type: ExternalName}}`},
	{"spec.autoscaling.maxReplicas", "Required value", `{image: a, autoscaling: {minReplicas: 1}}`},
	{"spec.autoscaling.minReplicas", "should be greater than or equal to 1", `{image: a, autoscaling: {minReplicas: 0, maxReplicas: 1}}`},
	{"spec.autoscaling.targetCPUUtilization", "should be greater than or equal to 1",
		`{image: a, autoscaling: {maxReplicas: 1, targetCPUUtilization: 0}}`},
	{"spec.volumes[0].mountPath", "Required value", `{image: a, volumes: [{name: v, emptyDir: {}}]}`},
	{"spec.volumes[1]", "Duplicate value",
		`{image: a, volumes: [{name: v, mountPath: /v, emptyDir: {}}, {name: v, mountPath: /w, emptyDir: {}}]}`},
	{"spec.env[1]", "Duplicate value", `{image: a, env: [{name: A, value: b}, {name: A, value: c}]}`},
	{"spec.components[0].name", "Required value", `{image: a, components: [{replicas: 1}]}`},
	{"spec.components[0].name", "should match", `{image: a, components: [{name: Worker}]}`},
	{"spec.components[1]", "Duplicate value", `{image: a, components: [{name: b}, {name: b}]}`},
	{"spec.components", "must have at most 20 items", `{image: a, components: [` + strings.Repeat(`{name: b},`, 21) + `]}`},
	{"spec.rollout.strategy", `"RollingUpdate", "Recreate"`, `{image: a, rollout: {strategy: BlueGreen}}`},
	{"spec.rollout.onFailure", `"Rollback", "Hold"`, `{image: a, rollout: {onFailure: Panic}}`},
	{"spec.rollout.failureDetection", `"PodState", "DeadlineOnly"`, `{image: a, rollout: {failureDetection: Never}}`},
	{"spec.rollout.minReadySeconds", "should be greater than or equal to 0", `{image: a, rollout: {minReadySeconds: -1}}`},
	{"spec.rollout.progressDeadlineSeconds", "should be greater than or equal to 1", `{image: a, rollout: {progressDeadlineSeconds: 0}}`},
	{"spec.rollback.toRevision", "Required value", `{image: a, rollback: {fromRevision: 1}}`},
	{"spec.rollback.toRevision", "should be greater than or equal to 1", `{image: a, rollback: {toRevision: 0}}`},
	{"spec.restartedAt", "must be of type date-time", `{image: a, restartedAt: yesterday}`},
	{"spec.revisionHistoryLimit", "should be greater than or equal to 1", `{image: a, revisionHistoryLimit: 0}`},
	{"spec.revisionHistoryLimit", "should be less than or equal to 100", `{image: a, revisionHistoryLimit: 101}`},
	{"spec.podTemplate", "must be of type object", `{image: a, podTemplate: text}`},
}

// everything sets all fields that can be set together.
const everything = `
image: registry.example.com/team/app:1.4.2
imagePullPolicy: IfNotPresent
command: [run]
args: ["--fast"]
workingDir: /srv
env: [{name: A, value: b}, {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
envFrom: [{configMapRef: {name: c}}, {secretRef: {name: s}}]
ports: [{name: http, containerPort: 8080, servicePort: 80, protocol: TCP, appProtocol: http}]
service: {type: LoadBalancer, loadBalancerClass: example.com/lb, annotations: {example.com/a: b}}
replicas: 3
resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
readinessProbe: {httpGet: {path: /ready, port: http}}
livenessProbe: {httpGet: {path: /live, port: 8080}}
startupProbe: {exec: {command: ["true"]}}
volumes: [{name: cache, mountPath: /cache, subPath: a, readOnly: true, emptyDir: {sizeLimit: 1Gi}}]
files: [{path: /etc/app/app.conf, content: "color = blue", mode: 256}, {path: /.../..a/.b}]
disruptionBudget: {maxUnavailable: 50%}
podTemplate: {spec: {priorityClassName: high}}
components:
- name: worker
  image: registry.example.com/team/worker:1
  args: [work]
  autoscaling: {minReplicas: 1, maxReplicas: 5, targetCPUUtilization: 60, targetMemoryUtilization: 70}
  disruptionBudget: {disabled: true}
imagePullSecrets: [{name: registry}]
serviceAccountName: app
imageResolution: Tag
config: {onChange: NextRelease, live: [web, a.b-c]}
rollout: {strategy: RollingUpdate, maxSurge: 1, maxUnavailable: 25%, minReadySeconds: 5, progressDeadlineSeconds: 120,
  onFailure: Hold, failureDetection: DeadlineOnly}
rollback: {toRevision: 4, fromRevision: 5}
restartedAt: "2026-01-01T00:00:00Z"
paused: true
revisionHistoryLimit: 5
`
