// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

func portList(ports ...v1alpha1.Port) Option {
	return func(s *v1alpha1.AppStack) { s.Spec.Ports = ports }
}

// earlier returns content as an operator recorded it, with Service ports of these names and
// numbers.
func earlier(ports ...corev1.ServicePort) model.Content {
	return model.Content{Components: []model.Component{{Name: naming.Main, Service: &model.Service{Ports: ports}}}}
}

func TestNamesOfPorts(t *testing.T) {
	dns := v1alpha1.Port{ContainerPort: 53, Protocol: corev1.ProtocolUDP}
	tests := map[string]struct {
		ports   []v1alpha1.Port
		earlier model.Content
		want    []string
	}{
		"R9 by the number and the protocol": {
			[]v1alpha1.Port{{ContainerPort: 80}, dns, {ContainerPort: 9, Protocol: corev1.ProtocolSCTP}}, model.Content{},
			[]string{"port-80 80/TCP", "port-53-udp 53/UDP", "port-9-sctp 9/SCTP"},
		},
		"R9 by that of the Service, whatever the container's is": {
			[]v1alpha1.Port{{ContainerPort: 8080, ServicePort: ptr.To[int32](80)}}, model.Content{}, []string{"port-80 8080/TCP"},
		},
		"R9 the longest": {
			[]v1alpha1.Port{{ContainerPort: 65535, Protocol: corev1.ProtocolSCTP}}, model.Content{},
			[]string{"port-65535-sctp 65535/SCTP"},
		},
		"R9 another where the user has given it to another port": {
			[]v1alpha1.Port{dns, {Name: "port-53-udp", ContainerPort: 54}, {Name: "p53-udp-1", ContainerPort: 55}}, model.Content{},
			[]string{"p53-udp-2 53/UDP", "port-53-udp 54/TCP", "p53-udp-1 55/TCP"},
		},
		"R2 R9 what an earlier operator called it by its place, wherever it is now": {
			[]v1alpha1.Port{{ContainerPort: 9090}, {ContainerPort: 81}, {ContainerPort: 80}},
			earlier(corev1.ServicePort{Name: "port-0", Port: 80}, corev1.ServicePort{Name: "port-1", Port: 81}),
			[]string{"port-9090 9090/TCP", "port-1 81/TCP", "port-0 80/TCP"},
		},
		"R9 not what it called one of another protocol": {
			[]v1alpha1.Port{dns}, earlier(corev1.ServicePort{Name: "port-0", Port: 53, Protocol: corev1.ProtocolTCP}),
			[]string{"port-53-udp 53/UDP"},
		},
		"R9 not a name that the user has taken back": {
			[]v1alpha1.Port{{ContainerPort: 80}}, earlier(corev1.ServicePort{Name: "http", Port: 80}), []string{"port-80 80/TCP"},
		},
		"R9 a name that is kept goes before one by the number": {
			[]v1alpha1.Port{{ContainerPort: 1}, {ContainerPort: 81}},
			earlier(corev1.ServicePort{Name: "port-1", Port: 81}), []string{"p1-tcp-1 1/TCP", "port-1 81/TCP"},
		},
		"R9 the user's name goes before one that is kept": {
			[]v1alpha1.Port{{ContainerPort: 80}, {Name: "port-7-udp", ContainerPort: 81}},
			earlier(corev1.ServicePort{Name: "port-7-udp", Port: 80}), []string{"port-80 80/TCP", "port-7-udp 81/TCP"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rendered, err := render.Content(render.Input{
				Stack: Stack("shop", portList(test.ports...)), Names: render.GeneratedNames(test.earlier),
			})
			if err != nil {
				t.Fatal(err)
			}
			got := servingOf(rendered.Components[0])
			if diff := cmp.Diff(test.want, got.Container); diff != "" {
				t.Errorf("container ports (-want +got):\n%s", diff)
			}
			for i, port := range rendered.Components[0].Service.Ports {
				if container := rendered.Components[0].App().Ports[i]; port.Name != container.Name || port.TargetPort.StrVal != container.Name {
					t.Errorf("Service port %s targets %s, want both to be %s", port.Name, port.TargetPort.StrVal, container.Name)
				}
			}
		})
	}
}

// TestOneWayOfNaming checks that a port gets the same name from the spec and from the image.
func TestOneWayOfNaming(t *testing.T) {
	exposing := image(func(config *dockerspec.DockerOCIImageConfig) { config.ExposedPorts = set("8080/tcp", "53/udp") })
	spec := portList(v1alpha1.Port{ContainerPort: 53, Protocol: corev1.ProtocolUDP}, v1alpha1.Port{ContainerPort: 8080})
	for name, names := range map[string]map[string]render.PortNames{
		"R3 of a new stack":    nil,
		"R3 of an earlier one": render.GeneratedNames(earlier(corev1.ServicePort{Name: "port-0", Port: 8080})),
	} {
		t.Run(name, func(t *testing.T) {
			hashes := map[string]bool{}
			for _, options := range [][]Option{{Bare()}, {Bare(), spec}} {
				rendered, err := render.Content(render.Input{
					Stack:  Stack("shop", options...),
					Images: map[model.ImageRequest]model.Image{{Reference: "my-app:1"}: exposing},
					Names:  names,
				})
				if err != nil {
					t.Fatal(err)
				}
				hashes[rendered.Hash()] = true
			}
			if len(hashes) != 1 {
				t.Error("the image's ports give different content than the same ports in the spec")
			}
		})
	}
}
