// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/appstack-dev/appstack/internal/grant"
)

// hubNames are the keys under which Secrets store credentials of Docker Hub.
var hubNames = []string{
	"docker.io", "index.docker.io", "https://index.docker.io/v1/", "https://index.docker.io/v2/", "index.docker.io/v1/",
	"https://docker.io", "docker.io/team", "index.docker.io/team/app",
}

// pullSecret returns a pull secret with a user for each host; the password is the user name in
// capitals.
func pullSecret(name string, userOf map[string]string) *corev1.Secret {
	var entries []string
	for host, user := range userOf {
		entries = append(entries, fmt.Sprintf(`%q:{"username":%q,"password":%q}`, host, user, strings.ToUpper(user)))
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{` + strings.Join(entries, ",") + `}}`)},
	}
}

func account(name string, secrets ...string) *corev1.ServiceAccount {
	a := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	for _, secret := range secrets {
		a.ImagePullSecrets = append(a.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
	}
	return a
}

// usersOf returns the users that a repository is asked as, in order.
func usersOf(t *testing.T, found access) []string {
	t.Helper()
	all := []string{}
	for _, auth := range found.auths {
		if auth == authn.Anonymous {
			all = append(all, "nobody")
			continue
		}
		config, err := auth.Authorization()
		if err != nil {
			t.Fatal(err)
		}
		if config.Password != strings.ToUpper(config.Username) {
			t.Errorf("user %q has the password %q", config.Username, config.Password)
		}
		all = append(all, config.Username)
	}
	return all
}

// of returns the access of pods with the ServiceAccount and the pull secrets.
func of(t *testing.T, live client.Reader, image, serviceAccount string, secrets ...string) (access, error) {
	t.Helper()
	ref, err := name.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	c := &credentials{live: live, granter: &grant.Granter{Identity: func(context.Context) (string, error) { return "jane", nil }}}
	found, err := c.of(t.Context(), pod{"default", serviceAccount, strings.Join(secrets, ",")})
	if err != nil {
		return access{}, err
	}
	return found.to(t.Context(), ref.Context())
}

func TestCredentialsOf(t *testing.T) {
	const host = "registry.example.com"
	type secret = map[string]string
	for name, test := range map[string]struct {
		image   string
		objects []client.Object
		account string
		secrets string
		want    string
	}{
		"R21 nothing": {host + "/app", nil, "", "", "nobody"},
		"R21 those of the ServiceAccount": {
			host + "/app", []client.Object{pullSecret("a", secret{host: "ann"}), account("runner", "a")}, "runner", "", "ann",
		},
		"R21 those of the pod instead of the ServiceAccount": {
			// pods without a ServiceAccount get the default one from the API server
			host + "/app", []client.Object{
				pullSecret("a", secret{host: "ann"}), pullSecret("b", secret{host: "bob"}), account("default", "b"),
			}, "", "a", "ann",
		},
		"R21 of a nameless Secret": {
			host + "/app", []client.Object{pullSecret("a", secret{host: "ann"}), account("default", "", "a")}, "", "", "ann",
		},
		"R21 in their order": {
			host + "/app", []client.Object{pullSecret("a", secret{host: "ann"}), pullSecret("b", secret{host: "bob"})}, "", "b a", "bob ann",
		},
		"R21 the same twice": {
			host + "/app", []client.Object{
				pullSecret("a", secret{host: "ann"}), pullSecret("b", secret{host: "ann"}),
			}, "", "a b a", "ann",
		},
		"R21 of another ServiceAccount": {
			host + "/app", []client.Object{pullSecret("a", secret{host: "ann"}), account("default", "a"), account("runner")}, "runner", "", "nobody",
		},
		"R21 of another host": {
			host + "/app", []client.Object{
				pullSecret("a", secret{"example.com": "ann", host + ":5000": "bob", "x." + host: "eve"}),
			}, "", "a", "nobody",
		},
		"R21 of a host with a similar name": {
			host + ".evil.org/app", []client.Object{pullSecret("a", secret{host: "ann"})}, "", "a", "nobody",
		},
		"R21 of the port": {
			host + ":5000/app", []client.Object{pullSecret("a", secret{host: "ann", host + ":5000": "bob"})}, "", "a", "bob",
		},
		"R21 of all hosts of a domain": {
			host + "/app", []client.Object{pullSecret("a", secret{"*.example.com": "ann"})}, "", "a", "ann",
		},
		"R21 not of a subdomain": {
			"a.b.example.com/app", []client.Object{pullSecret("a", secret{"*.example.com": "ann"})}, "", "a", "nobody",
		},
		"R21 of the repository": {
			host + "/team/app", []client.Object{pullSecret("a", secret{host + "/other": "bob", host + "/team": "ann"})}, "", "a", "ann",
		},
		"R21 of the repository, and then of the registry": {
			host + "/team/app", []client.Object{pullSecret("a", secret{host: "bob", host + "/team": "ann"})}, "", "a", "ann bob",
		},
		"R21 credentials of Docker Hub are not used for others": {
			host + "/app", []client.Object{pullSecret("a", secret{"docker.io": "ann", "https://index.docker.io/v1/": "bob"})}, "", "a", "nobody",
		},
		"R21 credentials of others are not used for Docker Hub": {
			"nginx", []client.Object{pullSecret("a", secret{host: "ann", "evil-docker.io": "eve", "docker.io.evil.org": "eve"})}, "", "a", "nobody",
		},
		"R21 of an empty Secret": {
			host + "/app", []client.Object{pullSecret("a", nil), pullSecret("b", secret{host: "bob"})}, "", "a b", "bob",
		},
	} {
		t.Run(name, func(t *testing.T) {
			live := fake.NewClientBuilder().WithObjects(test.objects...).Build()
			found, err := of(t, live, test.image, test.account, strings.Fields(test.secrets)...)
			if err != nil {
				t.Fatal(err)
			}
			if got := usersOf(t, found); !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("the registry is asked as %v, want %s", got, test.want)
			}
			if (found.fingerprint == "") != (test.want == "nobody") || found.grant != "" {
				t.Errorf("fingerprint %q, grant %q", found.fingerprint, found.grant)
			}
		})
	}
}

func TestDockerHub(t *testing.T) {
	for _, host := range hubNames {
		for _, image := range []string{"team/app:1", "docker.io/team/app", "index.docker.io/team/app@" + someDigest} {
			t.Run("R21 "+host+" for "+image, func(t *testing.T) {
				live := fake.NewClientBuilder().WithObjects(pullSecret("a", map[string]string{host: "ann"})).Build()
				found, err := of(t, live, image, "", "a")
				if err != nil {
					t.Fatal(err)
				}
				if got := usersOf(t, found); !slices.Equal(got, []string{"ann"}) {
					t.Errorf("the registry is asked as %v", got)
				}
			})
		}
	}
}

// Fingerprints are equal only for equal credentials, and do not reveal them.
func TestFingerprint(t *testing.T) {
	const host = "registry.example.com"
	token := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "token"},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"` + host + `":{"identitytoken":"ANN"}}}`)},
	}
	other := token.DeepCopy()
	other.Name = "other"
	other.Data = map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"` + host + `":{"identitytoken":"BOB"}}}`)}
	registryToken := token.DeepCopy()
	registryToken.Name = "registry"
	registryToken.Data = map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"` + host + `":{"registrytoken":"ANN"}}}`)}
	live := fake.NewClientBuilder().WithObjects(
		pullSecret("a", map[string]string{host: "ann"}), pullSecret("again", map[string]string{host: "ann"}),
		pullSecret("b", map[string]string{host: "bob"}), token, other, registryToken,
	).Build()
	seen := map[string]string{}
	for _, secrets := range []string{"a", "b", "a b", "b a", "token", "other", "registry", "missing"} {
		found, err := of(t, live, host+"/app", "", strings.Fields(secrets)...)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := seen[found.fingerprint]; ok {
			t.Errorf("R29 %q and %q have the same fingerprint", secrets, before)
		}
		seen[found.fingerprint] = secrets
		if strings.Contains(strings.ToUpper(found.fingerprint), "ANN") {
			t.Errorf("R29 the fingerprint is %q", found.fingerprint)
		}
	}
	found, err := of(t, live, host+"/app", "", "again")
	if err != nil || seen[found.fingerprint] != "a" {
		t.Errorf("R21 the same credentials have another fingerprint: %v", err)
	}
}

