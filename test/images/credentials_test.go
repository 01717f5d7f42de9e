// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package images

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/grant"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/registry"
)

// auth returns the entry of a user in a pull Secret.
func auth(user, password string) string {
	return fmt.Sprintf(`{"auth":%q}`, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

// pullSecret returns a kubernetes.io/dockerconfigjson Secret with one entry.
func pullSecret(name, host, auth string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: shop.Namespace, Name: name},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: fmt.Appendf(nil, `{"auths":{%q:%s}}`, host, auth)},
	}
}

// oldPullSecret returns a kubernetes.io/dockercfg Secret with one entry.
func oldPullSecret(name, host, auth string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: shop.Namespace, Name: name},
		Type:       corev1.SecretTypeDockercfg,
		Data:       map[string][]byte{corev1.DockerConfigKey: fmt.Appendf(nil, `{%q:%s}`, host, auth)},
	}
}

// account returns a ServiceAccount with pull secrets.
func account(name string, secrets ...string) *corev1.ServiceAccount {
	a := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: shop.Namespace, Name: name}}
	for _, secret := range secrets {
		a.ImagePullSecrets = append(a.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
	}
	return a
}

// forbidding is an API server that forbids all reads until allowed is set.
type forbidding struct {
	client.WithWatch
	allowed atomic.Bool
	reads   atomic.Int64
}

func newForbidding(objects ...client.Object) *forbidding {
	f := &forbidding{}
	f.WithWatch = interceptor.NewClient(fake.NewClientBuilder().WithObjects(objects...).Build(), interceptor.Funcs{
		Get: func(
			ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption,
		) error {
			f.reads.Add(1)
			if f.allowed.Load() {
				return c.Get(ctx, key, object, options...)
			}
			return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, key.Name, nil)
		},
	})
	return f
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	reference, digest := push(t, private, "credentials:1", registry.Image())
	host := private.Host()
	ann, bob := auth("ann", users["ann"]), auth("bob", users["bob"])
	wrong := auth("ann", "not her password")
	for name, test := range map[string]struct {
		objects []client.Object
		request model.ImageRequest
	}{
		"R21 of the pod": {
			[]client.Object{pullSecret("s", host, ann)}, model.ImageRequest{PullSecrets: "s"},
		},
		"R21 of the pod, in the old form": {
			[]client.Object{oldPullSecret("s", host, ann)}, model.ImageRequest{PullSecrets: "s"},
		},
		"R21 of the pod, with the name and the password apart": {
			[]client.Object{pullSecret("s", host, fmt.Sprintf(`{"username":"ann","password":%q}`, users["ann"]))},
			model.ImageRequest{PullSecrets: "s"},
		},
		"R21 of the pod, with the address as a URL": {
			[]client.Object{pullSecret("s", "https://"+host+"/v1/", ann)}, model.ImageRequest{PullSecrets: "s"},
		},
		"R21 of the pod, for the repository": {
			[]client.Object{pullSecret("s", host+"/credentials", ann)}, model.ImageRequest{PullSecrets: "s"},
		},
		"R21 of its ServiceAccount": {
			[]client.Object{pullSecret("s", host, ann), account("runner", "s")}, model.ImageRequest{ServiceAccount: "runner"},
		},
		"R21 of the default ServiceAccount": {
			[]client.Object{oldPullSecret("s", host, bob), account("default", "s")}, model.ImageRequest{},
		},
		"R21 of the pod, with a ServiceAccount that does not exist": {
			[]client.Object{pullSecret("s", host, ann)}, model.ImageRequest{PullSecrets: "s", ServiceAccount: "runner"},
		},
		"R21 in the last of many": {
			[]client.Object{
				pullSecret("elsewhere", "registry.example.com", bob), pullSecret("wrong", host, wrong), oldPullSecret("old", host, wrong),
				&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: shop.Namespace, Name: "opaque"}},
				pullSecret("right", host, bob), account("default", "wrong"),
			},
			model.ImageRequest{PullSecrets: "missing,elsewhere,wrong,opaque,old,right"},
		},
		"R21 in the second entry of one": {
			// a kubelet tries the entry for the repository, then the one for the registry
			[]client.Object{&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: shop.Namespace, Name: "s"},
				Type:       corev1.SecretTypeDockerConfigJson,
				Data: map[string][]byte{corev1.DockerConfigJsonKey: fmt.Appendf(
					nil, `{"auths":{%q:%s,%q:%s}}`, host+"/credentials", wrong, host, ann)},
			}},
			model.ImageRequest{PullSecrets: "s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.request.Reference = reference
			want := model.Questions{Release: "1", Images: []model.ImageRequest{test.request}}
			b := start(t, image.Options{Live: fake.NewClientBuilder().WithObjects(test.objects...).Build(), Wait: 4 * time.Second}, private)
			wantDigest(t, the(t, b.release(shop, want), test.request), digest)
		})
	}
}

