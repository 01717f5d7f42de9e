// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/registry"
)

var _ = Describe("A thousand stacks", Serial, func() {
	const (
		stacks = 1000
		images = 20
		soon   = 5 * time.Minute
	)
	open := func() *registry.Registry {
		GinkgoHelper()
		hub, err := registry.Start(ctx, registry.Options{})
		Expect(err).NotTo(HaveOccurred(), "starting the registry")
		DeferCleanup(func() error { return hub.Stop() })
		return hub
	}
	// fill pushes the images and returns their references.
	fill := func(hub *registry.Registry) []string {
		GinkgoHelper()
		var references []string
		for i := range images {
			repository := fmt.Sprintf("team/app-%d", i)
			_, err := hub.Push(ctx, repository, "1", registry.Image(registry.Marker(repository)))
			Expect(err).NotTo(HaveOccurred(), "pushing")
			references = append(references, hub.Host()+"/"+repository+":1")
		}
		return references
	}
	// apply creates n stacks that take the images in turn.
	apply := func(prefix string, n int, references []string) {
		GinkgoHelper()
		var group errgroup.Group
		group.SetLimit(8)
		for i := range n {
			group.Go(func() error {
				return k8s.Create(ctx, fixture.Stack(fmt.Sprintf("%s-%d", prefix, i), fixture.InNamespace(namespace),
					fixture.Image(references[i%len(references)]), fixture.Ports(), fixture.Replicas(1)))
			})
		}
		Expect(group.Wait()).To(Succeed())
	}
	// released returns the stacks that have a revision.
	released := func() (all []v1alpha1.AppStack) {
		GinkgoHelper()
		var list v1alpha1.AppStackList
		Expect(k8s.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
		return slices.DeleteFunc(list.Items, func(s v1alpha1.AppStack) bool { return len(s.Status.History) == 0 })
	}
	// tell reports the time from the stacks' creation to their release.
	tell := func(which string, all []v1alpha1.AppStack) {
		var waits []time.Duration
		for _, stack := range all {
			waits = append(waits, stack.Status.History[len(stack.Status.History)-1].StartedAt.Sub(stack.CreationTimestamp.Time))
		}
		slices.Sort(waits)
		AddReportEntry("released "+which, fmt.Sprintf("%d stacks, after a median of %s, 99%% %s, last %s",
			len(waits), waits[len(waits)/2], waits[len(waits)*99/100], waits[len(waits)-1]), ReportEntryVisibilityAlways)
	}
	isWell := func(s v1alpha1.AppStack) bool { return strings.HasPrefix(s.Name, "well-") }
	gets := func(kind registry.Kind) func(registry.Request) bool {
		return func(r registry.Request) bool { return r.Kind == kind && r.Method == http.MethodGet }
	}

	It("R21 of twenty images fetch each of them once", func() {
		hub := open()
		references := fill(hub)
		instead(config, operator.Options{Registries: &image.Registries{PlainHTTP: []string{hub.Host()}}})
		apply("shop", stacks, references)
		Eventually(released).WithTimeout(soon).WithPolling(3 * time.Second).Should(HaveLen(stacks))
		for _, stack := range released() {
			Expect(stack.Status.History[0].Images[0].Pinned).To(BeTrue(), stack.Name)
		}
		manifests, configs := hub.Count(gets(registry.Manifest)), hub.Count(gets(registry.Blob))
		AddReportEntry("requests", fmt.Sprintf("%d manifests, %d configs, %d in all", manifests, configs, hub.Count(nil)),
			ReportEntryVisibilityAlways)
		tell("of one registry", released())
		Expect(manifests).To(BeNumerically("<=", images))
		Expect(configs).To(BeNumerically("<=", images))
	})

	It("R23 of a registry that hangs hold up no others, and are released with their tags", func() {
		dead, well := open(), open()
		dead.Fault(func(registry.Request) registry.Fault { return registry.Hang() })
		plain := &image.Registries{PlainHTTP: []string{dead.Host(), well.Host()}}

		instead(config, operator.Options{Registries: plain})
		apply("dead", stacks, []string{
			dead.Host() + "/a:1", dead.Host() + "/b:1", dead.Host() + "/c:1", dead.Host() + "/d:1", dead.Host() + "/e:1",
		})
		apply("well", images, fill(well))
		Eventually(released).WithTimeout(soon).WithPolling(3 * time.Second).Should(HaveLen(stacks + images))
		all := released()
		for _, stack := range all {
			Expect(stack.Status.History[0].Images[0].Pinned).To(Equal(isWell(stack)), stack.Name)
		}
		tell("of the registry that hangs", slices.DeleteFunc(slices.Clone(all), isWell))
		tell("of the other registry", slices.DeleteFunc(all, func(s v1alpha1.AppStack) bool { return !isWell(s) }))
	})
})