// Credentials that may not be read are reported with advice; those that may be read are still used.
func TestForbiddenCredentials(t *testing.T) {
	const host = "registry.example.com"
	for name, test := range map[string]struct {
		forbidden string // names of objects that may not be read
		want      string
		grant     bool
	}{
		"R29 nothing":              {"", "ann bob", false},
		"R29 the ServiceAccount":   {"default", "nobody", true},
		"R29 one of the Secrets":   {"a", "bob", true},
		"R29 all":                  {"default a b", "nobody", true},
		"R29 what is not there":    {"missing", "ann bob", true},
		"R29 what nobody asks for": {"other", "ann bob", false},
	} {
		t.Run(name, func(t *testing.T) {
			objects := fake.NewClientBuilder().WithObjects(
				pullSecret("a", map[string]string{host: "ann"}), pullSecret("b", map[string]string{host: "bob"}),
				account("default", "a", "missing", "b"),
			).Build()
			live := interceptor.NewClient(objects, interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
					if slices.Contains(strings.Fields(test.forbidden), key.Name) {
						return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, key.Name, nil)
					}
					return c.Get(ctx, key, object, options...)
				},
			})
			found, err := of(t, live, host+"/app", "")
			if err != nil {
				t.Fatal(err)
			}
			if got := usersOf(t, found); !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("the registry is asked as %v, want %s", got, test.want)
			}
			if got := found.grant != ""; got != test.grant {
				t.Errorf("the grant is %q", found.grant)
			}
		})
	}
}

// If the API server does not return the credentials, the registry is not asked anonymously instead.
func TestCredentialsNotRead(t *testing.T) {
	objects := fake.NewClientBuilder().WithObjects(account("default", "a"), pullSecret("a", map[string]string{"ghcr.io": "ann"})).Build()
	for _, broken := range []string{"default", "a"} {
		t.Run("R29 "+broken, func(t *testing.T) {
			live := interceptor.NewClient(objects, interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
					if key.Name == broken {
						return apierrors.NewTimeoutError("try again", 1)
					}
					return c.Get(ctx, key, object, options...)
				},
			})
			if found, err := of(t, live, "ghcr.io/app", ""); err == nil {
				t.Errorf("the registry is asked as %v", usersOf(t, found))
			}
		})
	}
}
