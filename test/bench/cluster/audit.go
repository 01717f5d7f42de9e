// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// quiet is how long a client must make no requests to count as settled.
const quiet = 3 * time.Second

// Mark is a point in the audit log.
type Mark int64

// Request is a request to the API server from its audit log (audit.k8s.io/v1, Event).
type Request struct {
	Stage                    string
	UserAgent                string
	Verb                     string
	RequestURI               string
	ObjectRef                Object
	ResponseStatus           struct{ Code int32 }
	RequestReceivedTimestamp metav1.MicroTime
	// StageTimestamp is when it was answered.
	StageTimestamp metav1.MicroTime
}

// Object is the object of a request.
type Object struct{ Resource, Namespace, Name, Subresource string }

// Lease reports whether the request renews or reads the leader's lease.
func (r Request) Lease() bool { return r.ObjectRef.Resource == "leases" }

// Event reports whether the request writes an event.
func (r Request) Event() bool { return r.ObjectRef.Resource == "events" }

// Trial reports whether the request is a dry run.
func (r Request) Trial() bool { return strings.Contains(r.RequestURI, "dryRun=All") }

// Write reports whether the request is a write, including rejected ones but not dry runs.
func (r Request) Write() bool {
	if r.Trial() {
		return false
	}
	switch r.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return r.ObjectRef.Resource != "selfsubjectreviews"
	}
	return false
}

// Lists reports whether the request reads all objects of a kind: a list, or a watch that starts with one.
func (r Request) Lists() bool {
	return r.Verb == "list" || r.Verb == "watch" && strings.Contains(r.RequestURI, "sendInitialEvents=true")
}

// Failed reports whether the API server rejected it.
func (r Request) Failed() bool { return r.ResponseStatus.Code >= 400 }

// What returns the verb and the resource, such as "patch appstacks/status".
func (r Request) What() string {
	what := r.Verb + " " + r.ObjectRef.Resource
	if r.Trial() {
		what = "try to " + what
	}
	if r.ObjectRef.Subresource != "" {
		what += "/" + r.ObjectRef.Subresource
	}
	return what
}

func (c *Cluster) auditLog() string { return filepath.Join(c.folder, "logs", "audit.log") }

// Mark returns the end of the audit log.
func (c *Cluster) Mark() (Mark, error) {
	info, err := os.Stat(c.auditLog())
	if err != nil {
		return 0, fmt.Errorf("reading the audit log: %w", err)
	}
	return Mark(info.Size()), nil
}

// Requests returns the requests since the mark of clients whose user agent has the prefix.
// A watch counts when it starts, not when it ends.
func (c *Cluster) Requests(since Mark, agent string) ([]Request, error) {
	requests, _, err := c.requests(since, agent)
	return requests, err
}

// requests returns the requests since the mark, and a mark after the last one.
func (c *Cluster) requests(since Mark, agent string) ([]Request, Mark, error) {
	file, err := os.Open(c.auditLog())
	if err != nil {
		return nil, since, fmt.Errorf("reading the audit log: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(int64(since), io.SeekStart); err != nil {
		return nil, since, fmt.Errorf("reading the audit log: %w", err)
	}
	var all []Request
	reader := bufio.NewReaderSize(file, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return all, since, nil // the last line may still be incomplete
		}
		if err != nil {
			return nil, since, fmt.Errorf("reading the audit log: %w", err)
		}
		since += Mark(len(line))
		if !bytes.Contains(line, []byte(`"userAgent":"`+agent)) {
			continue
		}
		var request Request
		if err := json.Unmarshal(line, &request); err != nil {
			return nil, since, fmt.Errorf("reading the audit log: %w", err)
		}
		if request.Verb == "watch" && request.Stage != "ResponseStarted" {
			continue
		}
		all = append(all, request)
	}
}

// Settle waits until clients of the agent have made no requests except for leases and
// watches for some seconds. It returns all their requests since the mark.
func (c *Cluster) Settle(ctx context.Context, since Mark, agent string) ([]Request, error) {
	var all []Request
	end, last := since, time.Now()
	for {
		fresh, next, err := c.requests(end, agent)
		if err != nil {
			return nil, err
		}
		end, all = next, append(all, fresh...)
		for _, request := range fresh {
			if !request.Lease() && request.Verb != "watch" {
				last = time.Now()
			}
		}
		if time.Since(last) >= quiet {
			return all, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %s to ask for nothing more: %w", agent, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
