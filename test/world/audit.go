// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package world

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// Mark is a point in the audit log.
type Mark int64

// MarkNow returns the current end of the audit log.
func MarkNow() Mark {
	GinkgoHelper()
	info, err := os.Stat(auditLog)
	Expect(err).NotTo(HaveOccurred())
	return Mark(info.Size())
}

// Requests returns the operator's requests since the mark, as "verb URI", without those
// in the namespaces of other specs, which may not have ended. A watch that sends initial
// events counts as a list. Any other watch is reopened every few minutes and is neither a
// read nor a write; it is left out.
func (m Mark) Requests(w World) []string {
	GinkgoHelper()
	var all []string
	for _, request := range m.entries() {
		elsewhere := strings.Contains(request.RequestURI, "/namespaces/"+namespacePrefix) &&
			!strings.Contains(request.RequestURI, "/namespaces/"+w.Namespace+"/")
		switch {
		case elsewhere:
		case request.Verb != "watch":
			all = append(all, request.Verb+" "+request.RequestURI)
		case request.opens() && strings.Contains(request.RequestURI, "sendInitialEvents=true"):
			all = append(all, "list "+request.RequestURI)
		}
	}
	return all
}

// RequestsIn returns the operator's requests in the namespace since the mark. Others, such as
// for the pods of all stacks, may belong to specs that run in parallel.
func (m Mark) RequestsIn(w World) []string {
	GinkgoHelper()
	return slices.DeleteFunc(m.Requests(w), func(request string) bool {
		return !strings.Contains(request, "/namespaces/"+w.Namespace+"/")
	})
}

// Watches returns how many watches the operator has opened since the mark.
func (m Mark) Watches() int {
	GinkgoHelper()
	opened := 0
	for _, request := range m.entries() {
		if request.Verb == "watch" && request.opens() {
			opened++
		}
	}
	return opened
}

// entry is a line of the audit log.
type entry struct{ Stage, UserAgent, Verb, RequestURI string }

// opens reports whether the entry is the start of a watch, not its end.
func (e entry) opens() bool { return e.Stage == "ResponseStarted" }

// entries returns the operator's entries since the mark.
func (m Mark) entries() []entry {
	GinkgoHelper()
	var all []entry
	for line := range m.Lines() {
		if !bytes.Contains(line, []byte(OperatorAgent)) {
			continue
		}
		var read entry
		Expect(json.Unmarshal(line, &read)).To(Succeed())
		if read.UserAgent == OperatorAgent {
			all = append(all, read)
		}
	}
	return all
}

// Lines yields the complete lines of the audit log that begin after the mark. A line that
// was being written at the mark is skipped.
func (m Mark) Lines() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		GinkgoHelper()
		file, err := os.Open(auditLog)
		Expect(err).NotTo(HaveOccurred())
		defer func() { _ = file.Close() }()
		_, err = file.Seek(max(int64(m)-1, 0), io.SeekStart)
		Expect(err).NotTo(HaveOccurred())
		reader := bufio.NewReader(file)
		before := m > 0 // the rest of a line that began before the mark
		for {
			line, err := reader.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				return
			}
			Expect(err).NotTo(HaveOccurred())
			if !before && !yield(line) {
				return
			}
			before = false
		}
	}
}

// Quiet waits until the operator has made no request for two seconds, and returns
// its requests since the mark.
func (m Mark) Quiet(ctx context.Context, w World) []string {
	GinkgoHelper()
	before := -1
	var requests []string
	Eventually(ctx, func() int {
		requests = m.Requests(w)
		fresh := len(requests) - before
		before = len(requests)
		return fresh
	}).WithPolling(2 * time.Second).Should(BeZero())
	return requests
}
