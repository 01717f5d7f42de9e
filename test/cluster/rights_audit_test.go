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

// right returns the permission that the request needs; ok is false if it needs none,
// such as a discovery request.
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

// requests holds the requests of an account by the permission that each needs.
type requests struct {
	count   map[granted.Right]int
	refused []string
}

// requestsSince returns the account's requests that the API server has begun to answer since the mark.
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
		// not by the code 403, which creating an object in a terminating namespace returns too
		if read.Annotations["authorization.k8s.io/decision"] == "forbid" {
			all.refused = append(all.refused, read.Verb+" "+read.RequestURI)
		}
		right, ok := read.right()
		if !ok {
			continue
		}
		all.count[right]++
		if right.Verb == "patch" && read.ResponseStatus.Code == http.StatusCreated {
			right.Verb = "create" // to apply an object that does not exist needs this permission too
			all.count[right]++
		}
	}
	Expect(all.count).NotTo(BeEmpty(), "the audit log has no requests of %s", by.user)
	return all
}

// counts returns the number of requests that needed the permission.
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

// table returns a line for each resource: the account's permissions and how often each was used.
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
