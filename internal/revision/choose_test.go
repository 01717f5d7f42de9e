// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// of returns revisions of these images of the stack, numbered from 1.
func of(images ...string) []model.Revision {
	var revisions []model.Revision
	for i, image := range images {
		revisions = append(revisions, model.Revision{
			Number: int64(i + 1),
			Record: model.Record{Sources: []string{revision.SourceHash(Stack("shop", Image(image)).Spec)}},
		})
	}
	return revisions
}

// restarted marks the newest revision as created by a restart.
func restarted(revisions []model.Revision, at time.Time) []model.Revision {
	revisions[len(revisions)-1].Record.RestartedAt = &at
	return revisions
}

func TestHolds(t *testing.T) {
	tests := map[string]struct {
		options []Option
		want    bool
	}{
		"R10 no rollback":                            {[]Option{Image("a")}, false},
		"R10 until it is removed":                    {[]Option{Image("z"), RollbackTo(1, 0)}, true},
		"R10 while the content is that of another":   {[]Option{Image("b"), RollbackTo(1, 2)}, true},
		"R10 no longer":                              {[]Option{Image("z"), RollbackTo(1, 2)}, false},
		"R10 R15 one that names what does not exist": {[]Option{Image("b"), RollbackTo(9, 2)}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := revision.Holds(Stack("shop", test.options...).Spec, of("a", "b")); got != test.want {
				t.Errorf("Holds = %t, want %t", got, test.want)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	const (
		changed  = v1alpha1.TriggerSpecChanged
		rollback = v1alpha1.TriggerRollback
	)
	later := noon.Add(time.Hour)
	tests := map[string]struct {
		options   []Option
		revisions []model.Revision
		want      revision.Choice
	}{
		"R4 the first content": {
			want: revision.Choice{Trigger: changed, Message: "the stack was created"},
		},
		"R4 content that has a revision": {
			[]Option{Image("a")}, of("a", "b"),
			revision.Choice{Number: 1, Trigger: changed, Message: "the spec's content is that of revision 1"},
		},
		"R4 the newest of several": {
			[]Option{Image("a")}, of("a", "b", "a"),
			revision.Choice{Number: 3, Trigger: changed, Message: "the spec's content is that of revision 3"},
		},
		"R4 new content": {
			[]Option{Image("c")}, of("a", "b"),
			revision.Choice{Trigger: changed, Message: "the spec's content changed"},
		},
		"R10 a rollback holds whatever the content is": {
			[]Option{Image("c"), RollbackTo(1, 0)}, of("a", "b"),
			revision.Choice{Number: 1, Trigger: rollback, Message: "rollback.toRevision is 1"},
		},
		"R10 a rollback has the cause that it is given": {
			[]Option{Image("b"), RollbackTo(1, 0), Because("checkout fails")}, of("a", "b"),
			revision.Choice{
				Number: 1, Trigger: rollback, Message: "rollback.toRevision is 1", Cause: "checkout fails",
			},
		},
		"R10 it holds while the content is that of fromRevision": {
			[]Option{Image("b"), RollbackTo(1, 2)}, of("a", "b"),
			revision.Choice{Number: 1, Trigger: rollback, Message: "rollback.toRevision is 1"},
		},
		"R10 it no longer holds with other content": {
			[]Option{Image("c"), RollbackTo(1, 2)}, of("a", "b"),
			revision.Choice{Trigger: changed, Message: "the spec's content changed"},
		},
		"R10 other content that has a revision": {
			[]Option{Image("c"), RollbackTo(1, 2)}, of("a", "b", "c"),
			revision.Choice{Number: 3, Trigger: changed, Message: "the spec's content is that of revision 3"},
		},
		"R15 to a revision that does not exist": {
			[]Option{Image("b"), RollbackTo(7, 2)}, of("a", "b"),
			notFound("rollback.toRevision names revision 7, which does not exist: name one of 1, 2, or remove rollback"),
		},
		"R15 from a revision that does not exist": {
			[]Option{Image("b"), RollbackTo(1, 7)}, of("a", "b"),
			notFound("rollback.fromRevision names revision 7, which does not exist: name one of 1, 2, or remove rollback"),
		},
		"R15 before there is any": {
			[]Option{RollbackTo(1, 0)}, nil,
			notFound("rollback.toRevision names revision 1, which does not exist: " +
				"name one of none (there is no revision yet), or remove rollback"),
		},
		"R16a a later restartedAt": {
			[]Option{Image("b"), RestartedAt(later)}, restarted(of("a", "b"), noon),
			revision.Choice{Trigger: v1alpha1.TriggerRestart, Restart: &later, Message: "restartedAt was set to 2026-01-01T13:00:00Z"},
		},
		"R16a the first restartedAt": {
			[]Option{Image("b"), RestartedAt(noon)}, of("a", "b"),
			revision.Choice{Trigger: v1alpha1.TriggerRestart, Restart: &noon, Message: "restartedAt was set to 2026-01-01T12:00:00Z"},
		},
		"R16a the same restartedAt": {
			[]Option{Image("b"), RestartedAt(noon)}, restarted(of("a", "b"), noon),
			revision.Choice{Number: 2, Trigger: changed, Message: "the spec's content is that of revision 2"},
		},
		"R16a an earlier restartedAt": {
			[]Option{Image("b"), RestartedAt(noon)}, restarted(of("a", "b"), later),
			revision.Choice{Number: 2, Trigger: changed, Message: "the spec's content is that of revision 2"},
		},
		"R16a a removed restartedAt": {
			[]Option{Image("b")}, restarted(of("a", "b"), later),
			revision.Choice{Number: 2, Trigger: changed, Message: "the spec's content is that of revision 2"},
		},
		"R16a with new content it is one release": {
			[]Option{Image("c"), RestartedAt(later)}, of("a", "b"),
			revision.Choice{Trigger: changed, Restart: &later, Message: "the spec's content changed"},
		},
		"R16a it waits while a rollback holds": {
			[]Option{Image("b"), RollbackTo(1, 0), RestartedAt(later)}, of("a", "b"),
			revision.Choice{Number: 1, Trigger: rollback, Message: "rollback.toRevision is 1"},
		},
		"R16a a new stack is not restarted": {
			[]Option{RestartedAt(noon)}, nil,
			revision.Choice{Trigger: changed, Message: "the stack was created"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := revision.Choose(Stack("shop", test.options...).Spec, test.revisions, 0, nil)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Choose (-want +got):\n%s", diff)
			}
		})
	}
}

func notFound(message string) revision.Choice {
	return revision.Choice{Problem: &model.Problem{Reason: v1alpha1.ReasonRevisionNotFound, Message: message}}
}
