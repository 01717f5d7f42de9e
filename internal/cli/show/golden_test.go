// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/show"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/golden"
)

func compare(t *testing.T, name, got string) {
	t.Helper()
	golden.Compare(t, filepath.Join("testdata", name+".txt"), got)
}

// file is the view when output goes to a file: no width limit.
var file = show.View{Now: noon}

// narrow is the view on a terminal of 80 columns.
var narrow = show.View{Now: noon, Look: terminal.Look{Width: 80, Height: 40}}

// in renders the same text in several views, one below the other.
func in(views map[string]show.View, order []string, text func(show.View) string) string {
	var out strings.Builder
	for _, name := range order {
		out.WriteString("== " + name + "\n" + text(views[name]))
	}
	return out.String()
}

func TestTree(t *testing.T) {
	views := map[string]show.View{
		"a file": file, "80 columns": narrow,
		"160 columns": {Now: noon, Look: terminal.Look{Width: 160, Height: 40}},
		"colors":      {Now: noon, Look: terminal.Look{Color: true}},
		"ASCII, wide": {Now: noon, Look: terminal.Look{Plain: true}, Wide: true},
	}
	order := []string{"a file", "80 columns", "160 columns", "ASCII, wide", "colors"}
	tests := map[string]struct {
		release release.Release
		bars    bool
	}{
		"ready":       {ready(t).release(), false},
		"rolling-out": {rollingOut(t).release(), true},
		"rolled-back": {rolledBack(t).release(), false},
		"pending":     {release.New(Stack("shop"), release.Children{}), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			compare(t, "tree-"+name, in(views, order, func(v show.View) string {
				return strings.ReplaceAll(v.Tree(test.release, test.bars), "\x1b", "ESC")
			}))
		})
	}
}

func TestTreeSaysWhatMayNotBeSeen(t *testing.T) {
	r := ready(t).release()
	r.DeniedMessages = []string{"vic cannot list pods in namespace shop"}
	if got := file.Tree(r, false); !strings.Contains(got, "\nnot shown: vic cannot list pods in namespace shop\n") {
		t.Errorf("the tree does not report what is left out:\n%s", got)
	}
}

func TestList(t *testing.T) {
	other := *Stack("blog", InNamespace("web"))
	other.Status.Conditions = []metav1.Condition{notReady(v1alpha1.ReasonPaused, "a rollout is due and paused is set: remove paused to go on")}
	stacks := []v1alpha1.AppStack{*ready(t).stack, other, *rolledBack(t).stack, *rollingOut(t).stack}
	views := map[string]show.View{"a file": file, "wide": {Now: noon, Wide: true}, "60 columns": {Now: noon, Look: terminal.Look{Width: 60}}}
	compare(t, "list", in(views, []string{"a file", "wide", "60 columns"}, func(v show.View) string { return v.List(stacks, v.Wide) }))
}

func TestHistory(t *testing.T) {
	history := rolledBack(t).stack.Status.History
	history[0].Images[1].Image = "registry.example.com/team/worker:7"
	history = append(rollingOut(t).stack.Status.History, history...)
	views := map[string]show.View{"a file": file, "wide": {Now: noon, Wide: true}, "80 columns": narrow}
	compare(t, "history", in(views, []string{"a file", "wide", "80 columns"}, func(v show.View) string { return v.History(history, nil) }))
}

// TestConfig shows a stack with a ConfigMap of which its revision has a copy, one that did not exist,
// and one that is live.
func TestConfig(t *testing.T) {
	r := ready(t).release()
	for i, hash := range []string{"1111111111111111", "2222222222222222"} {
		r.Revisions[i].Content.Config = []model.ConfigCopy{
			{Source: "env", Hash: model.AbsentHash, Name: "shop-env-0000000000000000"}, {Source: "web", Hash: hash, Name: "shop-web-" + hash},
		}
	}
	r.Revisions[0].Record.ConfigBaseline = map[string]string{"flags": "3333333333333333"}
	view := show.View{Now: noon, Wide: true}
	compare(t, "config", view.Tree(r, false)+"\n"+view.History(r.Stack.Status.History, r.Revisions))

	before := show.Side{Name: "revision 1", Config: map[string]*model.ConfigMap{
		"env": nil, "same": {Data: map[string]string{"a": "b"}},
		"web": {
			Data:       map[string]string{"app.conf": "color = blue\nsize = 1\n", "gone": "1", "same": "1"},
			BinaryData: map[string][]byte{"logo": {1, 2, 3}},
		},
	}}
	after := show.Side{Name: "the spec", Config: map[string]*model.ConfigMap{
		"env": {Data: map[string]string{"MODE": "fast"}}, "same": {Data: map[string]string{"a": "b"}},
		"web": {
			Data:       map[string]string{"app.conf": "color = red\nsize = 1\n", "same": "1"},
			BinaryData: map[string][]byte{"logo": {1, 2, 3, 4}},
		},
	}}
	text, err := file.Diff(before, after)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "config-diff", text)
}

