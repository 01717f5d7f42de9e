// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"cmp"
	"math"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// resources converts deploy.resources, or else mem_limit, cpus and mem_reservation.
func (c *converter) resources(s *service) *corev1.ResourceRequirements {
	limits, reservations := types.Resource{}, types.Resource{}
	if s.Deploy != nil {
		if s.Deploy.Resources.Limits != nil {
			limits = *s.Deploy.Resources.Limits
		}
		if s.Deploy.Resources.Reservations != nil {
			reservations = *s.Deploy.Resources.Reservations
		}
	}
	limits.NanoCPUs = cmp.Or(limits.NanoCPUs, types.NanoCPUs(s.CPUS))
	limits.MemoryBytes = cmp.Or(limits.MemoryBytes, s.MemLimit)
	reservations.MemoryBytes = cmp.Or(reservations.MemoryBytes, s.MemReservation)

	out := corev1.ResourceRequirements{Limits: quantities(limits), Requests: quantities(reservations)}
	for name, limit := range out.Limits {
		if request, ok := out.Requests[name]; ok && request.Cmp(limit) > 0 {
			out.Requests[name] = limit
			c.note(s, "deploy.resources.reservations", "more %s is reserved (%s) than may be used: the request is %s, the limit",
				name, request.String(), limit.String())
		}
	}
	if len(out.Limits)+len(out.Requests) == 0 {
		return nil
	}
	return &out
}

func quantities(given types.Resource) corev1.ResourceList {
	out := corev1.ResourceList{}
	if given.NanoCPUs > 0 {
		thousandths := int64(math.Round(float64(given.NanoCPUs) * 1000))
		out[corev1.ResourceCPU] = *resource.NewMilliQuantity(max(thousandths, 1), resource.DecimalSI)
	}
	if given.MemoryBytes > 0 {
		out[corev1.ResourceMemory] = bytesOf(given.MemoryBytes)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// bytesOf returns a size that is formatted with a binary suffix, such as 256Mi.
func bytesOf(size types.UnitBytes) resource.Quantity {
	return *resource.NewQuantity(int64(size), resource.BinarySI)
}
