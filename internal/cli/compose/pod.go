// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/appstack-dev/appstack/internal/naming"
)

// preStopSeconds is the preStop pause that AppStack gives pods with ports, so that load balancers
// stop sending first. It is part of the grace period.
const preStopSeconds = 5

// podTemplate returns the settings of a service that have no field of their own in a stack's spec;
// nil if there are none.
func (c *converter) podTemplate(s *service) *runtime.RawExtension {
	pod, container := corev1ac.PodSpec(), corev1ac.Container()
	if s.StopGracePeriod != nil {
		grace := seconds(time.Duration(*s.StopGracePeriod))
		if len(s.ports) > 0 || !s.runsCommand() { // the service has ports, or the image may expose some
			grace += preStopSeconds
		}
		pod.WithTerminationGracePeriodSeconds(grace)
	}
	c.hostAliases(s, pod)
	c.platform(s, pod)
	if security := c.securityContext(s); !isEmptyConfiguration(security) {
		container.WithSecurityContext(security)
	}
	if s.StdinOpen {
		container.WithStdin(true)
	}
	if s.Tty {
		container.WithTTY(true)
	}
	if !isEmptyConfiguration(container) {
		pod.WithContainers(container.WithName(naming.AppContainer))
	}
	if isEmptyConfiguration(pod) {
		return nil
	}
	raw, err := json.Marshal(corev1ac.PodTemplateSpec().WithSpec(pod))
	if err != nil {
		panic(err) // a plain value always has a JSON form
	}
	return &runtime.RawExtension{Raw: raw}
}

func isEmptyConfiguration(configuration any) bool {
	raw, err := json.Marshal(configuration)
	return err == nil && string(raw) == "{}"
}

// hostAliases converts the extra hosts that have an IP address.
func (c *converter) hostAliases(s *service, pod *corev1ac.PodSpecApplyConfiguration) {
	names := map[string][]string{} // names by address
	for _, name := range sortedKeys(s.ExtraHosts) {
		for _, address := range s.ExtraHosts[name] {
			if _, err := netip.ParseAddr(address); err != nil {
				c.note(s, "extra_hosts", "%s is not carried over, as %s is no address: a Service of type ExternalName can stand for it",
					name, address)
				continue
			}
			names[address] = append(names[address], name)
		}
	}
	for _, address := range sortedKeys(names) {
		pod.WithHostAliases(corev1ac.HostAlias().WithIP(address).WithHostnames(names[address]...))
	}
}

// platform converts os/arch to a node selector. It ignores a variant, such as v7, because nodes
// have no label for it.
func (c *converter) platform(s *service, pod *corev1ac.PodSpecApplyConfiguration) {
	if s.Platform == "" {
		return
	}
	parts := strings.Split(s.Platform, "/")
	if len(parts) < 2 || slices.Contains(parts, "") {
		c.note(s, "platform", "%s is not carried over: AppStack chooses nodes by the platforms of the image; "+
			"set nodeSelector in podTemplate", s.Platform)
		return
	}
	pod.WithNodeSelector(map[string]string{corev1.LabelOSStable: parts[0], corev1.LabelArchStable: parts[1]})
}

// securityContext converts the user and the privileges of a service.
func (c *converter) securityContext(s *service) *corev1ac.SecurityContextApplyConfiguration {
	out := corev1ac.SecurityContext()
	c.user(s, out)
	if s.ReadOnly {
		out.WithReadOnlyRootFilesystem(true)
	}
	if len(s.CapAdd)+len(s.CapDrop) > 0 {
		out.WithCapabilities(corev1ac.Capabilities().WithAdd(capabilities(s.CapAdd)...).WithDrop(capabilities(s.CapDrop)...))
	}
	return out
}

func capabilities(names []string) []corev1.Capability {
	var out []corev1.Capability
	for _, name := range names {
		out = append(out, corev1.Capability(strings.TrimPrefix(strings.ToUpper(name), "CAP_")))
	}
	return out
}

// user converts numeric users and groups. The number of a name is known only inside the image.
func (c *converter) user(s *service, out *corev1ac.SecurityContextApplyConfiguration) {
	if s.User == "" {
		return
	}
	user, group, hasGroup := strings.Cut(s.User, ":")
	uid, userOK := userNumber(user)
	gid, groupOK := userNumber(group)
	if userOK {
		out.WithRunAsUser(uid)
	}
	if hasGroup && groupOK {
		out.WithRunAsGroup(gid)
	}
	if !userOK || hasGroup && !groupOK {
		c.note(s, "user", "%s is a name, and Kubernetes takes numbers: set runAsUser and runAsGroup in podTemplate; "+
			"id %s tells them in a container", s.User, user)
	}
}

func userNumber(text string) (int64, bool) {
	if text == "root" {
		return 0, true
	}
	number, err := strconv.ParseUint(text, 10, 31)
	return int64(number), err == nil
}
