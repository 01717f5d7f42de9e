// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/test/kubectl"
)

const (
	operatorNamespace  = "appstack-system"
	operatorDeployment = "appstack-controller-manager"
	lease              = "manager.apps.appstack.dev"
	crd                = "appstacks.apps.appstack.dev"
)

// current is the chart of this tree.
var current = filepath.Join("test", "e2e", "operator")

// install installs the operator of this tree as users do, and waits for both managers.
func install(ctx context.Context) {
	GinkgoHelper()
	installFrom(ctx, filepath.Join(root(), current))
}

func installFrom(ctx context.Context, folder string) {
	GinkgoHelper()
	kubectl.Run("apply", "-k", folder)
	operatorRuns(ctx)
}

// restart replaces both managers.
func restart(ctx context.Context) {
	GinkgoHelper()
	kubectl.Run("-n", operatorNamespace, "rollout", "restart", "deployment/"+operatorDeployment)
	operatorRuns(ctx)
}

// operatorRuns waits until the operator's Deployment is rolled out, and one of its pods leads.
func operatorRuns(ctx context.Context) {
	GinkgoHelper()
	kubectl.Run("-n", operatorNamespace, "rollout", "status", "deployment/"+operatorDeployment, "--timeout=3m")
	Eventually(ctx, func(g Gomega) {
		g.Expect(names(managers(ctx))).To(ContainElement(podOf(leader(ctx))), "the leader must be a running pod")
	}).Should(Succeed())
}

// managers returns the operator's pods that are not being deleted.
func managers(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	return podsOf(ctx, operatorNamespace, client.MatchingLabels{
		"app.kubernetes.io/name": "appstack", "app.kubernetes.io/component": "manager"})
}

// leader returns the holder of the lease: the pod's name, "_", and an identifier of its process.
func leader(ctx context.Context) string {
	GinkgoHelper()
	held, err := get[coordinationv1.Lease](ctx, operatorNamespace, lease)
	Expect(client.IgnoreNotFound(err)).To(Succeed())
	return ptr.Deref(held.Spec.HolderIdentity, "")
}

// podOf returns the pod's name from the identity of a leader.
func podOf(leader string) string {
	name, _, _ := strings.Cut(leader, "_")
	return name
}

// killLeader kills the leading process with a signal that it cannot handle, and
// returns its identity.
func killLeader(ctx context.Context) string {
	GinkgoHelper()
	leads := leader(ctx)
	pod, err := get[corev1.Pod](ctx, operatorNamespace, podOf(leads))
	Expect(err).NotTo(HaveOccurred())
	_, id, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "://")
	onNode(ctx, pod.Spec.NodeName, "sh", "-c",
		`for p in /proc/[0-9]*; do if grep -q "$0" "$p/cgroup" 2>/dev/null; then exec kill -9 "${p#/proc/}"; fi; done; exit 1`, id)
	return leads
}

// onNode runs a command on a node, which is a container of this host.
func onNode(ctx context.Context, node string, command ...string) {
	GinkgoHelper()
	docker := cmp.Or(os.Getenv("CONTAINER_TOOL"), "docker")
	output, err := exec.CommandContext(ctx, docker, append([]string{"exec", node}, command...)...).CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s: %s", node, output)
}

// operatorImage returns the image of the operator's Deployment.
func operatorImage(ctx context.Context) string {
	GinkgoHelper()
	deployment, err := get[appsv1.Deployment](ctx, operatorNamespace, operatorDeployment)
	Expect(err).NotTo(HaveOccurred())
	return deployment.Spec.Template.Spec.Containers[0].Image
}
