// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// kubectlPath is the program that KUBECTL names, or the one of the PATH, or the
// one beside the kubeconfig.
func kubectlPath() string {
	GinkgoHelper()
	if path, err := exec.LookPath(cmp.Or(os.Getenv("KUBECTL"), "kubectl")); err == nil {
		return path
	}
	beside := filepath.Join(filepath.Dir(os.Getenv(clientcmd.RecommendedConfigPathEnvVar)), "kubectl")
	Expect(beside).To(BeAnExistingFile(), "there is no kubectl: name one in KUBECTL, or have it in the PATH")
	return beside
}

// kubectlTimeout ends a command that waits for what does not come.
const kubectlTimeout = time.Minute

// attempt runs kubectl with the input.
func attempt(input string, args ...string) (stdout, stderr string, err error) {
	GinkgoHelper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), kubectlTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, kubectlPath(), args...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &errs
	err = command.Run()
	_, _ = fmt.Fprintf(GinkgoWriter, "$ kubectl %s\n%s%s", strings.Join(args, " "), out.String(), errs.String())
	return out.String(), errs.String(), err
}

// run runs kubectl, which has to succeed, and is what it prints.
func run(args ...string) string {
	GinkgoHelper()
	stdout, stderr, err := attempt("", args...)
	Expect(err).NotTo(HaveOccurred(), "kubectl %s: %s", strings.Join(args, " "), stderr)
	return stdout
}

// kubectl runs it in the namespace of the spec.
func (w world) kubectl(args ...string) string {
	GinkgoHelper()
	return run(append([]string{"--namespace", w.namespace}, args...)...)
}

// kubectlApply applies the text, as written to a file.
func (w world) kubectlApply(text string) {
	GinkgoHelper()
	_, stderr, err := attempt(text, "--namespace", w.namespace, "apply", "-f", "-")
	Expect(err).NotTo(HaveOccurred(), stderr)
}

// refusal is what kubectl apply tells the user whose text the API server refuses.
func (w world) refusal(text string) string {
	GinkgoHelper()
	_, stderr, err := attempt(text, "--namespace", w.namespace, "apply", "-f", "-")
	Expect(err).To(HaveOccurred(), "it was accepted")
	return stderr
}

// apply applies the stack with kubectl, in the namespace of the spec.
func (w world) apply(stack *v1alpha1.AppStack) {
	GinkgoHelper()
	stack.Namespace = w.namespace
	stack.APIVersion, stack.Kind = v1alpha1.GroupVersion.String(), "AppStack"
	text, err := yaml.Marshal(stack)
	Expect(err).NotTo(HaveOccurred())
	w.kubectlApply(string(text))
}
