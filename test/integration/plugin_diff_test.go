// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

// changed returns the lines that a diff adds and removes, without their indentation.
func changed(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "---") || strings.HasPrefix(line, "+++") {
			continue
		}
		if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "+") {
			lines = append(lines, line[:1]+strings.TrimLeft(line[1:], " -"))
		}
	}
	return lines
}

// eachRich has an entry for each kind of field in which the live object might
// differ from the rendered spec.
var eachRich = []TableEntry{
	Entry("nothing but an image", fixture.Bare()),
	Entry("ports", ports(v1alpha1.Port{Name: "http", ContainerPort: 8080}, v1alpha1.Port{ContainerPort: 53, Protocol: corev1.ProtocolUDP})),
	Entry("probes by HTTP", probes(corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(80)}})),
	Entry("probes by HTTP of a path", probes(corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
		Path: "/healthz", Port: intstr.FromString("port-80"), HTTPHeaders: []corev1.HTTPHeader{{Name: "A", Value: "b"}},
	}})),
	Entry("probes by TCP", probes(corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(80)}})),
	Entry("probes by gRPC", probes(corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80}})),
	Entry("probes by a program", probes(corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}})),
	Entry("volumes", mounted(
		v1alpha1.Volume{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "config"}}},
		v1alpha1.Volume{Secret: &corev1.SecretVolumeSource{SecretName: "secret"}, ReadOnly: true},
		v1alpha1.Volume{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		v1alpha1.Volume{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: amount("1024Mi")}, SubPath: "sub"},
		v1alpha1.Volume{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"}},
	)),
	Entry("variables", func(s *v1alpha1.AppStack) {
		s.Spec.Env = []corev1.EnvVar{
			{Name: "EMPTY"}, {Name: "A", Value: "b"},
			{Name: "IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
			{Name: "CPU", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}}},
			{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: "db"}, Key: "key",
			}}},
		}
		s.Spec.EnvFrom = []corev1.EnvFromSource{{
			ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "all"}},
		}}
	}),
	Entry("limits without requests", resources(nil,
		corev1.ResourceList{"cpu": resource.MustParse("0.5"), "memory": resource.MustParse("1024Mi")})),
	Entry("requests and limits", resources(
		corev1.ResourceList{"cpu": resource.MustParse("1000m")},
		corev1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("1Gi")})),
	Entry("an account and secrets to pull with", func(s *v1alpha1.AppStack) {
		s.Spec.ServiceAccountName = "robot"
		s.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
	}),
	Entry("an image without a tag", fixture.Image("my-app")),
	Entry("an image of a registry with a port", fixture.Image("registry.example.com:5000/my-app")),
	Entry("an image by its digest", fixture.Image("my-app@sha256:"+strings.Repeat("0", 64))),
	Entry("a way to pull", func(s *v1alpha1.AppStack) { s.Spec.ImagePullPolicy = corev1.PullAlways }),
	Entry("a kind of Service", func(s *v1alpha1.AppStack) {
		s.Spec.Service = &v1alpha1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: "example.com/lb", Annotations: map[string]string{"a": "b"},
		}
	}),
	Entry("components", fixture.Component("worker", 2, nil, "work"), fixture.Component("api", 1, func(c *v1alpha1.Component) {
		c.Image, c.Ports = "api:1", []v1alpha1.Port{{ContainerPort: 8080}}
	})),
	Entry("hooks", fixture.PodTemplate(`{"spec":{"containers":[{"name":"app","lifecycle":{
		"postStart":{"httpGet":{"port":80}},"preStop":{"exec":{"command":["true"]}}}}]}}`)),
	Entry("init containers and sidecars", fixture.PodTemplate(`{"spec":{
		"initContainers":[{"name":"init","image":"init","ports":[{"containerPort":1}],
				"env":[{"name":"N","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]},
			{"name":"proxy","image":"proxy:1","restartPolicy":"Always","startupProbe":{"httpGet":{"port":1}}}],
		"containers":[{"name":"logger","image":"logger:latest","resources":{"limits":{"memory":"64Mi"}}}]}}`)),
	Entry("rarer volumes", fixture.PodTemplate(`{"spec":{"volumes":[
		{"name":"host","hostPath":{"path":"/tmp"}},
		{"name":"down","downwardAPI":{"items":[{"path":"labels","fieldRef":{"fieldPath":"metadata.labels"}},
			{"path":"cpu","resourceFieldRef":{"containerName":"app","resource":"limits.cpu"}}]}},
		{"name":"all","projected":{"sources":[{"serviceAccountToken":{"path":"token"}},{"configMap":{"name":"config"}},
			{"secret":{"name":"secret"}},
			{"downwardAPI":{"items":[{"path":"name","fieldRef":{"fieldPath":"metadata.name"}}]}}]}},
		{"name":"driver","csi":{"driver":"example.com"}},
		{"name":"nfs","nfs":{"server":"nfs","path":"/"}}]}}`)),
	Entry("a volume of no kind", fixture.PodTemplate(`{"spec":{"volumes":[{"name":"nothing"}]}}`)),
	Entry("a volume of the pod's own", fixture.PodTemplate(`{"spec":{"volumes":[{"name":"own","ephemeral":{"volumeClaimTemplate":{
		"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1024Mi"}}}}}}]}}`)),
	Entry("a volume of an image", fixture.PodTemplate(`{"spec":{"volumes":[{"name":"image","image":{"reference":"data:1"}}]}}`)),
	Entry("volumes of old", fixture.PodTemplate(`{"spec":{"volumes":[
		{"name":"iscsi","iscsi":{"targetPortal":"1.2.3.4","iqn":"iqn.2001-04.com.example:storage","lun":0}},
		{"name":"rbd","rbd":{"monitors":["a"],"image":"b"}},
		{"name":"azure","azureDisk":{"diskName":"a","diskURI":"https://a.blob.core.windows.net/b/c.vhd"}},
		{"name":"scale","scaleIO":{"gateway":"a","system":"b","secretRef":{"name":"c"},"volumeName":"d"}}]}}`)),
	Entry("a pod's other fields", fixture.PodTemplate(`{"metadata":{"annotations":{"a":"b"},"labels":{"team":"shop"}},"spec":{
		"hostNetwork":true,"priorityClassName":"system-node-critical","shareProcessNamespace":true,"terminationGracePeriodSeconds":30,
		"tolerations":[{"key":"a","operator":"Exists"}],"nodeSelector":{"disk":"ssd"},
		"affinity":{"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1,"podAffinityTerm":{
			"topologyKey":"zone","labelSelector":{"matchLabels":{"a":"b"}}}}]}},
		"securityContext":{"runAsNonRoot":true,"fsGroup":1},
		"containers":[{"name":"app","securityContext":{"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}},"tty":true,
			"terminationMessagePolicy":"File"}]}}`)),
}

