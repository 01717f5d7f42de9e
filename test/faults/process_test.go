// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/test/world"
)

// process is a manager that runs as in production: as a program, one of several that elect a leader.
type process struct {
	command *exec.Cmd
	log     *log
	ended   chan struct{}
}

// log is the output of a process.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startProcess starts bin/manager for the namespace, which has its lease too.
func startProcess(namespace string, environment ...string) *process {
	GinkgoHelper()
	program := filepath.Join(world.Root(), "bin", "manager")
	Expect(program).To(BeAnExistingFile(), "'make test-faults' builds it")
	p := &process{log: &log{}, ended: make(chan struct{})}
	p.command = exec.Command(program, "--leader-elect", "--leader-election-namespace", namespace, "--watch-namespaces", namespace,
		"--registry-skip", "*", "--health-probe-bind-address", freeAddress())
	p.command.Env = append(os.Environ(), environment...)
	p.command.Stdout, p.command.Stderr = p.log, p.log
	Expect(p.command.Start()).To(Succeed())
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // how it ended is in its state
	}()
	DeferCleanup(func() {
		p.signal(syscall.SIGCONT)
		p.signal(syscall.SIGKILL)
		Eventually(p.ended).Should(BeClosed())
		if CurrentSpecReport().Failed() {
			AddReportEntry(fmt.Sprintf("the log of manager %d", p.command.Process.Pid), p.log.String())
		}
	})
	return p
}

// signal sends a signal to the process, if it runs.
func (p *process) signal(signal syscall.Signal) {
	GinkgoHelper()
	if err := p.command.Process.Signal(signal); !errors.Is(err, os.ErrProcessDone) {
		Expect(err).NotTo(HaveOccurred())
	}
}

// runs reports whether the process is running.
func (p *process) runs() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// memory returns the private memory of the process in MiB, which the kernel cannot reclaim while the
// process runs. Pages of the program file are not included.
func (p *process) memory() int {
	GinkgoHelper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	Expect(err).NotTo(HaveOccurred())
	_, after, found := strings.Cut(string(status), "RssAnon:")
	Expect(found).To(BeTrue())
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	Expect(err).NotTo(HaveOccurred())
	return kib / 1024
}

// freeAddress returns an address on which nothing listens.
func freeAddress() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(listener.Close()).To(Succeed()) }()
	return listener.Addr().String()
}

// leads waits until one of the processes has the lease, and returns it.
func leads(ctx context.Context, of ...*process) *process {
	GinkgoHelper()
	var leader *process
	Eventually(ctx, func(g Gomega) {
		at := slices.IndexFunc(of, func(p *process) bool {
			return strings.Contains(strings.ToLower(p.log.String()), "successfully acquired lease")
		})
		g.Expect(at).To(BeNumerically(">=", 0), "one of them leads")
		leader = of[at]
	}).Should(Succeed())
	return leader
}
