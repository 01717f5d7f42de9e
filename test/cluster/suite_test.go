// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package cluster_test tells a stack's life against a whole control plane: the
// real controllers, scheduler and garbage collector, with simulated nodes.
package cluster_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/appstack-dev/appstack/internal/controller"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/kubectl"
	"github.com/appstack-dev/appstack/test/operator"
)

const (
	// operatorAgent is how the API server's audit log names the operator under test.
	operatorAgent = "appstack-cluster-test-operator"
	// testAgent is how it names what the tests themselves ask.
	testAgent = "appstack-cluster-test"
)

var (
	// kube is the tests' own way to the API server, without a cache.
	kube client.WithWatch
	// auditLog is where the API server writes down every request.
	auditLog string

	stopOperator func() error
)

func TestCluster(t *testing.T) {
	RegisterFailHandler(Fail)
	format.MaxLength = 4000
	SetDefaultEventuallyTimeout(30 * time.Second)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	SetDefaultConsistentlyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Cluster")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	scheme, err := controller.Scheme()
	Expect(err).NotTo(HaveOccurred())
	kube, err = client.NewWithWatch(connection(testAgent), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	Expect(kube.List(ctx, &corev1.NamespaceList{}, client.Limit(1))).To(Succeed(),
		"the cluster that KUBECONFIG names does not answer: run 'make cluster'")
	auditLog = findAuditLog()

	kubectl.ApplyDefinitions(filepath.Join(root(), "config", "crd", "bases"))
	expectNoOtherOperator(ctx)
	startOperator(operator.Options{})
	DeferCleanup(endOperator)
})

// root is the folder of the repository.
func root() string {
	folder, err := filepath.Abs(filepath.Join("..", ".."))
	Expect(err).NotTo(HaveOccurred())
	return folder
}

// connection is a way to the cluster that KUBECONFIG names. There is no default:
// the tests are not for the cluster that someone happens to be logged in to.
func connection(userAgent string) *rest.Config {
	if os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		Fail("KUBECONFIG names no cluster: run 'make cluster' and then 'make test-cluster'")
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{}).ClientConfig()
	Expect(err).NotTo(HaveOccurred(), "reading KUBECONFIG; 'make cluster' writes bin/kubeconfig")
	config.UserAgent = userAgent
	config.QPS = -1 // as ctrl.GetConfig has it
	return config
}

// findAuditLog is the file APPSTACK_AUDIT_LOG, or that of a cluster which hack/cluster/up started.
func findAuditLog() string {
	path := os.Getenv("APPSTACK_AUDIT_LOG")
	if path == "" {
		config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
		Expect(err).NotTo(HaveOccurred())
		name := strings.TrimPrefix(config.CurrentContext, "kwok-")
		path = filepath.Join(root(), "bin", "kwok", "clusters", name, "logs", "audit.log")
	}
	Expect(path).To(BeARegularFile(), "the tests need the API server's audit log: run them against "+
		"'make cluster', whose nodes are simulated, or name the log in APPSTACK_AUDIT_LOG")
	return path
}

// expectNoOtherOperator makes a stack and sees whether anyone takes care of it.
func expectNoOtherOperator(ctx context.Context) {
	w := newWorld(ctx)
	w.apply(fixture.Stack(app, fixture.Replicas(0)))
	Consistently(w.stack).WithContext(ctx).Should(HaveField("Status.ObservedGeneration", BeZero()),
		"an operator runs on this cluster already: stop it, the tests bring their own")
	w.kubectl("delete", "aps", app)
}

// startOperator runs the operator in this process.
func startOperator(options operator.Options) {
	GinkgoHelper()
	Expect(stopOperator).To(BeNil(), "the operator runs already")
	// it outlives the node that starts it
	stop, err := operator.Start(context.Background(), connection(operatorAgent), options)
	Expect(err).NotTo(HaveOccurred())
	stopOperator = stop
}

// endOperator stops it, if it runs.
func endOperator() {
	GinkgoHelper()
	if stopOperator == nil {
		return
	}
	stop := stopOperator
	stopOperator = nil
	Expect(stop()).To(Succeed())
}

// withOperator runs the rest of the spec with an operator of these options.
func withOperator(options operator.Options) {
	GinkgoHelper()
	withoutOperator()
	startOperator(options)
}

// withoutOperator runs the rest of the spec without an operator. The specs after
// it have the usual one.
func withoutOperator() {
	GinkgoHelper()
	DeferCleanup(func() {
		endOperator()
		startOperator(operator.Options{})
	})
	endOperator()
}
