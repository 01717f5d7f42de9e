// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/world"
)

// said is the result of a plugin command.
type said struct {
	stdout, stderr string
	code           int
}

// appstack runs the plugin, as kubectl does, in a UTF-8 locale.
func (w scene) appstack(ctx context.Context, args ...string) said {
	GinkgoHelper()
	var out, errs bytes.Buffer
	command := exec.CommandContext(ctx, filepath.Join(world.Root(), "bin", "kubectl-appstack"), append(args, "--namespace", w.Namespace)...)
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	_, _ = fmt.Fprintf(GinkgoWriter, "$ kubectl appstack %s\n%s%s", strings.Join(args, " "), out.String(), errs.String())
	failed := &exec.ExitError{}
	if !errors.As(err, &failed) {
		Expect(err).NotTo(HaveOccurred())
	}
	return said{out.String(), errs.String(), command.ProcessState.ExitCode()}
}

// succeeds runs the plugin, which must succeed, and returns its standard output.
func (w scene) succeeds(ctx context.Context, args ...string) string {
	GinkgoHelper()
	result := w.appstack(ctx, args...)
	Expect(result.code).To(BeZero(), result.stderr)
	return result.stdout
}

// failureReport matches the failure report of a crash loop on the standard error.
func failureReport(revision int) OmegaMatcher {
	return And(
		ContainSubstring("Revision %d failed", revision), ContainSubstring("CrashLoopBackOff, exit code 2"),
		ContainSubstring("panic: no route to the database"))
}

