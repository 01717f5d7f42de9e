// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

// walkedAnnotations lists the constants of the annotations that the specs below test.
var walkedAnnotations = []string{"AnnotationAdopt", "AnnotationChangeCause", "AnnotationChangeCauseOf"}

// written returns the parts of a Deployment that a write of the operator changes. The status is left out, because it may
// still change.
func written(deployment *appsv1.Deployment) []any {
	return []any{deployment.Generation, deployment.Labels, deployment.Annotations, deployment.OwnerReferences}
}

var _ = Describe("Every annotation that users set on a stack", func() {
	It("is walked over", func() {
		file, err := parser.ParseFile(token.NewFileSet(),
			filepath.Join("..", "..", "api", "v1alpha1", "annotations.go"), nil, 0)
		Expect(err).NotTo(HaveOccurred())
		var names []string
		ast.Inspect(file, func(node ast.Node) bool {
			if value, ok := node.(*ast.ValueSpec); ok {
				names = append(names, value.Names[0].Name)
			}
			return true
		})
		Expect(names).To(ConsistOf(walkedAnnotations))
	})

	It("adopt takes over what is there for the value true only, and removing it gives nothing back (R26)", func(ctx SpecContext) {
		w := world.New(ctx)
		operate(w.Namespace)
		w.Kubectl("create", "deployment", world.App, "--image=theirs:1")
		theirs := w.Deployment(ctx, world.App)
		stack := fixture.Stack(world.App, fixture.Replicas(1))
		w.Apply(stack)
		Expect(w.Stalls(ctx, v1alpha1.ReasonNameConflict)).To(ContainSubstring(v1alpha1.AnnotationAdopt))

		for _, bad := range []string{"", "True", "yes", "1", " true"} {
			w.Apply(fixture.With(stack, fixture.Annotation(v1alpha1.AnnotationAdopt, bad)))
			Consistently(func() string { return w.Stalls(ctx, v1alpha1.ReasonNameConflict) }).
				Should(ContainSubstring(v1alpha1.AnnotationAdopt), "the value %q", bad)
			Expect(w.Deployment(ctx, world.App).Generation).To(Equal(theirs.Generation), "the value %q", bad)
		}

		w.Apply(fixture.With(stack, fixture.Annotation(v1alpha1.AnnotationAdopt, "true")))
		ready := w.BecomesReady(ctx)
		adopted := w.Deployment(ctx, world.App)
		Expect(adopted.UID).To(Equal(theirs.UID))
		Expect(metav1.IsControlledBy(adopted, ready)).To(BeTrue())
		Expect(adopted.Spec.Template.Spec.Containers).To(ConsistOf(HaveField("Image", "my-app:1")))

		delete(stack.Annotations, v1alpha1.AnnotationAdopt)
		w.Apply(stack)
		Consistently(func() []any { return written(w.Deployment(ctx, world.App)) }).Should(Equal(written(adopted)))
		w.BecomesReady(ctx)
	})

	It("change-cause and change-cause-of change no child, and the history shows the cause with the next release (R5)",
		func(ctx SpecContext) {
			w := world.New(ctx)
			operate(w.Namespace)
			cause := func() string { return w.BecomesReady(ctx).Status.History[0].Cause }
			stack := fixture.Stack(world.App, fixture.Replicas(1))
			w.Apply(stack)
			Expect(cause()).To(BeEmpty())

			children := func() []any {
				return append(written(w.Deployment(ctx, world.App)), w.Service(ctx, world.App).ResourceVersion)
			}
			before := children()
			mark := revision.CauseMark(stack.Spec, "first")
			for key, value := range map[string]string{v1alpha1.AnnotationChangeCause: "first", v1alpha1.AnnotationChangeCauseOf: mark} {
				w.Apply(fixture.With(stack, fixture.Annotation(key, value)))
				Consistently(children).Should(Equal(before), key)
			}

			By("omitting the cause if change-cause-of refers to other content")
			w.Apply(fixture.With(stack, fixture.Image("my-app:2")))
			Expect(cause()).To(BeEmpty())

			By("recording the cause if change-cause-of refers to this content")
			fixture.With(stack, fixture.Image("my-app:3"))
			w.Apply(fixture.With(stack, fixture.Annotation(v1alpha1.AnnotationChangeCauseOf, revision.CauseMark(stack.Spec, "first"))))
			Expect(cause()).To(Equal("first"))

			By("recording the cause if the value of change-cause-of is malformed")
			w.Apply(fixture.With(stack, fixture.Image("my-app:4"), fixture.Annotation(v1alpha1.AnnotationChangeCauseOf, "nonsense")))
			Expect(cause()).To(Equal("first"))

			By("truncating a cause that is too long")
			w.Apply(fixture.With(stack, fixture.Image("my-app:5"),
				fixture.Annotation(v1alpha1.AnnotationChangeCause, strings.Repeat("a", 5000))))
			Expect(cause()).To(And(HavePrefix("aaa"), Satisfy(func(text string) bool { return len(text) <= 1024 })))
		})
})
