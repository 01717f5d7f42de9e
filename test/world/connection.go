// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package world

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/appstack-dev/appstack/internal/controller"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/kubectl"
)

const (
	// OperatorAgent is the user agent of the operator under test in the audit log.
	OperatorAgent = "appstack-cluster-test-operator"
	// testAgent is the user agent of the tests' own requests.
	testAgent = "appstack-cluster-test"
)

var (
	// Kube is the tests' own client, without a cache.
	Kube client.WithWatch
	// auditLog is the API server's audit log of every request.
	auditLog string
)

// Open connects to the cluster, applies the CRDs and checks that no operator runs.
// A suite calls it before its specs.
func Open(ctx SpecContext) {
	GinkgoHelper()
	Reach()
	Expect(Kube.List(ctx, &corev1.NamespaceList{}, client.Limit(1))).To(Succeed(),
		"the cluster that KUBECONFIG names does not answer: run 'make cluster'")
	kubectl.ApplyDefinitions(filepath.Join(Root(), "config", "crd", "bases"))
	expectNoOtherOperator(ctx)
}

// Reach creates the client of the cluster. Each process of a suite calls it; in the first one,
// Open does.
func Reach() {
	GinkgoHelper()
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	scheme, err := controller.Scheme()
	Expect(err).NotTo(HaveOccurred())
	Kube, err = client.NewWithWatch(Connection(testAgent), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	auditLog = findAuditLog()
}

// ClusterFolder returns the directory with the logs and PID files of the cluster.
func ClusterFolder() string { return filepath.Dir(filepath.Dir(auditLog)) }

// Root returns the root directory of the repository.
func Root() string {
	folder, err := filepath.Abs(filepath.Join("..", ".."))
	Expect(err).NotTo(HaveOccurred())
	return folder
}

// Connection returns the client config of the cluster that KUBECONFIG names. There is no
// default, so that the tests never run against the user's current cluster.
func Connection(userAgent string) *rest.Config {
	GinkgoHelper()
	if os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		Fail("KUBECONFIG is not set: run 'make cluster' first, and then the make target of the tests")
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{}).ClientConfig()
	Expect(err).NotTo(HaveOccurred(), "reading KUBECONFIG; 'make cluster' writes bin/kubeconfig")
	config.UserAgent = userAgent
	config.QPS = -1 // as in ctrl.GetConfig
	return config
}

// findAuditLog returns the path in APPSTACK_AUDIT_LOG, or that of a cluster started by hack/cluster/up.
func findAuditLog() string {
	GinkgoHelper()
	path := os.Getenv("APPSTACK_AUDIT_LOG")
	if path == "" {
		config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
		Expect(err).NotTo(HaveOccurred())
		name := strings.TrimPrefix(config.CurrentContext, "kwok-")
		path = filepath.Join(Root(), "bin", "kwok", "clusters", name, "logs", "audit.log")
	}
	Expect(path).To(BeARegularFile(), "the tests need the API server's audit log: run them against "+
		"'make cluster', whose nodes are simulated, or name the log in APPSTACK_AUDIT_LOG")
	return path
}

// expectNoOtherOperator creates a stack and checks that no operator reconciles it.
func expectNoOtherOperator(ctx context.Context) {
	GinkgoHelper()
	w := New(ctx)
	w.Apply(fixture.Stack(App, fixture.Replicas(0)))
	Consistently(w.Stack).WithContext(ctx).Should(HaveField("Status.ObservedGeneration", BeZero()),
		"an operator already runs in this cluster: stop it, as the tests run their own")
	w.Kubectl("delete", "aps", App)
}