// Secrets with the same name in other namespaces are not used.
func TestCredentialsOfOthers(t *testing.T) {
	t.Parallel()
	reference, digest := push(t, private, "others:1", registry.Image())
	live := fake.NewClientBuilder().WithObjects(pullSecret("s", private.Host(), auth("ann", users["ann"]))).Build()
	c := newClock()
	b := start(t, image.Options{Live: live, Clock: c}, private)
	request := model.ImageRequest{Reference: reference, PullSecrets: "s"}
	want := model.Questions{Release: "1", Images: []model.ImageRequest{request}}
	b.begin(shop, want)
	b.wake(shop)
	wantDigest(t, the(t, b.look(shop, want), request), digest)

	// other namespaces get the answer neither by tag nor by digest, however fresh it is
	stranger := types.NamespacedName{Namespace: "elsewhere", Name: "shop"}
	want.Since = c.Now().Add(-time.Hour)
	for _, reference := range []string{reference, private.Host() + "/others@" + digest} {
		request.Reference, want.Images[0].Reference, want.Release = reference, reference, reference
		b.begin(stranger, want)
		b.wake(stranger)
		b.begin(stranger, want)
		c.Step(imageWait)
		wantUnresolved(t, the(t, b.look(stranger, want), request), v1alpha1.ReasonImageUnauthorized, "401 Unauthorized")
		b.made(stranger)
	}
}

// Without permission to read Secrets, public images resolve and private ones fail at once.
func TestForbidden(t *testing.T) {
	t.Parallel()
	closed, _ := push(t, private, "forbidden:1", registry.Image())
	public, digest := push(t, open, "forbidden:1", registry.Image())
	for name, test := range map[string]struct {
		identity func(context.Context) (string, error)
		subject  string
	}{
		"R23 a ServiceAccount": {
			func(context.Context) (string, error) { return "system:serviceaccount:ops:stacks", nil }, "--serviceaccount=ops:stacks",
		},
		"R23 a user": {func(context.Context) (string, error) { return "jane", nil }, "--user=jane"},
		"R23 someone": {
			func(context.Context) (string, error) { return "", apierrors.NewInternalError(http.ErrServerClosed) },
			"--serviceaccount=appstack-system:appstack-controller-manager",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			live := newForbidding(pullSecret("s", private.Host(), auth("ann", users["ann"])))
			c := newClock() // never advanced: the release does not wait
			b := start(t, image.Options{Live: live, Clock: c, Granter: &grant.Granter{Identity: test.identity}}, open, private)
			requests := []model.ImageRequest{{Reference: closed, PullSecrets: "s"}, {Reference: public, PullSecrets: "s"}}
			want := model.Questions{Release: "1", Images: requests}
			images := b.look(shop, want)
			for images.Waiting != "" {
				b.wake(shop)
				images = b.look(shop, want)
			}
			wantDigest(t, the(t, images, requests[1]), digest)
			wantUnresolved(t, the(t, images, requests[0]), v1alpha1.ReasonImageUnauthorized,
				closed+": ", "answers 401 Unauthorized (UNAUTHORIZED)",
				"kubectl create role appstack-pull-secrets -n default --verb=get --resource=serviceaccounts,secrets",
				"kubectl create rolebinding appstack-pull-secrets -n default --role=appstack-pull-secrets "+test.subject,
			)
		})
	}
}

