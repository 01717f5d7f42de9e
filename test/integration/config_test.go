// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
)

var _ = Describe("the ConfigMaps of a stack", func() {
	It("R31 are copied, wherever a pod template names them, into immutable ConfigMaps of the stack", func() {
		long := strings.Repeat("long.", 50) + "end"
		binary := []byte{0, 1, 0xfe, 0xff}
		for _, name := range []string{"env-from", "env", "volume", "projected", "init", "sidecar", long} {
			putConfig(name, map[string]string{"key": "content of " + name})
		}
		Expect(k8s.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: "binary", Labels: map[string]string{"theirs": "yes"},
				Annotations: map[string]string{"theirs": "yes"},
			},
			Data: map[string]string{"large": strings.Repeat("x", 1<<20-100)}, BinaryData: map[string][]byte{"bin": binary},
		})).To(Succeed())
		stack := created(fixture.EnvFrom("env-from", long), fixture.PodTemplate(`{"spec":{
			"initContainers":[{"name":"init","image":"init:1","envFrom":[{"configMapRef":{"name":"init"}}]}],
			"containers":[
				{"name":"app","env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"env","key":"key"}}}],
					"volumeMounts":[{"name":"volume","mountPath":"/volume","subPath":"key"}]},
				{"name":"sidecar","image":"sidecar:1","envFrom":[{"configMapRef":{"name":"sidecar"}}]}],
			"volumes":[
				{"name":"volume","configMap":{"name":"volume","defaultMode":256,"items":[{"key":"key","path":"file","mode":288}]}},
				{"name":"projected","projected":{"sources":[{"configMap":{"name":"projected"}},{"configMap":{"name":"binary"}}]}}]}}`))

		copied := copies()
		Expect(copied).To(HaveLen(8))
		for source, object := range copied {
			Expect(object.Immutable).To(HaveValue(BeTrue()), source)
			Expect(metav1.IsControlledBy(object, stack)).To(BeTrue(), source)
			Expect(object.Labels).To(Equal(naming.Recommended(app)), source)
			Expect(object.Annotations).To(Equal(map[string]string{naming.AnnotationConfigSource: source}))
			original := find(Default, &corev1.ConfigMap{}, source)
			Expect(object.Data).To(Equal(original.Data), source)
			Expect(object.BinaryData).To(Equal(original.BinaryData), source)
		}
		template := deployment(app).Spec.Template
		for _, ref := range render.ConfigRefs(model.Content{Components: []model.Component{{Template: template}}}) {
			Expect(slices.ContainsFunc(slices.Collect(maps.Values(copied)), func(c *corev1.ConfigMap) bool {
				return c.Name == ref.Name
			})).To(BeTrue(), "%s is no copy", ref.Name)
		}
		volume := template.Spec.Volumes[0].ConfigMap
		Expect(*volume.DefaultMode).To(BeEquivalentTo(256))
		Expect(*volume.Items[0].Mode).To(BeEquivalentTo(288))
	})

	It("R32 R34 are released when they change, and put back they are the earlier revision", func() {
		putConfig("web", map[string]string{"color": "blue"})
		putConfig("unused", map[string]string{"color": "blue"})
		created(fixture.EnvFrom("web"))
		before := copies()["web"]

		putConfig("unused", map[string]string{"color": "red"})
		putConfig("web", map[string]string{"color": "red"})
		stack := moved(2)
		expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventRolloutStarted, "revision 2: ConfigMap web changed")
		stack = ready()
		Expect(rollouts(stack)[0]).To(Equal("2 ConfigChanged Succeeded"))
		Expect(copies()["web"].Data).To(HaveKeyWithValue("color", "red"))

		By("rolling back by hand: the very content is back, whatever the ConfigMap has")
		Expect(rollouts(released(fixture.RollbackTo(1, 2)))[0]).To(Equal("1 Rollback Succeeded"))
		Expect(refs(app)).To(ConsistOf(before.Name))
		Expect(find(Default, &corev1.ConfigMap{}, "web").Data).To(HaveKeyWithValue("color", "red"))

		By("changing the ConfigMap: the rollback was from another content")
		putConfig("web", map[string]string{"color": "green"})
		moved(3)
		ready()
		change(fixture.NoRollback())
		Consistently(func() int64 { return current().Status.Revision }).Should(BeEquivalentTo(3))

		By("putting it back")
		putConfig("web", map[string]string{"color": "blue"})
		moved(1)
		Expect(rollouts(ready())[0]).To(Equal("1 ConfigChanged Succeeded"))
		Expect(numbers()).To(Equal([]int64{1, 2, 3}))
	})

	It("R32 are one release with the spec, and together", func() {
		names := []string{"a", "b", "c", "d", "e"}
		for _, name := range names {
			putConfig(name, map[string]string{"v": "1"})
		}
		created(fixture.EnvFrom(names...))
		for _, name := range names {
			putConfig(name, map[string]string{"v": "2"})
		}
		change(fixture.Image("my-app:2"))
		moved(2)
		stack := ready()
		Expect(rollouts(stack)).To(HaveLen(2))
		for _, name := range names {
			Expect(copies()[name].Data).To(HaveKeyWithValue("v", "2"))
			putConfig(name, map[string]string{"v": "3"})
		}
		moved(3)
		Expect(rollouts(ready())).To(HaveLen(3))
	})

	It("R33 are waited for, as a whole, before anything is touched; an optional one may be missing", func() {
		created()
		change(fixture.Image("my-app:2"), fixture.PodTemplate(`{"spec":{"containers":[{"name":"app",
			"envFrom":[{"configMapRef":{"name":"optional","optional":true}}],
			"env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"web","key":"color"}}}]}]}}`))
		stalled(v1alpha1.ReasonConfigNotFound, `component main: ConfigMap "web" does not exist`)
		Expect(deployment(app).Spec.Template.Spec.Containers[0].Image).To(Equal("my-app:1"))
		putConfig("web", map[string]string{"shade": "blue"})
		Eventually(func() string { return condition(current(), v1alpha1.ConditionStalled).Message }).
			Should(ContainSubstring(`component main: ConfigMap "web" has no key "color"`))
		putConfig("web", map[string]string{"color": "blue"})
		moved(2)
		ready()
		Expect(copies()).To(HaveLen(1))

		By("creating the optional one")
		putConfig("optional", map[string]string{"a": "b"})
		moved(3)
		Expect(rollouts(ready())[0]).To(Equal("3 ConfigChanged Succeeded"))
		Expect(copies()).To(HaveKey("optional"))

		By("deleting the other")
		Expect(k8s.Delete(ctx, find(Default, &corev1.ConfigMap{}, "web"))).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(condition(observed(g), v1alpha1.ConditionReady).Message).To(ContainSubstring("ConfigMap web was deleted"))
		}).Should(Succeed())
		Expect(rollouts(current())).To(HaveLen(3))
		change(fixture.Image("my-app:3"))
		stalled(v1alpha1.ReasonConfigNotFound, `component main: ConfigMap "web" does not exist`)
		Expect(rollouts(current())).To(HaveLen(3))
	})

	DescribeTable("R32 are not released by themselves where the spec says so",
		func(policy v1alpha1.ConfigPolicy, copied bool) {
			putConfig("web", map[string]string{"color": "blue"})
			created(fixture.EnvFrom("web"), configPolicy(policy))
			Expect(copies()).To(HaveLen(map[bool]int{true: 1, false: 0}[copied]))
			putConfig("web", map[string]string{"color": "red"})
			putConfig("other", map[string]string{"color": "red"})
			touch()
			Consistently(func() int64 { return current().Status.Revision }, 8*time.Second).Should(BeEquivalentTo(1))
			released(fixture.Image("my-app:2"))
			if !copied {
				Expect(copies()).To(BeEmpty())
				Expect(refs(app)).To(ConsistOf("web"))
				return
			}
			Expect(copies()["web"].Data).To(HaveKeyWithValue("color", "red"))
		},
		Entry("NextRelease", v1alpha1.ConfigPolicy{OnChange: v1alpha1.ConfigChangeNextRelease}, true),
		Entry("Live", v1alpha1.ConfigPolicy{OnChange: v1alpha1.ConfigChangeLive}, false),
		Entry("live", v1alpha1.ConfigPolicy{Live: []string{"web"}}, false),
	)

	It("R32 stop being released when they become live, and the next revision names them itself", func() {
		putConfig("web", map[string]string{"color": "blue"})
		created(fixture.EnvFrom("web"))
		change(configPolicy(v1alpha1.ConfigPolicy{Live: []string{"web"}}))
		putConfig("web", map[string]string{"color": "red"})
		Consistently(func() int64 { return current().Status.Revision }, 7*time.Second).Should(BeEquivalentTo(1))
		Expect(refs(app)).To(ConsistOf(copies()["web"].Name))
		released(fixture.Image("my-app:2"))
		Expect(refs(app)).To(ConsistOf("web"))
	})

	It("R31 R37 have copies that are pruned, and created again where their content still exists", func() {
		for n := range 4 {
			putConfig("web", map[string]string{"v": fmt.Sprint(n)})
			if n == 0 {
				created(fixture.EnvFrom("web"), fixture.HistoryLimit(2))
			} else {
				moved(int64(n + 1))
				ready()
			}
		}
		Eventually(numbers).Should(Equal([]int64{3, 4}))

		By("deleting the copy that runs")
		running := copies()["web"]
		Expect(running.Data).To(HaveKeyWithValue("v", "3"))
		Expect(k8s.Delete(ctx, running)).To(Succeed())
		Eventually(func(g Gomega) {
			again := find(g, &corev1.ConfigMap{}, running.Name)
			g.Expect(again.UID).NotTo(Equal(running.UID))
			g.Expect(again.Data).To(Equal(running.Data))
		}).Should(Succeed())

		By("rolling back to a revision whose copy is lost")
		lost := content(3).Config[0].Name
		Expect(k8s.Delete(ctx, find(Default, &corev1.ConfigMap{}, lost))).To(Succeed())
		change(fixture.RollbackTo(3, 0))
		stalled(v1alpha1.ReasonConfigLost, lost, "(of ConfigMap web)")
		Expect(refs(app)).To(ConsistOf(running.Name))
		Expect(current().Status.Revision).To(BeEquivalentTo(4))
	})

	It("R31 R26 have copies whose names may not be taken by others", func() {
		putConfig("web", map[string]string{"color": "blue"})
		config := &model.ConfigMap{Data: map[string]string{"color": "blue"}}
		name := render.ConfigCopies(app, map[string]*model.ConfigMap{"web": config})["web"].Name
		putConfig(name, map[string]string{"owner": "somebody"})
		create(fixture.EnvFrom("web"))
		stalled(v1alpha1.ReasonNameConflict, name)
		Expect(numbers()).To(BeEmpty())
		Expect(find(Default, &corev1.ConfigMap{}, name).Data).To(HaveKeyWithValue("owner", "somebody"))
	})

	It("R26 R31 have copies that survive the stack with --cascade=orphan, and are adopted with the revisions", func() {
		putConfig("web", map[string]string{"color": "blue"})
		created(fixture.EnvFrom("web"))
		before := copies()["web"]
		orphan()
		theirs := before.DeepCopy()
		theirs.ObjectMeta = metav1.ObjectMeta{
			Namespace: namespace, Name: "their-copy", Labels: before.Labels, Annotations: before.Annotations,
		}
		Expect(k8s.Create(ctx, theirs)).To(Succeed())
		stack := created(fixture.EnvFrom("web"))
		Eventually(func(g Gomega) {
			after := find(g, &corev1.ConfigMap{}, before.Name)
			g.Expect(after.UID).To(Equal(before.UID))
			g.Expect(metav1.IsControlledBy(after, stack)).To(BeTrue())
		}).Should(Succeed())
		Expect(numbers()).To(Equal([]int64{1}))
		Expect(find(Default, &corev1.ConfigMap{}, "their-copy").OwnerReferences).To(BeEmpty())
	})

	It("R35 can be files in the spec itself, which are content of the revision", func() {
		files := func(color string) option {
			return func(s *v1alpha1.AppStack) {
				s.Spec.Files = []v1alpha1.File{
					{Path: "/etc/app/app.conf", Content: "color = " + color + "\n"}, {Path: "/etc/other/app.conf", Mode: ptr.To[int32](0o400)},
				}
				s.Spec.Components[0].Files = []v1alpha1.File{{Path: "/run/it's ü.sh", Content: "exit", Mode: ptr.To[int32](0o555)}}
			}
		}
		stack := created(fixture.Component("worker", 1, nil, "work"), files("blue"))
		main := deployment(app).Spec.Template.Spec
		Expect(main.Volumes).To(HaveLen(1))
		source := main.Volumes[0].ConfigMap
		Expect(main.Containers[0].VolumeMounts).To(HaveLen(2))
		copied := find(Default, &corev1.ConfigMap{}, source.Name)
		Expect(copied.Immutable).To(HaveValue(BeTrue()))
		Expect(metav1.IsControlledBy(copied, stack)).To(BeTrue())
		for i, want := range stack.Spec.Files {
			mount, item := main.Containers[0].VolumeMounts[i], source.Items[i]
			Expect(mount.MountPath).To(Equal(want.Path))
			Expect(mount.ReadOnly).To(BeTrue())
			Expect(mount.SubPath).To(Equal(item.Path))
			Expect(item.Mode).To(HaveValue(Equal(ptr.Deref(want.Mode, 0o644))))
			Expect(copied.Data).To(HaveKeyWithValue(item.Key, want.Content))
		}
		worker := deployment(worker).Spec.Template.Spec
		Expect(worker.Containers[0].VolumeMounts[0].MountPath).To(Equal("/run/it's ü.sh"))

		By("changing one, and going back")
		change(files("red"), fixture.Paused(true))
		Expect(changed(does("diff", app))).To(Equal([]string{"-color = blue", "+color = red"}))
		change(fixture.Paused(false))
		moved(2)
		Expect(rollouts(ready())[0]).To(Equal("2 SpecChanged Succeeded"))
		Expect(refs(app)).NotTo(ConsistOf(source.Name))
		released(fixture.RollbackTo(1, 0))
		Expect(refs(app)).To(ConsistOf(source.Name))
	})

	It("R32 are released after an operator was away, and cost nothing while nothing changes", func() {
		putConfig("web", map[string]string{"color": "blue"})
		created(fixture.EnvFrom("web"))
		counted := &requests{}
		observedConfig := rest.CopyConfig(config)
		observedConfig.Wrap(counted.transport)
		Expect(stopOperator()).To(Succeed())
		putConfig("web", map[string]string{"color": "red"})
		stopOperator = func() error { return nil }
		stop := instead(observedConfig, operator.Options{})
		moved(2)
		ready()
		stop()

		By("starting once more: what the revision records is not read again")
		counted = &requests{}
		observedConfig = rest.CopyConfig(config)
		observedConfig.Wrap(counted.transport)
		stopOther := start(observedConfig, operator.Options{})
		touch()
		Eventually(func(g Gomega) { observed(g) }).Should(Succeed())
		Expect(counted.since()).NotTo(ContainElement(HaveSuffix("/configmaps/web")))
		Expect(stopOther()).To(Succeed())
	})
})

