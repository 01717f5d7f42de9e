// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package scrape

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"
)

// door is a keeper in front of metrics, and an API server that knows two tokens: "prometheus",
// which may get /metrics, and "stranger", which has no rights.
type door struct {
	http.Handler
	clock *clocktesting.FakeClock
	// asked are the requests to the API server.
	asked []string
	// broken is the API server's error, if any.
	broken error
	// seen are the Authorization headers that reached the metrics.
	seen []string
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{clock: clocktesting.NewFakeClock(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))}
	api := fake.NewClientset()
	api.PrependReactor("create", "tokenreviews", func(action clienttesting.Action) (bool, apiruntime.Object, error) {
		review := created[*authenticationv1.TokenReview](t, action)
		d.asked = append(d.asked, "token "+review.Spec.Token)
		if known := review.Spec.Token; known == "prometheus" || known == "stranger" {
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{
				Username: known, UID: "7", Groups: []string{"monitoring"}, Extra: map[string]authenticationv1.ExtraValue{"pod": {"a"}},
			}}
		}
		return true, review, d.broken
	})
	api.PrependReactor("create", "subjectaccessreviews", func(action clienttesting.Action) (bool, apiruntime.Object, error) {
		review := created[*authorizationv1.SubjectAccessReview](t, action)
		spec := review.Spec
		d.asked = append(d.asked, fmt.Sprintf("may %s %s %s%v %s %s", spec.User, spec.UID, spec.Extra["pod"], spec.Groups,
			spec.NonResourceAttributes.Verb, spec.NonResourceAttributes.Path))
		review.Status.Allowed = spec.User == "prometheus" && spec.NonResourceAttributes.Verb == "get" &&
			spec.NonResourceAttributes.Path == "/metrics"
		return true, review, d.broken
	})
	k := &keeper{
		tokens: api.AuthenticationV1().TokenReviews(), rights: api.AuthorizationV1().SubjectAccessReviews(),
		memory: memory{clock: d.clock},
	}
	var err error
	d.Handler, err = k.filter(logr.Discard(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.seen = append(d.seen, r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, "metrics") // a ResponseRecorder does not fail
	}))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func created[T apiruntime.Object](t *testing.T, action clienttesting.Action) T {
	t.Helper()
	create, _ := action.(clienttesting.CreateAction)
	object, ok := create.GetObject().DeepCopyObject().(T)
	if !ok {
		t.Errorf("a %T was created", create.GetObject())
	}
	return object
}

// get returns the status of the response to a request.
func (d *door) get(method, path, authorization string) int {
	request := httptest.NewRequest(method, path, nil)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer := httptest.NewRecorder()
	d.ServeHTTP(answer, request)
	if passed := answer.Body.String() == "metrics"; passed != (answer.Code == http.StatusOK) {
		return 0
	}
	return answer.Code
}

func TestFilter(t *testing.T) {
	known := []string{"token prometheus", "may prometheus 7 [a][monitoring] get /metrics"}
	tests := map[string]struct {
		method, path, authorization string
		broken                      error
		status                      int
		asked                       []string
	}{
		"who may":                  {"GET", "/metrics", "Bearer prometheus", nil, 200, known},
		"who may, in other words":  {"GET", "/metrics", "bearer  prometheus ", nil, 200, known},
		"with a query":             {"GET", "/metrics?debug=1", "Bearer prometheus", nil, 200, known},
		"nobody":                   {"GET", "/metrics", "", nil, 401, nil},
		"no token":                 {"GET", "/metrics", "Bearer ", nil, 401, nil},
		"a password":               {"GET", "/metrics", "Basic cHJvbWV0aGV1cw==", nil, 401, nil},
		"a token without a scheme": {"GET", "/metrics", "prometheus", nil, 401, nil},
		"a token that is none":     {"GET", "/metrics", "Bearer " + strings.Repeat("x", maxToken+1), nil, 401, nil},
		"an unknown token":         {"GET", "/metrics", "Bearer other", nil, 401, []string{"token other"}},
		"who may not": {"GET", "/metrics", "Bearer stranger", nil, 403,
			[]string{"token stranger", "may stranger 7 [a][monitoring] get /metrics"}},
		"what they may not": {"POST", "/metrics", "Bearer prometheus", nil, 403,
			[]string{"token prometheus", "may prometheus 7 [a][monitoring] post /metrics"}},
		"where they may not": {"GET", "/debug/pprof", "Bearer prometheus", nil, 403,
			[]string{"token prometheus", "may prometheus 7 [a][monitoring] get /debug/pprof"}},
		"an API server that does not answer": {"GET", "/metrics", "Bearer prometheus", errors.New("down"), 500,
			[]string{"token prometheus"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			d.broken = test.broken
			if status := d.get(test.method, test.path, test.authorization); status != test.status {
				t.Errorf("answered with %d, want %d", status, test.status)
			}
			if diff := cmp.Diff(test.asked, d.asked); diff != "" {
				t.Errorf("requests to the API server (-want +got):\n%s", diff)
			}
			if strings.Join(d.seen, "") != "" {
				t.Errorf("the token was passed on to the metrics: %v", d.seen)
			}
		})
	}
}