func probes(by corev1.ProbeHandler) option {
	return func(s *v1alpha1.AppStack) {
		s.Spec.ReadinessProbe = &corev1.Probe{ProbeHandler: by}
		s.Spec.LivenessProbe = &corev1.Probe{ProbeHandler: by, InitialDelaySeconds: 5}
		s.Spec.StartupProbe = &corev1.Probe{ProbeHandler: by, FailureThreshold: 30}
	}
}

func mounted(volumes ...v1alpha1.Volume) option {
	return func(s *v1alpha1.AppStack) {
		for i, volume := range volumes {
			volume.Name = string(rune('a' + i))
			volume.MountPath = "/" + volume.Name
			s.Spec.Volumes = append(s.Spec.Volumes, volume)
		}
	}
}

func resources(requests, limits corev1.ResourceList) option {
	return func(s *v1alpha1.AppStack) {
		s.Spec.Resources = &corev1.ResourceRequirements{Requests: requests, Limits: limits}
	}
}

func amount(of string) *resource.Quantity {
	quantity := resource.MustParse(of)
	return &quantity
}

var _ = Describe("the plugin: diff", func() {
	DescribeTable("shows what the spec changes, and nothing else, of a stack with",
		func(rich ...option) {
			putConfig("config", map[string]string{"a": "b"})
			putConfig("all", map[string]string{"a": "b"})
			created(rich...)
			Expect(does("diff", app)).To(Equal("revision 1 and the spec do not differ\n"))
			change(fixture.Paused(true), func(s *v1alpha1.AppStack) { s.Spec.WorkingDir = "/changed" })
			predicted := changed(does("diff", app))
			Expect(predicted).To(Equal([]string{"+workingDir: /changed"}))

			By("rolling out the predicted change")
			change(fixture.Paused(false))
			moved(2)
			Expect(changed(does("diff", app, "1", "2"))).To(Equal(predicted))
		}, eachRich)

	It("R31 compares ConfigMaps key by key, and shows which revision uses which copy", func() {
		putConfig("web", map[string]string{"app.conf": "color = blue\n"})
		created(fixture.EnvFrom("web"))
		putConfig("web", map[string]string{"app.conf": "color = red\n"})
		text := does("diff", app)
		Expect(text).To(ContainSubstring("--- revision 1, ConfigMap web, key app.conf\n+++ the spec, ConfigMap web, key app.conf\n"))
		Expect(changed(text)).To(Equal([]string{"-color = blue", "+color = red"}))
		moved(2)
		ready()
		Expect(changed(does("diff", app, "2", "1"))).To(Equal([]string{"-color = red", "+color = blue"}))
		Expect(does("diff", app)).To(Equal("revision 2 and the spec do not differ\n"))

		copied := copies()["web"].Name
		Expect(does("status", app)).To(MatchRegexp(`Config +web \(` + copied + `\)`))
		Expect(does("history", app, "-o", "wide")).To(And(ContainSubstring("web ("+copied+")"), ContainSubstring("ConfigMap web changed")))
		exported := does("export", app)
		Expect(exported).To(And(ContainSubstring("kind: ConfigMap"), ContainSubstring("name: "+copied), ContainSubstring("color = red")))
		Expect(exported).NotTo(ContainSubstring("color = blue"))
	})

	It("compares two revisions, and one with the newest", func() {
		created()
		released(fixture.Image("my-app:2"))
		released(fixture.Image("my-app:3"))
		text := does("diff", app, "1", "2")
		Expect(text).To(And(ContainSubstring("--- revision 1, main\n"), ContainSubstring("+++ revision 2, main\n"), ContainSubstring("@@")))
		Expect(changed(text)).To(Equal([]string{"-image: my-app:1", "+image: my-app:2"}))
		Expect(changed(does("diff", app, "2", "1"))).To(Equal([]string{"-image: my-app:2", "+image: my-app:1"}))
		Expect(changed(does("diff", app, "1"))).To(Equal([]string{"-image: my-app:1", "+image: my-app:3"}))
		Expect(does("diff", app, "2", "2")).To(Equal("revision 2 and revision 2 do not differ\n"))
		Expect(refuses("diff", app, "9")).To(ContainSubstring("my-app has no revision 9: use one of 1, 2, 3"))
		Expect(refuses("diff", app, "one")).To(ContainSubstring(`"one" is not a revision number: use one of 1, 2, 3`))
	})

	It("shows a component that comes, and one that goes", func() {
		created(fixture.Component("worker", 1, nil, "work"))
		change(fixture.Paused(true), fixture.WithoutComponents(), fixture.Component("mailer", 1, nil, "mail"))
		Expect(does("diff", app)).To(And(
			ContainSubstring("+++ the spec, worker: absent\n"), ContainSubstring("--- revision 1, mailer: absent\n"),
			ContainSubstring("\n+component: mailer\n"), ContainSubstring("\n-component: worker\n"),
			Not(ContainSubstring("main"))))
	})

	It("shows no difference in what is operation", func() {
		created()
		change(fixture.Paused(true), fixture.Replicas(7), budgeted(v1alpha1.DisruptionBudget{Disabled: true}))
		Expect(does("diff", app)).To(Equal("revision 1 and the spec do not differ\n"))
	})

	It("shows what the spec says of a stack that took over what was there, and nothing else", func() {
		Expect(k8s.Create(ctx, legacyDeployment(app))).To(Succeed())
		Expect(k8s.Create(ctx, legacyService(app))).To(Succeed())
		created(adopting())
		change(fixture.Paused(true), fixture.Image("my-app:2"))
		Expect(changed(does("diff", app))).To(Equal([]string{"-image: my-app:1", "+image: my-app:2"}))
	})

	DescribeTable("shows what comes and goes with a restart",
		func(restart func()) {
			created()
			restart()
			before := current().Status.Revision
			change(fixture.Paused(true), fixture.Image("my-app:2"))
			change(fixture.RestartedAt(hour(2)))
			predicted := changed(does("diff", app))
			change(fixture.Paused(false))
			moved(before + 1)
			Expect(changed(does("diff", app, strconv.FormatInt(before, 10)))).To(Equal(predicted))
		},
		Entry("that is still to come", func() {}),
		Entry("that was there before", func() { released(fixture.RestartedAt(hour(2))) }),
	)

	It("of a stack that never ran shows all that the spec says", func() {
		create(fixture.Paused(true))
		Expect(does("diff", app)).To(And(HavePrefix("--- no revision, main: absent\n"), ContainSubstring("+++ the spec, main\n")))
	})

	It("of a spec that cannot be rendered says why", func() {
		create(fixture.PodTemplate(`{"spec":{"afinity":{}}}`))
		Expect(refuses("diff", app)).To(ContainSubstring(`unknown field "spec.afinity"`))
	})
})
