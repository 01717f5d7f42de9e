// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestRequests reads an audit log whose last line is still incomplete.
func TestRequests(t *testing.T) {
	c := &Cluster{folder: t.TempDir()}
	if err := os.Mkdir(filepath.Join(c.folder, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	log := `{"stage":"ResponseComplete","userAgent":"other","verb":"list","objectRef":{"resource":"pods"}}
{"stage":"ResponseStarted","userAgent":"manager/1","verb":"watch","requestURI":"?sendInitialEvents=true","objectRef":{"resource":"pods"}}
{"stage":"ResponseComplete","userAgent":"manager/1","verb":"watch","requestURI":"/s","objectRef":{"resource":"pods"}}
{"userAgent":"manager/1","verb":"patch","objectRef":{"resource":"appstacks","subresource":"status"},"responseStatus":{"code":409}}
{"userAgent":"manager/1","verb":"update","objectRef":{"resource":"leases"},"responseStatus":{"code":200}}
{"userAgent":"manager/1","verb":"crea`
	if err := os.WriteFile(c.auditLog(), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	requests, err := c.Requests(0, "manager/")
	if err != nil {
		t.Fatal(err)
	}
	var what []string
	for _, request := range requests {
		what = append(what, request.What())
	}
	if want := []string{"watch pods", "patch appstacks/status", "update leases"}; !slices.Equal(what, want) {
		t.Fatalf("%v, want %v", what, want)
	}
	if first := requests[0]; !first.Lists() || first.Write() {
		t.Errorf("a watch that starts with a list must count as one: %+v", first)
	}
	if second := requests[1]; !second.Write() || !second.Failed() || second.Lease() {
		t.Errorf("a rejected write: %+v", second)
	}
	if !requests[2].Lease() {
		t.Errorf("a lease: %+v", requests[2])
	}
}

// TestProcess measures the test's own process.
func TestProcess(t *testing.T) {
	self := Process(os.Getpid())
	held, err := self.Memory()
	if err != nil || held.Resident < 1<<20 || held.Anonymous > held.Resident || held.Peak < held.Resident {
		t.Errorf("%+v, %v", held, err)
	}
	if _, err := self.CPU(); err != nil {
		t.Error(err)
	}
	if _, err := Process(1 << 30).Memory(); err == nil {
		t.Error("a process that does not exist uses memory")
	}
}
