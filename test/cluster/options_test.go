// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

// withoutProbeDelay makes pods without a readiness probe available at once, so that
// specs that do not test this need not wait 10 s (R24).
func withoutProbeDelay(s *v1alpha1.AppStack) {
	s.Spec.Rollout = &v1alpha1.RolloutPolicy{MinReadySeconds: ptr.To[int32](0)}
}

// slowStart delays the readiness of simulated pods.
func slowStart(duration string) fixture.Option {
	return fixture.PodTemplate(`{"metadata":{"annotations":{"appstack.dev/ready-after":"` + duration + `"}}}`)
}

// scaledByItself enables autoscaling of the main component.
func scaledByItself(least, most int32) fixture.Option {
	return func(s *v1alpha1.AppStack) {
		s.Spec.Replicas, s.Spec.Autoscaling = nil, &v1alpha1.Autoscaling{MinReplicas: &least, MaxReplicas: most}
	}
}

// notScaled sets neither replicas nor autoscaling of the main component.
func notScaled(s *v1alpha1.AppStack) {
	s.Spec.Replicas, s.Spec.Autoscaling = nil, nil
}

// namedPorts sets the main component's ports.
func namedPorts(ports ...v1alpha1.Port) fixture.Option {
	return func(s *v1alpha1.AppStack) { s.Spec.Ports = ports }
}