func TestWhy(t *testing.T) {
	failed := func(reason, message string) *scene {
		s := rolledBack(t)
		s.stack.Status.Conditions = stalled(reason, message)
		return s
	}
	paused := ready(t)
	paused.stack = With(paused.stack, Paused(true), Image("shop:1.3.0"))
	paused.stack.Status.Conditions = []metav1.Condition{
		notReady(v1alpha1.ReasonPaused, "a rollout is due and paused is set: remove paused to go on"),
	}
	held := ready(t)
	held.stack = With(held.stack, Image("shop:1.0.0"+digest), greeting("hello"), RollbackTo(2, 1), Because("checkout fails"))
	moved := ready(t)
	moved.stack = With(moved.stack, RollbackTo(1, 1))
	notReconciled := ready(t)
	notReconciled.stack.Generation++
	contested := ready(t)
	contested.stack.Status.Conditions = stalled(v1alpha1.ReasonDriftContested,
		"Deployment shop: spec.template.spec.containers[app].image is changed by kubectl-set again after each repair: "+
			"stop it; to run another image, set it in the stack's spec")
	quota := failed(v1alpha1.ReasonRolledBack,
		"revision 3 failed (component worker: ReplicaFailure (exceeded quota: pods)), "+
			"and the stack was rolled back to revision 2: change the spec")
	quota.stack.Status.Failure = &v1alpha1.FailureStatus{
		Revision: 3, Component: "worker", Reason: v1alpha1.FailureReplicaFailure, FailedAt: ago(3 * time.Minute),
		Message: `pods "shop-worker-5553-x" is forbidden: exceeded quota: pods`,
	}
	failedFor := func(trigger v1alpha1.RolloutTrigger) *scene {
		scene := rolledBack(t)
		for i := range scene.stack.Status.History {
			if scene.stack.Status.History[i].Outcome == v1alpha1.OutcomeFailed {
				scene.stack.Status.History[i].Trigger = trigger
			}
		}
		return scene
	}
	surging := rollingOut(t)
	surging.refused("main", `pods "shop-5553-x" is forbidden: exceeded quota: pods`)
	surging.strategy("main", appsv1.RollingUpdateDeployment{})
	tests := map[string]*scene{
		"config-failed": failedFor(v1alpha1.TriggerConfigChanged), "secret-failed": failedFor(v1alpha1.TriggerSecretChanged),
		"drift-contested": contested, "quota": quota, "quota-surge": surging,
		"ready": ready(t), "rolling-out": rollingOut(t), "rolled-back": rolledBack(t), "paused": paused, "held": held,
		"moved-on": moved, "not-reconciled": notReconciled,
		"rollback-failed": failed(v1alpha1.ReasonRollbackFailed,
			"revision 3 failed (component worker, container app: CrashLoopBackOff), and so did the rollback to revision 2"),
		"revision-not-found": failed(v1alpha1.ReasonRevisionNotFound,
			"rollback.toRevision names revision 9, which does not exist: name one of 1, 2, 3, or remove rollback"),
		"name-conflict": failed(v1alpha1.ReasonNameConflict, `Deployment "shop" exists and is not owned by this stack`),
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			view := narrow
			view.Scope = " -n shop"
			compare(t, "why-"+name, view.Why(test.release()))
		})
	}
}

