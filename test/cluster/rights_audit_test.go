// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/hack/rights/granted"
	"github.com/appstack-dev/appstack/test/world"
)

// request is a line of the API server's audit log.
type request struct {
	Stage, Verb, RequestURI string
	User                    struct{ Username string }
	ObjectRef               *struct{ Namespace, APIGroup, Resource, Subresource string }
	ResponseStatus          struct{ Code int }
	Annotations             map[string]string
}

// right is what somebody has to have for the request; not ok where everybody has
// it, as for what tells which kinds there are.
func (r request) right() (_ granted.Right, ok bool) {
	if r.ObjectRef == nil {
		return granted.Right{}, false
	}
	right := granted.Right{
		Namespace: r.ObjectRef.Namespace, Group: r.ObjectRef.APIGroup, Resource: r.ObjectRef.Resource, Verb: r.Verb,
	}
	if r.ObjectRef.Subresource != "" {
		right.Resource += "/" + r.ObjectRef.Subresource
	}
	return right, true
}

// requests are the requests of an account, by the right that each needs.
type requests struct {
	count   map[granted.Right]int
	refused []string
}

// requestsSince are those of the account that the API server has begun to answer since the mark.
func requestsSince(start world.Mark, by account) requests {
	GinkgoHelper()
	all := requests{count: map[granted.Right]int{}}
	for line := range start.Lines() {
		if !bytes.Contains(line, []byte(by.user)) {
			continue
		}
		var read request
		Expect(json.Unmarshal(line, &read)).To(Succeed())
		if read.User.Username != by.user || read.Verb == "watch" && read.Stage != "ResponseStarted" {
			continue
		}
		// and not by its code alone: in a namespace that is being deleted nothing may be made
		if read.Annotations["authorization.k8s.io/decision"] == "forbid" {
			all.refused = append(all.refused, read.Verb+" "+read.RequestURI)
		}
		right, ok := read.right()
		if !ok {
			continue
		}
		all.count[right]++
		if right.Verb == "patch" && read.ResponseStatus.Code == http.StatusCreated {
			right.Verb = "create" // who applies what is not there yet has to have that right too
			all.count[right]++
		}
	}
	Expect(all.count).NotTo(BeEmpty(), "the audit log tells nothing of %s", by.user)
	return all
}

// counts is the number of requests that needed the right.
func (r requests) counts(right granted.Right) int {
	total := 0
	for asked, n := range r.count {
		if right.Namespace == "" {
			asked.Namespace = ""
		}
		if asked == right {
			total += n
		}
	}
	return total
}

// table returns a line for each resource: the account's rights, and how often each was used.
func (r requests) table(rights []granted.Right) string {
	cells := map[string][]string{}
	for _, right := range rights {
		object := right.Full()
		if right.Namespace != "" {
			object += ", in the operator's namespace"
		}
		cells[object] = append(cells[object], fmt.Sprintf("%s %d", right.Verb, r.counts(right)))
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, object := range slices.Sorted(maps.Keys(cells)) {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", object, strings.Join(cells[object], ", "))
	}
	Expect(table.Flush()).To(Succeed())
	return text.String()
}
