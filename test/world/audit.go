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

// Requests of the operator since the mark, as "verb address": all but those in
// the namespaces of other specs, which may still be on their way out. A watch
// that begins with what there is counts as the list that it is. Any other watch
// tells of changes without being asked, and is opened again every few minutes;
// it is neither a read nor a write, and left out.
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

// RequestsIn are those of the operator's requests since the mark that are about the namespace. Others, such as for
// the pods of all stacks, may be for specs that run at the same time.
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

// Lines are those that the API server has begun since the mark and written
// whole. The one that it was in the middle of at the mark is none of them.
func (m Mark) Lines() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		GinkgoHelper()
		file, err := os.Open(auditLog)
		Expect(err).NotTo(HaveOccurred())
		defer func() { _ = file.Close() }()
		_, err = file.Seek(max(int64(m)-1, 0), io.SeekStart)
		Expect(err).NotTo(HaveOccurred())
		reader := bufio.NewReader(file)
		before := m > 0 // the end of the line before the mark, or of the one that it is in
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

// Quiet waits until the operator has asked for nothing for two seconds, and is
// what it asked for since the mark.
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