// TestNarrowClaims checks pods that mount claims which can block an update: a warning while the
// stack is healthy, and advice while it is not.
func TestNarrowClaims(t *testing.T) {
	narrowed := func(s *scene) release.Release {
		r := s.release()
		r.SingleNodeClaims = []release.SingleNodeClaim{
			{Component: "main", Claim: "data", Mode: corev1.ReadWriteOnce}, {Component: "worker", Claim: "queue", Mode: corev1.ReadWriteOncePod},
		}
		return r
	}
	compare(t, "why-claims-ready", narrow.Why(narrowed(ready(t))))
	compare(t, "why-claims-rolling-out", narrow.Why(narrowed(rollingOut(t))))
	compare(t, "tree-claims", narrow.Tree(narrowed(ready(t)), false))
}

// TestWhyKnowsWhatToDo fails if a reason in the API has no advice.
func TestWhyKnowsWhatToDo(t *testing.T) {
	for _, reason := range []string{
		v1alpha1.ReasonProgressing, v1alpha1.ReasonScaling, v1alpha1.ReasonUnavailable, v1alpha1.ReasonPaused,
		v1alpha1.ReasonRetrying, v1alpha1.ReasonWaitingForDeletion, v1alpha1.ReasonInvalidPodTemplate, v1alpha1.ReasonNameConflict,
		v1alpha1.ReasonRejected, v1alpha1.ReasonRevisionNotFound, v1alpha1.ReasonRolledBack, v1alpha1.ReasonRolloutFailed,
		v1alpha1.ReasonRollbackFailed, v1alpha1.ReasonRevisionDamaged, v1alpha1.ReasonDriftContested,
		v1alpha1.ReasonConfigNotFound, v1alpha1.ReasonConfigUnreadable, v1alpha1.ReasonConfigContested, v1alpha1.ReasonConfigLost,
	} {
		s := ready(t)
		s.stack.Status.Conditions = []metav1.Condition{notReady(reason, "words")}
		unknown := ready(t)
		unknown.stack.Status.Conditions = []metav1.Condition{notReady("Unheard", "words")}
		got := file.Advice(s.release())
		if got == "" || got == file.Advice(unknown.release()) {
			t.Errorf("reason %s: only generic advice: %q", reason, got)
		}
	}
}

func TestDiff(t *testing.T) {
	r := rolledBack(t).release()
	side := func(number int64) show.Side {
		return show.Side{Name: "revision " + string(rune('0'+number)), Content: r.Find(number).Content}
	}
	text, err := file.Diff(side(1), side(2))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "diff", text)
	if text, err := file.Diff(side(2), side(2)); err != nil || text != "" {
		t.Errorf("equal revisions are shown as %q, %v", text, err)
	}
}

func TestContent(t *testing.T) {
	text, err := file.Content(ready(t).release().Find(1).Content)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "content", text)
}

func TestIntent(t *testing.T) {
	from := int64(3)
	tests := map[string]struct {
		release  release.Release
		rollback v1alpha1.Rollback
	}{
		"back":     {rolledBack(t).release(), v1alpha1.Rollback{ToRevision: 1, FromRevision: &from}},
		"declared": {rolledBack(t).release(), v1alpha1.Rollback{ToRevision: 2, FromRevision: &from}},
		"held":     {rolledBack(t).release(), v1alpha1.Rollback{ToRevision: 1}},
		"unproven": {rollingOut(t).release(), v1alpha1.Rollback{ToRevision: 3}},
	}
	var out strings.Builder
	for _, name := range []string{"back", "declared", "held", "unproven"} {
		out.WriteString("== " + name + "\n" + narrow.Wrap("", narrow.Intent(tests[name].release, tests[name].rollback)) + "\n")
	}
	compare(t, "intent", out.String())
}

func TestShortImage(t *testing.T) {
	tests := map[string]string{
		"shop": "shop", "shop:1": "shop:1", "shop:1" + digest: "shop:1@sha256:0123456789ab", "shop@sha256:0123": "shop@sha256:0123",
		"localhost:5000/shop:1" + digest: "localhost:5000/shop:1@sha256:0123456789ab",
	}
	for image, want := range tests {
		if got := show.ShortImage(image); got != want {
			t.Errorf("%s is shortened to %s, want %s", image, got, want)
		}
	}
}
