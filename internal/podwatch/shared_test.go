// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package podwatch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/queue"
)

// cart is a second stack.
var cart = types.NamespacedName{Namespace: "default", Name: "cart"}

// house is a sharedStore with a settable clock, and a recorder of shop's pods in it.
type house struct {
	*sharedStore
	now  time.Time
	shop *recorder
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{now: noon, shop: &recorder{}}
	h.sharedStore = newSharedStore(func() time.Time { return h.now })
	h.shop.store = h.join(shop, h.shop.count)
	return h
}

// takes passes an object to a method of the sharedStore.
func (h *house) takes(t *testing.T, method func(any) error, object any) {
	t.Helper()
	if err := method(object); err != nil {
		t.Fatal(err)
	}
}

// of labels the pod as one of the stack.
func of(stack types.NamespacedName, pod *corev1.Pod) *corev1.Pod {
	pod.Labels = naming.Labels(stack.Name, naming.Main)
	return pod
}

func TestSharedStoreKeepsEachStacksPods(t *testing.T) {
	h := newHouse(t)
	if h.shop.pods().Known {
		t.Error("the pods are known before the first list")
	}
	if err := h.Replace([]any{pod("a", running()), of(cart, pod("b", running()))}, ""); err != nil {
		t.Fatal(err)
	}
	h.shop.holds(t, 1, model.Pods{Known: true, All: []model.Pod{kept("a")}})

	// changes of another stack's pods are not reported here, but are known to a later subscriber
	h.takes(t, h.Update, of(cart, pod("b", waiting("ErrImagePull"))))
	h.shop.holds(t, 1, model.Pods{Known: true, All: []model.Pod{kept("a")}})
	other := &recorder{}
	other.store = h.join(cart, other.count)
	other.holds(t, 1, model.Pods{Known: true, All: []model.Pod{kept("b", noPull(noon))}})
	if other.trouble != 1 {
		t.Error("a failing pod is not reported to a later subscriber")
	}
	h.leave(cart)
	h.takes(t, h.Delete, of(cart, pod("b", running())))
	other.holds(t, 1, model.Pods{Known: true, All: nil})

	h.takes(t, h.Add, pod("c", waiting("ErrImagePull")))
	h.shop.holds(t, 2, model.Pods{Known: true, All: []model.Pod{kept("a"), kept("c", noPull(noon))}})
	h.takes(t, h.Delete, pod("a", running()))
	h.shop.holds(t, 3, model.Pods{Known: true, All: []model.Pod{kept("c", noPull(noon))}})
	if err := h.Replace(nil, ""); err != nil {
		t.Fatal(err)
	}
	h.shop.holds(t, 4, model.Pods{Known: true})
}

// TestSharedStoreFollowsALabel checks that a pod belongs to the stack that its label names now.
func TestSharedStoreFollowsALabel(t *testing.T) {
	h := newHouse(t)
	h.takes(t, h.Add, pod("a", running()))
	h.takes(t, h.Update, of(cart, pod("a", running())))
	h.shop.holds(t, 2, model.Pods{})
	h.takes(t, h.Update, pod("a", running()))
	h.shop.holds(t, 3, model.Pods{All: []model.Pod{kept("a")}})
	h.takes(t, h.Delete, of(cart, pod("a", running()))) // it belongs to the stack of the stored label, whatever the last event's label is
	h.shop.holds(t, 4, model.Pods{})

	// while the watch was down
	if err := h.Replace([]any{pod("b", running())}, ""); err != nil {
		t.Fatal(err)
	}
	if err := h.Replace([]any{of(cart, pod("b", running()))}, ""); err != nil {
		t.Fatal(err)
	}
	h.shop.holds(t, 6, model.Pods{Known: true})
	h.takes(t, h.Delete, pod("b", running()))
	if other := h.join(cart, func(queue.Priority) {}).pods(); len(other.All) != 0 {
		t.Errorf("pods %+v of the other stack, want none", other.All)
	}
}