// TestHowLongAnAnswerHolds sends two requests and counts the requests to the API server.
func TestHowLongAnAnswerHolds(t *testing.T) {
	const get, metrics = http.MethodGet, "/metrics"
	tests := map[string]struct {
		token string
		first error
		after time.Duration
		want  int
	}{
		"who may":                           {"prometheus", nil, 59 * time.Second, 2},
		"who may, a minute later":           {"prometheus", nil, time.Minute, 4},
		"who may not":                       {"stranger", nil, 9 * time.Second, 2},
		"who may not, 10 s later":           {"stranger", nil, 10 * time.Second, 4},
		"an unknown token":                  {"other", nil, 9 * time.Second, 1},
		"an unknown token, 10 s later":      {"other", nil, 10 * time.Second, 2},
		"an API server that did not answer": {"prometheus", errors.New("down"), 0, 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			d.broken = test.first
			d.get(get, metrics, "Bearer "+test.token)
			d.broken = nil
			d.clock.Step(test.after)
			d.get(get, metrics, "Bearer "+test.token)
			if len(d.asked) != test.want {
				t.Errorf("asked %d times, want %d: %v", len(d.asked), test.want, d.asked)
			}
		})
	}
}

// TestAnAnswerIsOfOneQuestion checks that an answer is not reused for another token, method or
// path.
func TestAnAnswerIsOfOneQuestion(t *testing.T) {
	d := newDoor(t)
	for range 2 {
		for _, step := range []struct {
			method, path, token string
			status              int
		}{
			{"GET", "/metrics", "prometheus", 200},
			{"PUT", "/metrics", "prometheus", 403},
			{"GET", "/other", "prometheus", 403},
			{"GET", "/metrics", "stranger", 403},
			{"GET", "/metrics", "other", 401},
		} {
			if status := d.get(step.method, step.path, "Bearer "+step.token); status != step.status {
				t.Errorf("%s %s by %s: %d, want %d", step.method, step.path, step.token, status, step.status)
			}
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	d := newDoor(t)
	m := &memory{clock: d.clock}
	for i := range 10 * maxAnswers {
		m.note(question{token: fmt.Sprint(i)}, http.StatusUnauthorized)
		if len(m.answers) > maxAnswers {
			t.Fatalf("%d answers are remembered", len(m.answers))
		}
	}
	if _, known := m.recall(question{token: fmt.Sprint(10*maxAnswers - 1)}); !known {
		t.Error("the last answer is not remembered")
	}
}

// TestLongQuestionsTakeNoRoom checks that unauthenticated clients cannot fill the memory with long
// requests.
func TestLongQuestionsTakeNoRoom(t *testing.T) {
	const long, requests = 1 << 20, 16
	taken := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	d := newDoor(t)
	before := taken()
	for i := range requests {
		method := strings.Repeat("M", long+i)
		if status := d.get(method, "/metrics", "Bearer other"); status != http.StatusUnauthorized {
			t.Fatalf("answered with %d, want 401", status)
		}
	}
	if after := taken(); after > before+4*long {
		t.Errorf("%d requests take %d MiB", requests, (after-before)/long)
	}
	if len(d.asked) != requests {
		t.Errorf("the API server was asked %d times, want once per request", len(d.asked))
	}
	d.get(strings.Repeat("M", long), "/metrics", "Bearer other")
	if len(d.asked) != requests {
		t.Errorf("the answer to the first request is not remembered: asked %d times", len(d.asked))
	}
}

// TestFilterAsksTheAPIServer checks that the filter uses the API server of the configuration.
func TestFilterAsksTheAPIServer(t *testing.T) {
	asked := make(chan string, 1)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.URL.Path
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer api.Close()
	filter, err := Filter(&rest.Config{Host: api.URL}, api.Client())
	if err != nil {
		t.Fatal(err)
	}
	handler, err := filter(logr.Discard(), http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	if status := (&door{Handler: handler}).get(http.MethodGet, "/metrics", "Bearer prometheus"); status != http.StatusInternalServerError {
		t.Errorf("answered with %d, want 500", status)
	}
	if got := <-asked; got != "POST /apis/authentication.k8s.io/v1/tokenreviews" {
		t.Errorf("request to the API server: %s", got)
	}
}