// A 403 of a registry is handled like a 401.
func TestForbiddenByTheRegistry(t *testing.T) {
	t.Parallel()
	f := newFront(t, nil, false, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			says(w, "application/json", []byte("{}"))
			return true
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	c := newClock()
	b := start(t, image.Options{Live: newForbidding(), Clock: c, Registries: image.Registries{PlainHTTP: []string{f.host()}}})
	want := wanting(f.host() + "/app:1")
	b.begin(shop, want)
	b.wake(shop)
	wantUnresolved(t, the(t, b.look(shop, want), want.Images[0]), v1alpha1.ReasonImageUnauthorized,
		"answers 403 Forbidden;", "kubectl create role")
}

// Every stack of a namespace gets the error at once, not only the first one.
func TestForbiddenAgain(t *testing.T) {
	t.Parallel()
	reference, _ := push(t, private, "again:1", registry.Image())
	c := newClock()
	b := start(t, image.Options{Live: newForbidding(), Clock: c}, private)
	want := wanting(reference)
	for i := range 8 {
		stack := types.NamespacedName{Namespace: "default", Name: fmt.Sprint("shop-", i)}
		began := c.Now()
		for images := b.begin(stack, want); images.Waiting != ""; images = b.look(stack, want) {
			if within(200*time.Millisecond, func() bool { return len(b.wakes(stack)) > 0 }) {
				b.wake(stack)
				continue
			}
			c.Step(100 * time.Millisecond)
			if c.Since(began) > 2*imageWait {
				t.Fatal("the release never ends its wait")
			}
		}
		found := the(t, b.look(stack, want), want.Images[0])
		b.made(stack)
		if waited := c.Since(began); waited > time.Second {
			t.Errorf("R23 the release of stack %d was held for %s, want none", i+1, waited)
		}
		wantUnresolved(t, found, v1alpha1.ReasonImageUnauthorized, "kubectl create role")
		c.Step(time.Second) // before the next stack
		if t.Failed() {
			return
		}
	}
}

// Rejected credentials are read again while a release waits: the right ones may follow.
func TestCredentialsComeLater(t *testing.T) {
	t.Parallel()
	reference, digest := push(t, private, "later:1", registry.Image())
	for name, before := range map[string][]client.Object{
		"R21 no Secret before":       {},
		"R21 another one before":     {pullSecret("s", private.Host(), auth("ann", "not her password"))},
		"R21 a malformed one before": {pullSecret("s", private.Host(), `{"auth":"!"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			live := fake.NewClientBuilder().WithObjects(before...).Build()
			b := start(t, image.Options{Live: live}, private)
			request := model.ImageRequest{Reference: reference, PullSecrets: "s"}
			want := model.Questions{Release: "1", Images: []model.ImageRequest{request}}
			images := b.begin(shop, want)
			if len(before) == 0 || !strings.Contains(name, "malformed") {
				b.wake(shop) // the credentials were rejected
				images = b.begin(shop, want)
			}
			right := pullSecret("s", private.Host(), auth("ann", users["ann"]))
			for _, secret := range before {
				if err := live.Delete(t.Context(), secret); err != nil {
					t.Fatal(err)
				}
			}
			if err := live.Create(t.Context(), right); err != nil {
				t.Fatal(err)
			}
			wantDigest(t, the(t, b.goOn(shop, want, images), request), digest)
		})
	}
}

// Every release reads the Secrets again.
func TestSecretsAreNotCached(t *testing.T) {
	t.Parallel()
	reference, digest := push(t, private, "cached:1", registry.Image())
	secret := pullSecret("s", private.Host(), auth("ann", users["ann"]))
	live := fake.NewClientBuilder().WithObjects(secret).Build()
	c := newClock()
	b := start(t, image.Options{Live: live, Clock: c}, private)
	request := model.ImageRequest{Reference: reference, PullSecrets: "s"}
	want := model.Questions{Release: "1", Images: []model.ImageRequest{request}, Since: c.Now().Add(-time.Hour)}
	b.begin(shop, want)
	b.wake(shop)
	wantDigest(t, the(t, b.look(shop, want), request), digest)
	b.made(shop)

	secret.Data = pullSecret("s", private.Host(), auth("ann", "no longer her password")).Data
	if err := live.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	want.Release = "2"
	b.begin(shop, want)
	b.wake(shop)
	b.begin(shop, want)
	c.Step(imageWait)
	wantUnresolved(t, the(t, b.look(shop, want), request), v1alpha1.ReasonImageUnauthorized, "401 Unauthorized")
}

// The error is gone after an administrator grants the permission and restarts the stack, as
// the message says.
func TestGrantedAfterwards(t *testing.T) {
	t.Parallel()
	reference, digest := push(t, private, "granted:1", registry.Image())
	live := newForbidding(pullSecret("s", private.Host(), auth("ann", users["ann"])))
	c := newClock()
	b := start(t, image.Options{Live: live, Clock: c}, private)
	request := model.ImageRequest{Reference: reference, PullSecrets: "s"}
	want := model.Questions{Release: "1", Images: []model.ImageRequest{request}}
	b.begin(shop, want)
	b.wake(shop)
	wantUnresolved(t, the(t, b.look(shop, want), request), v1alpha1.ReasonImageUnauthorized, "restartedAt")
	b.made(shop)

	live.allowed.Store(true)
	c.Step(10 * time.Second)
	want.Release = "2"
	b.begin(shop, want)
	b.wake(shop)
	wantDigest(t, the(t, b.look(shop, want), request), digest)
}

// A failed read from the API server is retried before the wait ends.
func TestAPIServerFailsOnce(t *testing.T) {
	t.Parallel()
	reference, digest := push(t, open, "once:1", registry.Image())
	var reads atomic.Int32
	live := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Get: func(
			ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption,
		) error {
			if reads.Add(1) == 1 {
				return apierrors.NewInternalError(http.ErrServerClosed)
			}
			return c.Get(ctx, key, object, options...)
		},
	})
	b := start(t, image.Options{Live: live, Wait: 8 * time.Second}, open)
	began := time.Now()
	found := b.resolve(shop, reference)
	wantDigest(t, found, digest)
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("R21 the release took %s, want at most 6s", took)
	}
}

// A malformed Secret is reported as malformed, without any of its content.
func TestMalformedSecret(t *testing.T) {
	t.Parallel()
	reference, _ := push(t, private, "malformed:1", registry.Image())
	for name, data := range map[string]string{
		"R29 no JSON":           secret,
		"R29 an unusual auth":   fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, private.Host(), base64.StdEncoding.EncodeToString([]byte(secret))),
		"R29 an address":        fmt.Sprintf(`{"auths":{"https://ann:%s@[%s":{"auth":"YTpi"}}}`, secret, private.Host()),
		"R29 a list of entries": fmt.Sprintf(`{"auths":[%q]}`, secret),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			malformed := pullSecret("s", private.Host(), "{}")
			malformed.Data[corev1.DockerConfigJsonKey] = []byte(data)
			c := newClock()
			b := start(t, image.Options{Live: fake.NewClientBuilder().WithObjects(malformed).Build(), Clock: c}, private)
			request := model.ImageRequest{Reference: reference, PullSecrets: "s"}
			want := model.Questions{Release: "1", Images: []model.ImageRequest{request}}
			b.begin(shop, want)
			c.Step(imageWait)
			found := the(t, b.look(shop, want), request)
			if found.Unresolved == nil {
				t.Fatalf("resolved: %+v", found)
			}
			wantUnresolved(t, found, found.Unresolved.Reason, "malformed")
		})
	}
}

// The target of a registry's redirect gets no credentials.
func TestRedirectGetsNoCredentials(t *testing.T) {
	t.Parallel()
	_, digest := push(t, private, "sent-away:1", registry.Image())
	push(t, open, "sent-away:1", registry.Image())
	elsewhere := newFront(t, open, true, nil)
	f := newFront(t, private, true, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	})
	live := fake.NewClientBuilder().WithObjects(pullSecret("s", f.host(), auth("ann", users["ann"]))).Build()
	b := start(t, image.Options{Live: live, Registries: image.Registries{CA: append(f.authority(), elsewhere.authority()...)}})
	request := model.ImageRequest{Reference: f.host() + "/sent-away:1", PullSecrets: "s"}
	want := model.Questions{Release: "1", Images: []model.ImageRequest{request}}
	wantDigest(t, the(t, b.release(shop, want), request), digest)
	if len(elsewhere.requests()) == 0 {
		t.Fatal("the redirect was not followed")
	}
	for _, request := range elsewhere.requests() {
		if header := request.Header.Get("Authorization"); header != "" {
			t.Errorf("R29 another host got the Authorization header %q", header)
		}
	}
}

// tokens runs a registry whose users get a token from the token service at the realm.
func tokens(t *testing.T, tls bool, realm func(self string) string) *front {
	t.Helper()
	var f *front
	f = newFront(t, open, tls, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/token":
			if user, password, _ := r.BasicAuth(); user != "ann" || password != users["ann"] {
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			says(w, "application/json", []byte(`{"token":"`+secret+`"}`))
			return true
		case r.Header.Get("Authorization") == "Bearer "+secret:
			return false
		}
		w.Header().Set("Www-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="tests"`, realm(f.URL)))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	return f
}

func TestToken(t *testing.T) {
	t.Parallel()
	_, digest := push(t, open, "token:1", registry.Image())
	f := tokens(t, true, func(self string) string { return self + "/token" })
	for name, test := range map[string]struct {
		password string
		right    bool
	}{"R21 the right password": {users["ann"], true}, "R21 another one": {"not her password", false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			live := fake.NewClientBuilder().WithObjects(pullSecret("s", f.host(), auth("ann", test.password))).Build()
			c := newClock()
			b := start(t, image.Options{Live: live, Clock: c, Registries: image.Registries{CA: f.authority()}})
			request := model.ImageRequest{Reference: f.host() + "/token:1", PullSecrets: "s"}
			want := model.Questions{Release: "1", Images: []model.ImageRequest{request}}
			b.begin(shop, want)
			b.wake(shop)
			if test.right {
				wantDigest(t, the(t, b.look(shop, want), request), digest)
				return
			}
			b.begin(shop, want)
			c.Step(imageWait)
			wantUnresolved(t, the(t, b.look(shop, want), request), v1alpha1.ReasonImageUnauthorized, "401 Unauthorized")
		})
	}
}

// The registry names the token service, but passwords are not sent to it without TLS.
func TestTokenWithoutTLS(t *testing.T) {
	t.Parallel()
	service := newFront(t, nil, false, nil)
	for _, tls := range []bool{true, false} {
		t.Run(fmt.Sprintf("R29 of a registry with TLS %t", tls), func(t *testing.T) {
			f := tokens(t, tls, func(string) string { return service.URL + "/token" })
			live := fake.NewClientBuilder().WithObjects(pullSecret("s", f.host(), auth("ann", users["ann"]))).Build()
			c := newClock()
			options := image.Options{Live: live, Clock: c}
			if tls {
				options.CA = f.authority()
			} else {
				options.PlainHTTP = []string{f.host()}
			}
			b := start(t, options)
			request := model.ImageRequest{Reference: f.host() + "/token:1", PullSecrets: "s"}
			want := model.Questions{Release: "1", Images: []model.ImageRequest{request}}
			b.begin(shop, want)
			b.fails(c)
			c.Step(imageWait)
			wantUnresolved(t, the(t, b.look(shop, want), request), v1alpha1.ReasonRegistryUnavailable)
			if requests := service.requests(); len(requests) > 0 {
				t.Errorf("the token service got a request with the Authorization header %q", requests[0].Header.Get("Authorization"))
			}
		})
	}
}