// TestSharedStoreTimesFromTheBegin checks that for pods that were already waiting when a rollout
// starts, the grace periods begin then (R17), and that times of stacks already followed stay the
// same.
func TestSharedStoreTimesFromTheBegin(t *testing.T) {
	h := newHouse(t)
	for _, p := range []*corev1.Pod{pod("a", waiting("ErrImagePull")), of(cart, pod("b", waiting("ErrImagePull")))} {
		h.takes(t, h.Add, p)
	}
	h.now = at(60)
	before := h.of(cart).pods()
	other := h.join(cart, func(queue.Priority) {})
	if diff := cmp.Diff(model.Pods{Asked: at(60), All: []model.Pod{kept("b", noPull(at(60)))}}, other.pods()); diff != "" {
		t.Errorf("pods of the stack whose rollout starts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]model.Pod{kept("b", noPull(noon))}, before.All); diff != "" {
		t.Errorf("the pods returned before changed (-want +got):\n%s", diff)
	}
	h.shop.holds(t, 1, model.Pods{All: []model.Pod{kept("a", noPull(noon))}})
}

func TestSharedStoreForgets(t *testing.T) {
	h := newHouse(t)
	h.takes(t, h.Delete, pod("never seen", running()))
	h.takes(t, h.Add, of(cart, pod("b", running())))
	h.takes(t, h.Add, pod("a", running()))
	h.leave(shop)
	h.takes(t, h.Update, pod("a", waiting("ErrImagePull")))
	if h.shop.told != 1 {
		t.Errorf("%d changes were reported, want none after the first", h.shop.told)
	}
	h.takes(t, h.Delete, pod("a", running()))
	h.takes(t, h.Delete, pod("b", running()))
	if len(h.stores) != 0 || len(h.home) != 0 {
		t.Errorf("%d stacks and %d pods are kept, want none", len(h.stores), len(h.home))
	}
	h.takes(t, h.Add, pod("a", running()))
	if err := h.Replace(nil, ""); err != nil {
		t.Fatal(err)
	}
	if len(h.stores) != 0 || len(h.home) != 0 {
		t.Errorf("%d stacks and %d pods are kept after all pods are gone, want none", len(h.stores), len(h.home))
	}
}

func TestSharedStoreRefusesOthers(t *testing.T) {
	h := newHouse(t)
	for name, method := range map[string]func(any) error{"Add": h.Add, "Update": h.Update, "Delete": h.Delete} {
		if err := method(&corev1.Node{}); err == nil {
			t.Errorf("%s accepts a node", name)
		}
	}
}

// TestSlim checks that only unused fields of a pod are dropped.
func TestSlim(t *testing.T) {
	full := pod("a", restarted(waiting("CrashLoopBackOff"), 2, 1))
	full.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}
	full.Spec = corev1.PodSpec{
		NodeName: "node", Containers: []corev1.Container{{Name: naming.AppContainer, Image: "my-app:1"}},
		InitContainers: []corev1.Container{
			{Name: "sidecar", Image: "my-proxy:1", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}, {Name: "setup"},
		},
	}
	for _, name := range []string{"sidecar", "setup"} {
		status := terminated(0)
		status.Name = name
		full.Status.InitContainerStatuses = append(full.Status.InitContainerStatuses, status)
	}
	full.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	want := reduce(full.DeepCopy(), model.Pod{}, noon)

	out, err := newSharedStore(nil).Transformer()(full)
	if err != nil {
		t.Fatal(err)
	}
	slimmed, ok := out.(*corev1.Pod)
	if !ok || slimmed.ManagedFields != nil || slimmed.Spec.Containers != nil || slimmed.Spec.NodeName != "" {
		t.Errorf("kept by the transformer: %+v", out)
	}
	if diff := cmp.Diff(want, reduce(slimmed, model.Pod{}, noon)); diff != "" {
		t.Errorf("reduced pod (-want +got):\n%s", diff)
	}
	if stackOf(slimmed) != shop {
		t.Errorf("the pod belongs to %s, want %s", stackOf(slimmed), shop)
	}

	// finalizers, which may keep a pod from ending, are kept
	ending := pod("b", running())
	ending.DeletionTimestamp, ending.Finalizers, ending.Spec.NodeName = ptr.To(metav1.NewTime(noon)), []string{"a/b"}, "node"
	want = reduce(ending.DeepCopy(), model.Pod{}, noon)
	if diff := cmp.Diff(want, reduce(slim(ending), model.Pod{}, noon)); diff != "" {
		t.Errorf("reduced pod while terminating (-want +got):\n%s", diff)
	}
}