// putConfig creates or changes a ConfigMap.
func putConfig(name string, data map[string]string) {
	GinkgoHelper()
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	err := k8s.Get(ctx, client.ObjectKeyFromObject(object), object)
	object.Data = data
	if err != nil {
		Expect(k8s.Create(ctx, object)).To(Succeed())
	} else {
		Expect(k8s.Update(ctx, object)).To(Succeed())
	}
}

func configPolicy(policy v1alpha1.ConfigPolicy) option {
	return func(s *v1alpha1.AppStack) { s.Spec.Config = ptr.To(policy) }
}

// copies returns the newest copy of each ConfigMap, by the name of the source.
func copies() map[string]*corev1.ConfigMap {
	GinkgoHelper()
	list := &corev1.ConfigMapList{}
	Expect(k8s.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{naming.LabelStack: app})).To(Succeed())
	newest := revisions()[len(revisions())-1]
	found := map[string]*corev1.ConfigMap{}
	for i := range list.Items {
		for _, copied := range newest.Content.Config {
			if copied.Name == list.Items[i].Name {
				found[copied.Source] = &list.Items[i]
			}
		}
	}
	return found
}

// refs returns the names of the ConfigMaps that the Deployment's pods use.
func refs(name string) []string {
	GinkgoHelper()
	var names []string
	for _, ref := range render.ConfigRefs(model.Content{Components: []model.Component{{Template: deployment(name).Spec.Template}}}) {
		names = append(names, ref.Name)
	}
	return names
}