var _ = Describe("kubectl appstack", func() {
	It("releases, tells why a release failed, and rolls back (R10, R12, R18)", func(ctx SpecContext) {
		w := newScene(ctx)
		Expect(w.succeeds(ctx, "create", app, "--image", "my-app:1", "--port", "80", "--replicas", "2", "--wait")).
			To(ContainSubstring("Ready: revision 1 runs"))

		By("failing in a pipeline")
		w.succeeds(ctx, "set-image", app, crash, "--cause", "a new driver")
		failed := w.appstack(ctx, "wait", app)
		Expect(failed.code).To(Equal(1))
		Expect(failed.stdout).To(ContainSubstring("Progressing: revision 2"))
		Expect(failed.stderr).To(And(failureReport(2), ContainSubstring("kubectl appstack restart my-app"),
			MatchRegexp(`error: my-app: \S+ RolledBack: revision 2 failed`)))
		Expect(w.appstack(ctx, "set-image", app, crash, "--wait").code).To(Equal(1), "a failed release is not retried")
		w.rolledBack(ctx)
		Expect(w.succeeds(ctx, "why", app)).To(And(ContainSubstring("Revision 1 runs"), failureReport(2)))
		Expect(w.succeeds(ctx, "history", app)).To(MatchRegexp(`(?s)AutoRollback.*\n2 +✖ Failed .*a new driver`))
		Expect(w.succeeds(ctx, "diff", app, "1", "2")).To(ContainSubstring("+    - image: " + crash))

		By("declaring the running revision")
		pods := world.UIDs(w.Pods(ctx))
		Expect(w.succeeds(ctx, "rollback", app, "--yes", "--wait", "--cause", "the driver leaks")).To(And(
			ContainSubstring("already runs revision 1"), ContainSubstring("Ready: revision 1 runs")))
		Expect(world.UIDs(w.Pods(ctx))).To(ConsistOf(pods))
		Eventually(ctx, func() string { return w.BecomesReady(ctx).Status.History[0].Cause }).Should(Equal("the driver leaks"))

		By("rolling back by hand")
		w.succeeds(ctx, "set-image", app, "my-app:2", "--wait")
		w.succeeds(ctx, "rollback", app, "--to-revision", "1", "--yes", "--wait")
		Expect(w.BecomesReady(ctx).Status).To(And(HaveField("Revision", BeEquivalentTo(1)), HaveField("Image", "my-app:1")))
		w.succeeds(ctx, "resume-spec", app, "--wait")
		Expect(w.BecomesReady(ctx).Status.Image).To(Equal("my-app:2"))
	})

	It("waits for a rollback that fails, and says so (R13)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.succeeds(ctx, "create", app, "--image", "my-app:1", "--port", "80", "--wait")
		Expect(w.appstack(ctx, "set-image", app, crash, "--wait").code).To(Equal(1))
		w.succeeds(ctx, "set-image", app, "my-app:3", "--wait")

		result := w.appstack(ctx, "rollback", app, "--to-revision", "2", "--yes", "--wait")
		Expect(result.code).To(Equal(1))
		Expect(result.stdout).To(And(ContainSubstring("Revision 2 has never succeeded"), ContainSubstring("+    - image: "+crash)))
		Expect(result.stderr).To(And(failureReport(2), ContainSubstring("kubectl appstack resume-spec my-app")))
		Expect(w.rolledBack(ctx).Status.Image).To(Equal("my-app:3"))
	})

	It("ends with 2 when the time is over", func(ctx SpecContext) {
		w := newScene(ctx)
		result := w.appstack(ctx, "create", app, "--image", "my-app:unready", "--port", "80", "--wait", "--timeout", "3s")
		Expect(result.code).To(Equal(2))
		Expect(result.stderr).To(ContainSubstring("not ready after 3s"))

		By("reporting what it waited for, once that is known")
		const newPods = "0 of 1 new pods"
		Eventually(ctx, w.Stack).Should(HaveField("Status.Conditions", ContainElement(And(
			HaveField("Type", v1alpha1.ConditionReady), HaveField("Message", ContainSubstring(newPods))))))
		result = w.appstack(ctx, "wait", app, "--timeout", "3s")
		Expect(result.code).To(Equal(2))
		Expect(result.stderr).To(And(ContainSubstring("not ready after 3s"), ContainSubstring(newPods)))
	})

	DescribeTable("imports Compose files, whose stacks become ready", func(ctx SpecContext, project string, stacks []string) {
		w := newScene(ctx)
		file := filepath.Join(world.Root(), "internal", "cli", "compose", "testdata", project, "compose.yaml")
		manifests := w.appstack(ctx, "import", "compose", file)
		Expect(manifests.code).To(BeZero(), manifests.stderr)
		w.KubectlApply(manifests.stdout)
		w.bindClaims(ctx)

		for _, stack := range stacks {
			w.succeeds(ctx, "wait", stack, "--timeout", "90s")
		}
		Expect(world.Names(world.List[v1alpha1.AppStackList](ctx, w.Namespace).Items)).To(ConsistOf(stacks))
		for _, stack := range world.List[v1alpha1.AppStackList](ctx, w.Namespace).Items {
			_, err := world.Get[corev1.Service](ctx, w.Namespace, stack.Name)
			Expect(err).NotTo(HaveOccurred(), "the other services reach it by this name")
		}
	},
		Entry("a shop: web, worker, database, cache", "shop", []string{"web", "db", "cache"}),
		Entry("a blog behind a proxy", "blog", []string{"proxy", "blog", "mariadb"}),
	)

	It("exports what goes on running without AppStack (R27)", func(ctx SpecContext) {
		w := newScene(ctx)
		w.KubectlApply(example)
		w.BecomesReady(ctx)
		pods, sets := world.UIDs(w.Pods(ctx)), w.ReplicaSets(ctx)
		manifests := w.succeeds(ctx, "export", app)
		Expect(manifests).NotTo(ContainSubstring("ownerReferences"))

		w.Kubectl("delete", "appstack/"+app, "--cascade=orphan")
		w.KubectlApply(manifests)
		deployment := w.Deployment(ctx, app)
		Eventually(ctx, func() int64 { return w.Deployment(ctx, app).Status.ObservedGeneration }).
			Should(BeNumerically(">=", deployment.Generation))
		Expect(w.ReplicaSets(ctx)).To(Equal(sets))
		Expect(world.UIDs(w.Pods(ctx))).To(ConsistOf(pods))
	})
})

// bindClaims creates a volume for each claim, as the provisioner in a real cluster does.
func (w scene) bindClaims(ctx context.Context) {
	GinkgoHelper()
	for _, claim := range world.List[corev1.PersistentVolumeClaimList](ctx, w.Namespace).Items {
		volume := &corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: w.Namespace + "-" + claim.Name},
			Spec: corev1.PersistentVolumeSpec{
				AccessModes:            claim.Spec.AccessModes,
				Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
				ClaimRef:               &corev1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name},
				PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/" + claim.Name}},
			},
		}
		Expect(world.Kube.Create(ctx, volume)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(world.Kube.Delete(ctx, volume)).To(Succeed()) })
	}
}
