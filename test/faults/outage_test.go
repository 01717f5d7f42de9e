// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/oracle"
	"github.com/appstack-dev/appstack/test/world"
)

// component is a program of the cluster of `make cluster`.
type component struct {
	name string
	pid  int
	// arguments and environment are those with which it was started.
	arguments, environment []string
}

// running returns the running component with the name.
func running(name string) component {
	GinkgoHelper()
	number, err := os.ReadFile(pidFile(name))
	Expect(err).NotTo(HaveOccurred(), "which process is %s?", name)
	pid, err := strconv.Atoi(strings.TrimSpace(string(number)))
	Expect(err).NotTo(HaveOccurred())
	words := func(file string) []string {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		Expect(err).NotTo(HaveOccurred())
		return strings.Split(string(bytes.TrimRight(raw, "\x00")), "\x00")
	}
	c := component{name: name, pid: pid, arguments: words("cmdline"), environment: words("environ")}
	Expect(c.arguments[0]).To(HavePrefix(world.ClusterFolder()), "it is the cluster's own")
	return c
}

func pidFile(name string) string { return filepath.Join(world.ClusterFolder(), "pids", name+".pid") }

// end ends the component with the signal.
func (c component) end(ctx context.Context, signal syscall.Signal) {
	GinkgoHelper()
	Expect(syscall.Kill(c.pid, signal)).To(Succeed())
	Eventually(ctx, c.gone).Should(BeTrue(), "%s ends", c.name)
}

// gone reports whether the component has ended.
func (c component) gone() bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", c.pid))
	return err != nil || len(line) == 0 // that of one is empty that nobody has waited for yet
}

// start starts the component again as before. It continues after the tests.
func (c component) start() {
	GinkgoHelper()
	output, err := os.OpenFile(filepath.Join(world.ClusterFolder(), "logs", c.name+".log"), os.O_APPEND|os.O_WRONLY, 0)
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(output.Close()).To(Succeed()) }()
	command := exec.Command(c.arguments[0], c.arguments[1:]...)
	command.Dir, command.Env = world.ClusterFolder(), c.environment
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	Expect(command.Start()).To(Succeed())
	go func() { _ = command.Wait() }() // so that nothing is left of one that ends before the tests do
	Expect(os.WriteFile(pidFile(c.name), []byte(strconv.Itoa(command.Process.Pid)), 0o600)).To(Succeed())
}

// isBack waits until the API server answers again.
func isBack(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, func() error {
		var stacks v1alpha1.AppStackList
		return world.Kube.List(ctx, &stacks)
	}).Should(Succeed())
}

// leadAgain restarts components that end because they could not renew their lease, as the kubelet does,
// until each of them has renewed it.
func leadAgain(ctx context.Context, components []component, since time.Time) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		for i, c := range components {
			if c.gone() {
				c.start()
				components[i] = running(c.name)
			}
			lease, err := world.Get[coordinationv1.Lease](ctx, "kube-system", c.name)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(lease.Spec.RenewTime).NotTo(BeNil())
			g.Expect(lease.Spec.RenewTime.Time).To(BeTemporally(">", since), "%s leads", c.name)
		}
	}).Should(Succeed())
}

// nodesStartAnew restarts the simulated nodes with the existing pods. Unlike a kubelet, kwok does not retry a change of
// a pod's status that failed while the control plane was down: the pod would never become ready. Each kwok has another
// name, and would wait until the leases of the previous one expire.
func nodesStartAnew(ctx context.Context) {
	GinkgoHelper()
	nodes := running("kwok-controller")
	nodes.end(ctx, syscall.SIGTERM)
	Expect(world.Kube.DeleteAllOf(ctx, &coordinationv1.Lease{}, client.InNamespace(corev1.NamespaceNodeLease))).To(Succeed())
	nodes.start()
}

// Nothing else uses the cluster meanwhile.
var _ = Describe("A control plane that goes away", Serial, func() {
	const away = 8 * time.Second

	DescribeTable("in the middle of a release: it ends as it would have",
		func(ctx SpecContext, name string, signal syscall.Signal, image, reason string, history ...string) {
			namespace := world.New(ctx).Namespace
			stop, err := operator.Start(context.Background(), config, operator.Options{Namespaces: []string{namespace}})
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func() { Expect(stop()).To(Succeed()) })
			a := created(PodTemplate(slowly))
			Expect(a.by(ctx, namespace)).To(Succeed())
			Expect(a.await(ctx, namespace, patience)).To(Succeed())
			Expect(change(Image(image))(ctx, namespace)).To(Succeed())
			Eventually(ctx, func(g Gomega) {
				stack, err := world.Get[v1alpha1.AppStack](ctx, namespace, world.App)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(stack.Status.Revision).To(BeEquivalentTo(2))
			}).Should(Succeed())

			c := running(name)
			others := []component{running("kube-controller-manager"), running("kube-scheduler")}
			c.end(ctx, signal)
			ended := time.Now()
			Eventually(ctx, func() time.Duration { return time.Since(ended) }).Should(BeNumerically(">=", away))
			c.start()
			isBack(ctx)
			nodesStartAnew(ctx)
			leadAgain(ctx, others, time.Now())
			Eventually(ctx, func(g Gomega) {
				how, over := act{reason: reason}.stands(ctx, namespace)
				g.Expect(over).To(BeTrue(), how)
				stack, err := world.Get[v1alpha1.AppStack](ctx, namespace, world.App)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(world.History(stack)).To(Equal(history))
			}).WithTimeout(2 * patience).Should(Succeed())
			read, err := oracle.Read(ctx, world.Kube, namespace)
			Expect(err).NotTo(HaveOccurred())
			Expect(read.Wrong()).To(BeEmpty())
		},
		Entry("the API server is killed, a good release", SpecTimeout(6*time.Minute), "kube-apiserver", syscall.SIGKILL,
			"my-app:2", v1alpha1.ReasonSucceeded, "2 SpecChanged Succeeded", "1 SpecChanged Succeeded"),
		Entry("the API server is killed, a bad release (R12)", SpecTimeout(6*time.Minute), "kube-apiserver", syscall.SIGKILL,
			"my-app:crash", v1alpha1.ReasonRolledBack, "1 AutoRollback Succeeded", "2 SpecChanged Failed", "1 SpecChanged Succeeded"),
		Entry("etcd is killed, a good release", SpecTimeout(6*time.Minute), "etcd", syscall.SIGKILL,
			"my-app:2", v1alpha1.ReasonSucceeded, "2 SpecChanged Succeeded", "1 SpecChanged Succeeded"),
		Entry("etcd is killed, a bad release (R12)", SpecTimeout(6*time.Minute), "etcd", syscall.SIGKILL,
			"my-app:crash", v1alpha1.ReasonRolledBack, "1 AutoRollback Succeeded", "2 SpecChanged Failed", "1 SpecChanged Succeeded"),
	)
})
