// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package e2e_test installs the operator on a kind cluster and tests it there, with
// real nodes, containers, DNS names and requests. `make test-e2e` prepares the cluster.
package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/appstack-dev/appstack/internal/controller"
)

var (
	// config is the client configuration for the cluster.
	config *rest.Config
	// kube is the tests' own client, without a cache.
	kube client.WithWatch
	// core is for requests that kube does not support: the proxy to pods, and their logs.
	core kubernetes.Interface
)

// gate labels the specs of `make test-e2e-short`: the main path under load, and the guarantees of updates.
var gate = Label("gate")

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	format.MaxLength = 4000
	SetDefaultEventuallyTimeout(2 * time.Minute)
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	SetDefaultConsistentlyDuration(5 * time.Second)
	SetDefaultConsistentlyPollingInterval(200 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "E2E")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	config = connection()
	scheme, err := controller.Scheme()
	Expect(err).NotTo(HaveOccurred())
	kube, err = client.NewWithWatch(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	core, err = kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	Expect(kube.List(ctx, &corev1.NamespaceList{}, client.Limit(1))).To(Succeed(), "the cluster does not answer")

	install(ctx)
	restart(ctx) // the image of that tag may be another one than in an earlier run
	startRequester(ctx)
})

// root returns the root folder of the repository.
func root() string {
	folder, err := filepath.Abs(filepath.Join("..", ".."))
	Expect(err).NotTo(HaveOccurred())
	return folder
}

// built returns the path of a file or folder that `make test-e2e` creates before it runs the suite.
func built(elements ...string) string {
	return filepath.Join(append([]string{root(), "bin", "e2e"}, elements...)...)
}

// connection returns the client configuration for the cluster in KUBECONFIG. There is no
// default, so that the tests never run on a user's current cluster by accident.
func connection() *rest.Config {
	if os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		Fail("KUBECONFIG names no cluster: run 'make kind-up' and then 'make test-e2e'")
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{}).ClientConfig()
	Expect(err).NotTo(HaveOccurred(), "reading KUBECONFIG")
	config.UserAgent = "appstack-e2e-test"
	config.QPS = -1
	return config
}
