// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package paging_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/appstack-dev/appstack/internal/paging"
)

var errOops = errors.New("oops")

// server lists this many pods, two a page, and fails from a page on, unless that is 0.
type server struct {
	pods, fails int
	asked       []metav1.ListOptions
}

func (s *server) list(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
	s.asked = append(s.asked, options)
	if s.fails > 0 && len(s.asked) >= s.fails {
		return nil, errOops
	}
	from, _ := strconv.Atoi(options.Continue)
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}
	for at := from; at < min(from+2, s.pods); at++ {
		list.Items = append(list.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("pod-", at), Finalizers: []string{"a"}}})
	}
	if from+2 < s.pods {
		list.Continue = strconv.Itoa(from + 2)
	}
	return list, nil
}

// names keeps only the names of pods.
func names(object runtime.Object) (runtime.Object, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok || pod.Name == "pod-9" {
		return nil, errOops
	}
	pod.Finalizers = nil
	return pod, nil
}

func TestList(t *testing.T) {
	options := metav1.ListOptions{LabelSelector: "a", ResourceVersion: "0", ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan}
	tests := map[string]struct {
		server server
		pages  int
		want   int
		err    error
	}{
		"nothing":              {server{}, 1, 0, nil},
		"one page":             {server{pods: 2}, 1, 2, nil},
		"several":              {server{pods: 5}, 3, 5, nil},
		"one that fails":       {server{pods: 5, fails: 2}, 2, 0, errOops},
		"one that is not kept": {server{pods: 12}, 5, 0, errOops},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := paging.List(test.server.list, names)(t.Context(), options)
			if !errors.Is(err, test.err) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			var asked []metav1.ListOptions
			for page := range test.pages {
				next := metav1.ListOptions{LabelSelector: "a", Limit: paging.Size}
				if page > 0 {
					next.Continue = strconv.Itoa(2 * page)
				}
				asked = append(asked, next)
			}
			if diff := cmp.Diff(asked, test.server.asked); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if err != nil {
				return
			}
			items, err := meta.ExtractListWithAlloc(got)
			if err != nil || len(items) != test.want {
				t.Fatalf("%d items, %v, want %d", len(items), err, test.want)
			}
			for i, item := range items {
				want := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("pod-", i)}}
				if diff := cmp.Diff(want, item); diff != "" {
					t.Errorf("item %d (-want +got):\n%s", i, diff)
				}
			}
			if about, err := meta.ListAccessor(got); err != nil || about.GetResourceVersion() != "7" || about.GetContinue() != "" {
				t.Errorf("the list is %+v, %v", about, err)
			}
		})
	}
}
