// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package kubectl runs kubectl as users do, in the specs of a Ginkgo suite.
package kubectl

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
)

// limit is the time after which a command is ended.
const limit = 4 * time.Minute

// Path returns the program: the one that KUBECTL names, or the one in PATH, or the one beside the
// kubeconfig.
func Path() string {
	GinkgoHelper()
	if path, err := exec.LookPath(cmp.Or(os.Getenv("KUBECTL"), "kubectl")); err == nil {
		return path
	}
	beside := filepath.Join(filepath.Dir(os.Getenv(clientcmd.RecommendedConfigPathEnvVar)), "kubectl")
	Expect(beside).To(BeAnExistingFile(), "there is no kubectl: name one in KUBECTL, or have it in the PATH")
	return beside
}

// Attempt runs kubectl with the input, and returns its output and its error.
func Attempt(input string, args ...string) (stdout, stderr string, err error) {
	GinkgoHelper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, Path(), args...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &errs
	err = command.Run()
	_, _ = fmt.Fprintf(GinkgoWriter, "$ kubectl %s\n%s%s", strings.Join(args, " "), out.String(), errs.String())
	return out.String(), errs.String(), err
}

// Run runs kubectl, which must succeed, and returns its output.
func Run(args ...string) string {
	GinkgoHelper()
	stdout, stderr, err := Attempt("", args...)
	Expect(err).NotTo(HaveOccurred(), "kubectl %s: %s", strings.Join(args, " "), stderr)
	return stdout
}

// ApplyDefinitions applies the CustomResourceDefinitions of a file or folder,
// by client-side apply as users do, and returns when the API server serves them. It waits
// repeatedly: for a new definition without any condition, kubectl wait and the filters of jsonpath
// fail.
func ApplyDefinitions(path string) {
	GinkgoHelper()
	Run("apply", "-f", path)
	Eventually(func() error {
		_, stderr, err := Attempt("", "wait", "--for=condition=Established", "--timeout=10s", "-f", path)
		if err != nil {
			return fmt.Errorf("%w: %s", err, stderr)
		}
		return nil
	}, limit).Should(Succeed())
}
