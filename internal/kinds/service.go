// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package kinds

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
)

// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch;delete

// services route requests to the pods of components with ports.
var services = &Kind{
	Name:      model.KindService,
	Resource:  corev1.SchemeGroupVersion.WithResource("services"),
	New:       func() Object { return &corev1.Service{} },
	Content:   true,
	Adoptable: true,
	Without:   "set ports to [] to have no Service",
	child: func(in In) *Child {
		return appliedChild(in, model.KindService, render.Service(in.State.Stack, in.Component.Component), takesPorts)
	},
	spec:    specOf(func(s *corev1.Service) any { return s.Spec }),
	serving: "spec",
	part:    func(component model.Component) bool { return component.Service != nil },
	// an existing Service that is to be adopted keeps serving the existing pods until the
	// rollout has ended, as its ports may target them by number (R26)
	deferred: func(state model.State, live metav1.Object) bool {
		return live != nil && model.OwnershipOf(state.Stack, live) == model.Unclaimed
	},
	lost: func(component model.Component) string {
		switch component.Service.Type {
		case corev1.ServiceTypeLoadBalancer:
			return "its cluster IP and the address of its load balancer may have changed"
		case corev1.ServiceTypeNodePort:
			return "its cluster IP and its node ports may have changed"
		default:
			return "its cluster IP may have changed"
		}
	},
}

// takesPorts reports whether the live Service has ports of others that are in the way.
func takesPorts(in In, config *corev1ac.ServiceApplyConfiguration, live metav1.Object) bool {
	service, ok := live.(*corev1.Service)
	return ok && (model.OwnershipOf(in.State.Stack, service) == model.Unclaimed || inTheWay(config, service))
}

// inTheWay reports whether a Service has a port with the name of one of the stack's ports but
// another number or protocol. Server-side apply identifies ports by number and protocol, and
// would add the stack's port beside it.
func inTheWay(wanted *corev1ac.ServiceApplyConfiguration, service *corev1.Service) bool {
	for _, want := range wanted.Spec.Ports {
		for _, port := range service.Spec.Ports {
			same := port.Port == ptr.Deref(want.Port, 0) && port.Protocol == ptr.Deref(want.Protocol, corev1.ProtocolTCP)
			if port.Name == ptr.Deref(want.Name, "") && !same {
				return true
			}
		}
	}
	return false
}
