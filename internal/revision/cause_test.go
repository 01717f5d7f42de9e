// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision_test

import (
	"testing"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/revision"
	. "github.com/appstack-dev/appstack/test/fixture"
)

func TestCause(t *testing.T) {
	tied := func(cause string) Option {
		return func(s *v1alpha1.AppStack) {
			Annotation(v1alpha1.AnnotationChangeCause, cause)(s)
			Annotation(v1alpha1.AnnotationChangeCauseOf, revision.CauseMark(s.Spec, cause))(s)
		}
	}
	words := func(cause string) Option { return Annotation(v1alpha1.AnnotationChangeCause, cause) }
	tests := map[string]struct {
		options     []Option
		want        string
		ofTheReturn string
	}{
		"R5 no cause":                         {nil, "", ""},
		"R5 words that are tied to nothing":   {[]Option{words("by alice")}, "by alice", ""},
		"R5 words on this content":            {[]Option{tied("by alice")}, "by alice", "by alice"},
		"R5 words on it, and it is scaled":    {[]Option{tied("by alice"), Replicas(9)}, "by alice", "by alice"},
		"R5 words on other content":           {[]Option{tied("by alice"), Image("my-app:2")}, "", ""},
		"R5 new words after those on another": {[]Option{tied("by alice"), Image("my-app:2"), words("by bob")}, "by bob", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stack := Stack("shop", test.options...)
			if got := revision.Cause(stack); got != test.want {
				t.Errorf("Cause = %q, want %q", got, test.want)
			}
			if got := revision.CauseOfReturn(stack); got != test.ofTheReturn {
				t.Errorf("CauseOfReturn = %q, want %q", got, test.ofTheReturn)
			}
		})
	}
}
