// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

// portList sets the main component's ports.
func portList(ports ...v1alpha1.Port) Option {
	return func(s *v1alpha1.AppStack) { s.Spec.Ports = ports }
}

// port returns a port with a number for the Service and one for the container.
func port(name string, service, container int32, protocol corev1.Protocol) v1alpha1.Port {
	port := v1alpha1.Port{Name: name, ContainerPort: container, Protocol: protocol}
	if service != container {
		port.ServicePort = &service
	}
	return port
}

// lists contains the port lists; the spec changes from each to each other one.
var lists = map[string][]v1alpha1.Port{
	"80":                        {port("", 80, 80, "")},
	"http:80":                   {port("http", 80, 80, "")},
	"9090,80":                   {port("", 9090, 9090, ""), port("", 80, 80, "")},
	"80,9090":                   {port("", 80, 80, ""), port("", 9090, 9090, "")},
	"80->8080":                  {port("", 80, 8080, "")},
	"http:80->8080":             {port("http", 80, 8080, "")},
	"web:80->9090":              {port("web", 80, 9090, "")},
	"a:80,b:81":                 {port("a", 80, 80, ""), port("b", 81, 81, "")},
	"b:80,a:81":                 {port("b", 80, 80, ""), port("a", 81, 81, "")},
	"a:80->81,b:81->80":         {port("a", 80, 81, ""), port("b", 81, 80, "")},
	"b:80->9080,a:81->9081":     {port("b", 80, 9080, ""), port("a", 81, 9081, "")},
	"53/UDP":                    {port("", 53, 53, corev1.ProtocolUDP)},
	"53,53/UDP":                 {port("", 53, 53, ""), port("", 53, 53, corev1.ProtocolUDP)},
	"dns:53->5353/UDP,80->8080": {port("dns", 53, 5353, corev1.ProtocolUDP), port("", 80, 8080, "")},
	"none":                      {},
}

var _ = Describe("each change of the ports", func() {
	// each entry covers a part of all pairs of lists
	DescribeTable("R9 R24 leaves every port reachable at each moment", func(image string, replicas int32, every, from int) {
		names := slices.Sorted(maps.Keys(lists))
		for i, before := range names {
			for j, after := range names {
				if before == after || (i*len(names)+j)%every != from {
					continue
				}
				s := story{sim.New()}
				s.apply("ports "+before, portList(lists[before]...), Replicas(replicas), deadline(20))
				s.settle()
				s.apply("ports "+after+", image "+image, portList(lists[after]...), Image(image))
				s.settle()
				s.ExpectOwnPorts()
				s.apply("back to revision 1", RollbackTo(1, 0))
				s.settle()
				s.ExpectOwnPorts()
				Expect(s.Violations()).To(BeEmpty(), s.Transcript)
			}
		}
	},
		Entry("of a good release and a manual rollback", "my-app:2", int32(3), 2, 0),
		Entry("of one pod", "my-app:2", int32(1), 4, 1),
		Entry("of a release whose image is missing", "my-app:missing", int32(3), 4, 2),
		Entry("of a release that never becomes ready", "my-app:unready", int32(2), 4, 3),
	)

	It("R9 R24 leaves every port reachable, whichever releases fail or are superseded", func() {
		first, stories := number("STORIES_SEED", 0), number("STORIES", 40)
		for seed := first; seed < first+stories; seed++ {
			random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // to be repeated
			s := story{sim.New()}
			s.apply("ports 80", deadline(30), Replicas(int32(1+random.IntN(4)))) //nolint:gosec // small
			for range 12 {
				image := released[random.IntN(len(released))]
				ports := randomPorts(random)
				options := []Option{portList(ports...), Image(image), Paused(random.IntN(8) == 0)}
				if random.IntN(5) == 0 {
					options = append(options, RollbackTo(int64(1+random.IntN(3)), 0))
				} else {
					options = append(options, NoRollback())
				}
				if random.IntN(6) == 0 {
					s.Say("a pod is lost")
					s.Kill("shop")
				}
				s.apply(fmt.Sprintf("ports %v, image %s", ports, image), options...)
				s.Wait(random.IntN(40))
			}
			s.apply("a good release", Paused(false), NoRollback(), Image("my-app:9"))
			s.settle()
			s.ExpectOwnPorts()
			Expect(s.Violations()).To(BeEmpty(), func() string {
				return fmt.Sprintf("seed %d (STORIES_SEED=%[1]d STORIES=1):\n%s", seed, s.Transcript())
			})
		}
	})
})

// randomPorts returns a list that the API server accepts.
func randomPorts(random *rand.Rand) []v1alpha1.Port {
	numbers := []int32{80, 81, 9090}
	var ports []v1alpha1.Port
	var used []string
	for range 1 + random.IntN(3) {
		next := v1alpha1.Port{
			Name:          []string{"", "", "a", "b", "c"}[random.IntN(5)],
			ContainerPort: numbers[random.IntN(3)],
			ServicePort:   ptr.To(numbers[random.IntN(3)]),
			Protocol:      []corev1.Protocol{"", corev1.ProtocolUDP}[random.IntN(4)/3],
		}
		identity := fmt.Sprint(*next.ServicePort, next.Protocol)
		if slices.Contains(used, identity) || next.Name != "" && slices.Contains(used, next.Name) {
			continue
		}
		used = append(used, identity, next.Name)
		ports = append(ports, next)
	}
	return ports
}
