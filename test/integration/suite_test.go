// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package integration tests the operator against a real API server and etcd.
// There is no controller manager: the specs simulate the Deployment controller and
// the garbage collector where needed (see deployments_test.go).
package integration

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/controller"
	"github.com/appstack-dev/appstack/test/operator"
)

// root is the root directory of the repository.
var root = filepath.Join("..", "..")

var (
	ctx         context.Context
	environment *envtest.Environment
	config      *rest.Config
	// k8s reads and writes without a cache.
	k8s client.WithWatch
	// namespace is the namespace of the running spec.
	namespace string
	// stopOperator stops the shared operator.
	stopOperator func() error
)

func TestIntegration(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Integration")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(15 * time.Second)
	SetDefaultEventuallyPollingInterval(40 * time.Millisecond)
	SetDefaultConsistentlyDuration(250 * time.Millisecond)
	SetDefaultConsistentlyPollingInterval(40 * time.Millisecond)
	ctrl.SetLogger(GinkgoLogr)

	var cancel context.CancelFunc
	ctx, cancel = context.WithCancel(context.Background())
	DeferCleanup(cancel)

	environment = &envtest.Environment{
		BinaryAssetsDirectory:    assets(),
		CRDDirectoryPaths:        []string{filepath.Join(root, "config", "crd", "bases")},
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	// as on OpenShift: setting blockOwnerDeletion needs a permission
	environment.ControlPlane.GetAPIServer().Configure().
		Append("enable-admission-plugins", "OwnerReferencesPermissionEnforcement").
		// the default has room for 254 Services, and those of finished specs are not deleted
		Set("service-cluster-ip-range", "10.96.0.0/16")
	var err error
	config, err = environment.Start()
	Expect(err).NotTo(HaveOccurred(), "starting etcd and kube-apiserver")
	DeferCleanup(func() error { return environment.Stop() })
	config.QPS, config.Burst = -1, 0

	scheme, err := controller.Scheme()
	Expect(err).NotTo(HaveOccurred())
	Expect(apiextensionsv1.AddToScheme(scheme)).To(Succeed())
	k8s, err = client.NewWithWatch(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())

	stopOperator = start(config, operator.Options{})
	DeferCleanup(func() error { return stopOperator() })
})

var _ = BeforeEach(func() {
	own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(k8s.Create(ctx, own)).To(Succeed())
	namespace = own.Name
	DeferCleanup(func() { // later specs must not see this spec's stacks
		Expect(k8s.DeleteAllOf(ctx, &v1alpha1.AppStack{}, client.InNamespace(own.Name))).To(Succeed())
	})
})

// assets returns the directory with the control plane binaries: the one that
// KUBEBUILDER_ASSETS names, else the repository's own.
func assets() string {
	if named := os.Getenv("KUBEBUILDER_ASSETS"); named != "" {
		return named
	}
	command := exec.CommandContext(ctx, filepath.Join(root, "hack", "controlplane", "assets"), "envtest")
	command.Stderr = GinkgoWriter
	folder, err := command.Output()
	Expect(err).NotTo(HaveOccurred(), "getting the control plane binaries")
	return strings.TrimSpace(string(folder))
}

// start starts an operator; the returned function stops it.
func start(config *rest.Config, options operator.Options) (stop func() error) {
	GinkgoHelper()
	stop, err := operator.Start(ctx, config, options)
	Expect(err).NotTo(HaveOccurred(), "starting the operator")
	return stop
}

// instead runs another operator in place of the shared one until the spec
// ends or the returned function is called.
func instead(config *rest.Config, options operator.Options) (stop func()) {
	GinkgoHelper()
	Expect(stopOperator()).To(Succeed())
	stopOther := start(config, options)
	running := true
	stop = func() {
		if running {
			running = false
			Expect(stopOther()).To(Succeed())
		}
	}
	shared := rest.CopyConfig(environment.Config)
	DeferCleanup(func() {
		stop()
		stopOperator = start(shared, operator.Options{})
	})
	return stop
}
