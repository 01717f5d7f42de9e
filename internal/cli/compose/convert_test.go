// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/internal/cli/compose"
)

// fromText converts a Compose file of project p to stacks.
func fromText(t *testing.T, text string, options compose.Options) compose.Result {
	t.Helper()
	alone(t)
	options.ProjectName = "p"
	project, err := compose.Load(t.Context(), []string{"-"}, strings.NewReader(text), options)
	if err != nil {
		t.Fatal(err)
	}
	result, err := compose.Convert(project, options)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestSpec checks how fields of the service map to the spec of stack web. Every case also has an
// image and one replica.
func TestSpec(t *testing.T) {
	tests := map[string]struct {
		service string // fields of service web
		want    string // fields of the spec
		notes   string // one per line
	}{
		"an image": {},
		"ports, each once": {
			service: `ports: ["80:80", "80:80/udp", "81:80", "7000-7001", "8443"]`,
			want: "ports: [{containerPort: 80}, {containerPort: 80, protocol: UDP}, " +
				"{containerPort: 7000}, {containerPort: 7001}, {containerPort: 8443}]",
			notes: published("80, 81", "web:80", "8080:80") +
				"\nweb: ports: published as 80 on the host: in the cluster it is web:80 (UDP); " +
				"to reach it from outside, set service.type: LoadBalancer\n" +
				published("a random port", "web:7000", "7000:7000") + "\n" + published("a random port", "web:7001", "7001:7001") + "\n" +
				published("a random port", "web:8443", "8443:8443"),
		},
		"a port of the same number": {
			service: `ports: ["5432:5432"]`, want: `ports: [{containerPort: 5432}]`, notes: published("5432", "web:5432", "5432:5432"),
		},
		"a port that only root may listen on": {
			service: `ports: ["443:443"]`, want: `ports: [{containerPort: 443}]`, notes: published("443", "web:443", "8443:443"),
		},
		"a range of the host for one port": {
			service: `ports: ["8000-8010:80"]`, want: `ports: [{containerPort: 80}]`,
			notes: published("8000-8010", "web:80", "8000:80"),
		},
		"names of ports": {
			service: "ports: [{name: http, target: 80}, {name: http, target: 81}, {name: port-1, target: 82}, " +
				"{name: grpc, target: 83, app_protocol: grpc}]",
			want: "ports: [{name: http, containerPort: 80}, {containerPort: 81}, {containerPort: 82}, " +
				"{name: grpc, containerPort: 83, appProtocol: grpc}]",
			notes: "web: ports.name: http is no name that a port of AppStack can have: it has none, and gets one by its number\n" +
				"web: ports.name: port-1 is no name that a port of AppStack can have: it has none, and gets one by its number\n" +
				published("a random port", "web:80", "8080:80") + "\n" + published("a random port", "web:81", "8081:81") + "\n" +
				published("a random port", "web:82", "8082:82") + "\n" + published("a random port", "web:83", "8083:83"),
		},
		"expose": {
			service: `expose: [3000, "3001-3002", "53/udp"]`,
			want:    `ports: [{containerPort: 3000}, {containerPort: 3001}, {containerPort: 3002}, {containerPort: 53, protocol: UDP}]`,
		},
		"a port twice": {
			service: "{ports: ['80'], expose: ['80']}", want: `ports: [{containerPort: 80}]`, notes: published("a random port", "web:80", "8080:80"),
		},
		"more ports than there can be": {
			service: `expose: ["1-21"]`,
			want: "ports: [{containerPort: 1}, {containerPort: 2}, {containerPort: 3}, {containerPort: 4}, {containerPort: 5}, " +
				"{containerPort: 6}, {containerPort: 7}, {containerPort: 8}, {containerPort: 9}, " +
				"{containerPort: 10}, {containerPort: 11}, {containerPort: 12}, " +
				"{containerPort: 13}, {containerPort: 14}, {containerPort: 15}, {containerPort: 16}, {containerPort: 17}, {containerPort: 18}, " +
				"{containerPort: 19}, {containerPort: 20}]",
			notes: "web: ports: 21 ports, and AppStack takes 20: those from 21 on are left out",
		},
		"commands to the letter": {
			service: `{entrypoint: ["sh", "-c"], command: ["echo $$(date) $$$$ $$HOME"]}`,
			want:    `{command: [sh, -c], args: ["echo $$(date) $$$ $HOME"]}`,
		},
		"no entrypoint, and a command": {service: `{entrypoint: [], command: [run, it]}`, want: `command: [run, it]`},
		"no command": {
			service: `command: []`, notes: "web: command: clearing the image's CMD is not carried over: name the program to run in command",
		},
		"an entrypoint without the image's CMD": {service: `{entrypoint: [run], command: []}`, want: `command: [run]`},
		"pull policies":                         {service: "pull_policy: if_not_present", want: "imagePullPolicy: IfNotPresent"},
		"a folder":                              {service: "working_dir: /app", want: "workingDir: /app"},
		"a check": {
			service: `healthcheck: {test: ["CMD", "check"], interval: 500ms, timeout: 1500ms, retries: 2, start_period: 1m, start_interval: 3s}`,
			want:    "readinessProbe: {exec: {command: [check]}, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 2}",
		},
		"a check by its defaults": {
			service: `healthcheck: {test: "check || exit 1"}`,
			want: "readinessProbe: {exec: {command: [/bin/sh, -c, 'check || exit 1']}, " +
				"periodSeconds: 5, timeoutSeconds: 30, failureThreshold: 3}",
		},
		"times of the image's check": {
			service: "healthcheck: {interval: 5s}",
			notes:   "web: healthcheck: without a test it changes the times of the image's HEALTHCHECK: write the whole check in readinessProbe",
		},
		"a check without a command": {
			service: "healthcheck: {test: [CMD]}", notes: "web: healthcheck.test: it has no command: set readinessProbe",
		},
		"resources of old": {
			service: "{mem_limit: 1g, mem_reservation: 512m, cpus: 0.001}",
			want:    "resources: {limits: {cpu: 1m, memory: 1Gi}, requests: {memory: 512Mi}}",
		},
		"replicas":     {service: "deploy: {replicas: 0}", want: "replicas: 0"},
		"a scale":      {service: "scale: 4", want: "replicas: 4"},
		"root by name": {service: "user: root", want: "podTemplate: {spec: {containers: [{name: app, securityContext: {runAsUser: 0}}]}}"},
		"a user's group": {
			service: "user: '7:0'",
			want:    "podTemplate: {spec: {containers: [{name: app, securityContext: {runAsUser: 7, runAsGroup: 0}}]}}",
		},
		"hosts of one address": {
			service: `extra_hosts: ["b=10.0.0.1", "a=10.0.0.1", "c=fd00::1"]`,
			want:    "podTemplate: {spec: {hostAliases: [{ip: 10.0.0.1, hostnames: [a, b]}, {ip: 'fd00::1', hostnames: [c]}]}}",
		},
		"time to end, after the pause": {service: "{stop_grace_period: 1s, expose: [80]}",
			want: "{ports: [{containerPort: 80}], podTemplate: {spec: {terminationGracePeriodSeconds: 6}}}"},
		"time to end without ports": {
			service: "{stop_grace_period: 1500ms, command: [work]}", want: "{args: [work], podTemplate: {spec: {terminationGracePeriodSeconds: 2}}}",
		},
		"rollouts": {
			service: "deploy: {update_config: {parallelism: 3, order: start-first, failure_action: rollback, monitor: 5s}}",
			want:    "rollout: {maxSurge: 3, minReadySeconds: 5}",
		},
		"a claim leaves no room for a surge": {
			service: "{volumes: ['/data', 'data:/d'], deploy: {update_config: {parallelism: 3}}}",
			want: "{rollout: {strategy: Recreate}, volumes: [{name: data, mountPath: /data, emptyDir: {}}, " +
				"{name: data-2, mountPath: /d, persistentVolumeClaim: {claimName: p-data}}]}",
			notes: claimNote + "\nweb: volumes: /data is empty at first, and Docker fills it with what the image has there: where that is needed, " +
				"remove the volume\n" +
				"web: deploy.update_config.parallelism: it is not carried over: with a claim, all pods are replaced at once",
		},
		"a claim that is there already": {
			service: "volumes: ['there:/d']",
			want:    "{rollout: {strategy: Recreate}, volumes: [{name: there, mountPath: /d, persistentVolumeClaim: {claimName: there}}]}",
			notes: "volumes.there: it is external: a PersistentVolumeClaim named there must be there\n" +
				"web: volumes: rollout.strategy is Recreate, as two pods should not share a claim: " +
				"if it is of access mode ReadWriteMany, the strategy may be RollingUpdate",
		},
		"a claim that is there already, and one that is not": {
			service: "volumes: ['data:/d', 'there:/e']",
			want: "{rollout: {strategy: Recreate}, volumes: [{name: data, mountPath: /d, persistentVolumeClaim: {claimName: p-data}}, " +
				"{name: there, mountPath: /e, persistentVolumeClaim: {claimName: there}}]}",
			notes: "volumes.there: it is external: a PersistentVolumeClaim named there must be there\n" + claimNote,
		},
		"a claim twice": {
			service: "volumes: ['data:/d', 'data:/e']",
			want: "{rollout: {strategy: Recreate}, volumes: [{name: data, mountPath: /d, persistentVolumeClaim: {claimName: p-data}}, " +
				"{name: data-2, mountPath: /e, persistentVolumeClaim: {claimName: p-data}}]}",
			notes: claimNote,
		},
		"one path twice": {
			service: "{tmpfs: [/run/secrets/token], secrets: [token]}",
			want:    "volumes: [{name: token, mountPath: /run/secrets/token, emptyDir: {medium: Memory}}]",
			notes: "secrets.token: make it first: kubectl create secret generic p-token --from-literal=token=\"$TOKEN\"\n" +
				"web: secrets: /run/secrets/token is left out: token is mounted there already",
		},
		"text that would leave the comment": {
			service: `user: "x\n---\nkind: Secret"`,
			notes: "web: user: x --- kind: Secret is a name, and Kubernetes takes numbers: set runAsUser and runAsGroup in podTemplate; " +
				"id x --- kind tells them in a container",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result := fromText(t, file(t, test.service), compose.Options{})
			spec := toMap(t, stacks(result)["web"])["spec"]
			want := map[string]any{"image": "web:1", "replicas": 1.0}
			if err := yaml.Unmarshal([]byte(test.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(any(want), spec); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
			var notes []string
			for _, note := range result.Notes {
				notes = append(notes, note.String())
			}
			if diff := cmp.Diff(test.notes, strings.Join(notes, "\n")); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// claimNote is the note on the claim of volume data.
const claimNote = "volumes.data: the claim p-data is empty at first, and Docker fills a volume with what the image has there; " +
	"its root may hold lost+found (set subPath) and belongs to root (for another user set podTemplate.spec.securityContext.fsGroup)"

// published returns the note on a TCP port of web that is published on the host.
func published(as, address, forwarded string) string {
	return "web: ports: published as " + as + " on the host: in the cluster it is " + address + "; kubectl port-forward svc/web " +
		forwarded + ", or set service.type: LoadBalancer"
}

// file returns a Compose file with service web.
func file(t *testing.T, service string) string {
	t.Helper()
	fields := map[string]any{"image": "web:1"}
	if err := yaml.Unmarshal([]byte(service), &fields); err != nil {
		t.Fatal(err)
	}
	raw, err := yaml.Marshal(map[string]any{
		"services": map[string]any{"web": fields}, "volumes": map[string]any{"data": nil, "there": map[string]any{"external": true}},
		"secrets": map[string]any{"token": map[string]any{"environment": "TOKEN"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func toMap(t *testing.T, value any) map[string]any {
	t.Helper()
	raw, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := yaml.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestGroup checks which services share a stack, and the names of stacks and components.
func TestGroup(t *testing.T) {
	tests := map[string]struct {
		services string
		options  compose.Options
		want     map[string][]string // components by stack, without the main one
	}{
		"each its own": {services: "{b: {image: b}, a: {image: a}}", want: map[string][]string{"a": nil, "b": nil}},
		"a worker of the same image": {
			services: "{web: {image: a, ports: ['80']}, job: {image: a, command: work}}", want: map[string][]string{"web": {"job"}},
		},
		"a worker of the same build": {
			services: "{web: {build: .}, job: {build: ., command: work}}", want: map[string][]string{"web": {"job"}},
		},
		"other arguments of the build": {
			services: "{web: {build: .}, job: {build: {context: ., args: {A: a}}, command: work}}",
			want:     map[string][]string{"web": nil, "job": nil},
		},
		"two with ports": {
			services: "{a: {image: i, command: a, expose: [80]}, b: {image: i, command: b, expose: [80]}}",
			want:     map[string][]string{"a": nil, "b": nil},
		},
		"two databases": {services: "{db1: {image: db}, db2: {image: db}}", want: map[string][]string{"db1": nil, "db2": nil}},
		"one that others call": {
			services: "{web: {image: a, ports: ['80'], environment: {RPC: 'http://rpc:9000'}}, rpc: {image: a, command: rpc}}",
			want:     map[string][]string{"web": nil, "rpc": nil},
		},
		"workers only": {services: "{b: {image: i, command: b}, a: {image: i, command: a}}", want: map[string][]string{"a": {"b"}}},
		"a task": {
			services: "{web: {image: a}, t: {image: a, command: t, restart: 'no'}}", want: map[string][]string{"web": nil, "t": nil},
		},
		"a reserved name": {services: "{web: {image: a}, main: {image: a, command: x}}", want: map[string][]string{"web": {"main-2"}}},
		"a name that a stack has": {
			services: "{web: {image: a}, job: {image: a, command: x}, web-job: {image: b}}",
			want:     map[string][]string{"web": {"job-2"}, "web-job": nil},
		},
		"names that are cleaned": {
			services: "{a_b: {image: a}, a-b: {image: b}, A.B: {image: c}}", want: map[string][]string{"a-b": nil, "a-b-2": nil, "a-b-3": nil},
		},
		"one stack": {
			services: "{a: {image: a}, b: {image: b, expose: [80]}, c: {image: c, ports: ['80:80']}}", options: compose.Options{Stack: "all"},
			want: map[string][]string{"all": {"a", "b"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := map[string][]string{}
			for name, stack := range stacks(fromText(t, "services: "+test.services, test.options)) {
				got[name] = nil
				for _, component := range stack.Spec.Components {
					got[name] = append(got[name], component.Name)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
