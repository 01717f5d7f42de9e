// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli"
	"github.com/appstack-dev/appstack/test/fixture"
)

// The plugin runs in the specs' process, as the administrator, in the spec's
// namespace. Its streams are buffers, not terminals.

// kubeconfig writes a kubeconfig of the administrator and returns its path. The file
// exists until the spec ends.
func kubeconfig() string {
	GinkgoHelper()
	admin, err := environment.ControlPlane.AddUser(adminUser, nil)
	Expect(err).NotTo(HaveOccurred())
	raw, err := admin.KubeConfig()
	Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(file, raw, 0o600)).To(Succeed())
	return file
}

// plugin runs the plugin with the given streams.
type plugin struct {
	in       io.Reader
	out, err io.Writer
	// kubeconfig defaults to the administrator's.
	kubeconfig string
	// clock defaults to the real clock.
	clock clock.WithTicker
}

// run runs a command line in the namespace of the spec and returns its exit code.
func (p plugin) run(ctx context.Context, args ...string) int {
	GinkgoHelper()
	if p.kubeconfig == "" {
		p.kubeconfig = kubeconfig()
	}
	if p.in == nil {
		p.in = strings.NewReader("")
	}
	made := cli.New(genericiooptions.IOStreams{In: p.in, Out: p.out, ErrOut: p.err}, "test")
	made.Env = func(string) string { return "" }
	if p.clock != nil {
		made.Clock = p.clock
	}
	flags := []string{"--kubeconfig", p.kubeconfig, "-n", namespace, "--cache-dir", filepath.Join(filepath.Dir(p.kubeconfig), "cache")}
	// after the command, which may be __complete, and before a --, which ends the plugin's flags
	return made.Run(ctx, append(append([]string{args[0]}, flags...), args[1:]...))
}

// output runs a command line and returns its output.
func (p plugin) output(args ...string) (stdout, stderr string, code int) {
	GinkgoHelper()
	var out, err bytes.Buffer
	p.out, p.err = &out, &err
	code = p.run(ctx, args...)
	return out.String(), err.String(), code
}

// appstack runs the plugin.
func appstack(args ...string) (stdout, stderr string, code int) {
	GinkgoHelper()
	return plugin{}.output(args...)
}

// appstackAs runs the plugin as the user.
func appstackAs(user string, args ...string) (stdout, stderr string, code int) {
	GinkgoHelper()
	return plugin{}.output(append([]string{args[0], "--as", user}, args[1:]...)...)
}

// does runs the plugin, which must succeed, and returns its standard output.
func does(args ...string) string {
	GinkgoHelper()
	stdout, stderr, code := appstack(args...)
	Expect(code).To(BeZero(), "kubectl appstack %s: %s", strings.Join(args, " "), stderr)
	return stdout
}

// refuses runs the plugin, which must fail, and returns its standard error.
func refuses(args ...string) string {
	GinkgoHelper()
	stdout, stderr, code := appstack(args...)
	Expect(code).To(Equal(cli.ExitError), "kubectl appstack %s: %s", strings.Join(args, " "), stdout)
	Expect("\n" + stderr).To(ContainSubstring("\nerror: "))
	return stderr
}

// changesNothing checks that a function does not change the stack.
func changesNothing(run func()) {
	GinkgoHelper()
	before := current()
	run()
	after := current()
	Expect(after.Spec).To(Equal(before.Spec))
	Expect(after.Annotations).To(Equal(before.Annotations))
}

// ended is the result of a finished command.
type ended struct {
	stdout, stderr string
	code           int
}

// meanwhile runs the plugin and calls happens, which simulates the cluster,
// repeatedly until the plugin ends.
func meanwhile(happens func(Gomega), args ...string) ended {
	GinkgoHelper()
	done := make(chan ended, 1)
	file := kubeconfig()
	go func() {
		defer GinkgoRecover()
		var e ended
		e.stdout, e.stderr, e.code = plugin{kubeconfig: file}.output(args...)
		done <- e
	}()
	var e ended
	Eventually(func(g Gomega) {
		happens(g)
		g.Expect(done).To(Receive(&e))
	}).Should(Succeed())
	return e
}

// read reads the YAML or JSON that a command wrote.
func read[T any](text string) T {
	GinkgoHelper()
	var value T
	Expect(yaml.UnmarshalStrict([]byte(text), &value)).To(Succeed(), text)
	return value
}

// cause returns the change cause of the stack.
func cause(stack *v1alpha1.AppStack) string { return stack.Annotations[v1alpha1.AnnotationChangeCause] }

// brokenRelease releases my-app:2, which fails and is rolled back. It returns the name of the
// failed pod.
func brokenRelease(by ...option) (pod string) {
	GinkgoHelper()
	by = append([]option{fixture.Image("my-app:2")}, by...)
	change(by...)
	moved(2)
	failed := podOf(replicaSetOf(deployment(app)))
	fails(failed)
	healed()
	return failed.Name
}
