// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/schema"
)

// hex returns this many hexadecimal digits.
func hex(digits int) string { return strings.Repeat("0123456789abcdef", digits/16) }

// takes reports whether the schema accepts the image, for the main and for an additional component,
// and returns the error message.
func takes(t *testing.T, image string) (bool, string) {
	t.Helper()
	crd, err := schema.Get()
	if err != nil {
		t.Fatal(err)
	}
	errs := crd.Validate(t.Context(), fixture.Stack("shop", fixture.Image(image)))
	further := fixture.Stack("shop", fixture.Component("worker", 1, nil))
	further.Spec.Components[0].Image = image
	ofComponent := crd.Validate(t.Context(), further)
	if len(errs) != len(ofComponent) {
		t.Errorf("%q: the main component's image is rejected by %v, an additional one's by %v", image, errs, ofComponent)
	}
	if len(errs) == 0 {
		return true, ""
	}
	return false, errs.ToAggregate().Error()
}

// known reports errors of the reference library that are not about the grammar: the schema checks
// neither the length of a repository nor the supported algorithms.
func known(err error) bool {
	return errors.Is(err, reference.ErrNameTooLong) || errors.Is(err, digest.ErrDigestUnsupported)
}

func TestImage(t *testing.T) {
	const (
		repository = "image must name a repository in lower case"
		tag        = "image must have a tag of 1 to 128 letters"
		whole      = "image must have a whole digest"
		scheme     = "remove spaces and the scheme"
	)
	tests := map[string]string{ // the message; empty if the image is accepted
		"nginx":                              "",
		"nginx:1.29":                         "",
		"team/app":                           "",
		"my__app/a--b/c.d":                   "",
		"Registry.Example.com/app":           "",
		"REGISTRY/app:1":                     "",
		"registry.example.com:5000/team/app": "",
		"localhost/app":                      "",
		"localhost:5000/app:1":               "",
		"127.0.0.1:5000/app":                 "",
		"[2001:db8::1]/app":                  "",
		"[2001:DB8::1]:5000/app:1":           "",
		"app:" + strings.Repeat("V", 128):    "",
		"app:_1.2-3":                         "",
		"app@sha256:" + hex(64):              "",
		"app:1@sha256:" + hex(64):            "",
		"app@sha384:" + hex(96):              "",
		"app@sha512:" + hex(128):             "",
		"app@blake3:" + hex(64):              "",
		"app@multihash+base58:" + hex(32):    "",
		hex(64) + ":1":                       "",
		"team/" + hex(64):                    "",
		"Nginx:1":                            repository,
		"team/App":                           repository,
		"Registry.Example.com":               repository,
		"registry.example.com/":              repository,
		"/app":                               repository,
		"team//app":                          repository,
		"-app":                               repository,
		"app_":                               repository,
		"a___b":                              repository,
		"my_registry:5000/app":               repository,
		"[::1/app":                           repository,
		"[::1%eth0]/app":                     repository,
		"registry.example.com:port/app":      repository,
		"ünicode":                            repository,
		hex(64):                              repository,
		":1":                                 repository,
		"@sha256:" + hex(64):                 repository,
		"nginx:":                             tag,
		"nginx:1:2":                          tag,
		"nginx:-1":                           tag,
		"nginx:a+b":                          tag,
		"nginx:@sha256:" + hex(64):           tag,
		"localhost:5000/app:":                tag,
		"app:" + strings.Repeat("v", 129):    tag,
		"nginx@":                             whole,
		"nginx@sha256:abc":                   whole,
		"nginx@sha256:" + hex(48):            whole,
		"nginx@sha256:" + hex(80):            whole,
		"nginx@sha512:" + hex(64):            whole,
		"nginx@sha256:" + strings.ToUpper(hex(64)):       whole,
		"nginx@SHA256:" + hex(64):                        whole,
		"nginx@" + hex(64):                               whole,
		"nginx@blake3:" + hex(16):                        whole,
		"nginx@sha256:" + hex(64) + "@sha256:" + hex(64): whole,
		"https://registry.example.com/app":               scheme,
		"nginx :1":                                       scheme,
		"nginx:1\n":                                      scheme,
	}
	for image, want := range tests {
		t.Run("R30 "+image, func(t *testing.T) {
			ok, message := takes(t, image)
			if ok != (want == "") || !strings.Contains(message, want) {
				t.Errorf("accepted: %t, message %q, want %q", ok, message, want)
			}
			if _, err := reference.ParseNormalizedNamed(image); !known(err) && ok != (err == nil) {
				t.Errorf("accepted: %t, but the reference library returns %v", ok, err)
			}
		})
	}
}

// TestImageOfBefore checks that a stack from before these schema rules can be changed, except for
// its image.
func TestImageOfBefore(t *testing.T) {
	crd, err := schema.Get()
	if err != nil {
		t.Fatal(err)
	}
	before := fixture.Stack("shop", fixture.Image("Nginx:1"), fixture.Component("worker", 1, nil))
	before.Spec.Components[0].Image = "nginx:"
	change := func(options ...fixture.Option) error {
		return crd.ValidateUpdate(t.Context(), fixture.With(before.DeepCopy(), options...), before).ToAggregate()
	}
	other := func(s *v1alpha1.AppStack) {
		s.Spec.Components = append([]v1alpha1.Component{{Name: "a"}}, s.Spec.Components...)
	}
	if err := change(fixture.Replicas(7), fixture.Env("A", "b"), other); err != nil {
		t.Errorf("R30 other fields cannot be changed: %v", err)
	}
	if err := change(fixture.Image("Nginx:2")); err == nil || !strings.Contains(err.Error(), "in lower case") {
		t.Errorf("R30 another invalid image is rejected by %v", err)
	}
	if err := change(func(s *v1alpha1.AppStack) { s.Spec.Components[0].Image = "nginx:1:2" }); err == nil {
		t.Error("R30 another invalid image of a component is accepted")
	}
}

// TestImageAgreesWithTheGrammar checks with random, mostly almost valid references that the schema
// accepts exactly those that the kubelet's library can parse.
func TestImageAgreesWithTheGrammar(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(parts ...string) string { return parts[random.IntN(len(parts))] }
	// mostly picks a valid part, or sometimes one of the others, most of which are invalid
	mostly := func(right []string, others ...string) string {
		if random.IntN(4) > 0 {
			return pick(right...)
		}
		return pick(others...)
	}
	domain := func() string {
		return mostly([]string{"", "localhost/", "Registry.Example.com/", "host:5000/", "[::1]/", "10.0.0.1:80/"},
			"a-/", "-a/", "[::1]:80/", "[:g]/", "a..b/", "a_b.c/", "UP/", "host:/", "é.com/", "/", "host:5000:1/", "a.b:1/")
	}
	path := func() string {
		return mostly([]string{"app", "0", "a.b", "a_b", "a__b", "a---b"},
			"a___b", "a.-b", "-a", "a-", "App", "", "a b", "a@b", hex(64), "ß")
	}
	tagged := func() string {
		return mostly([]string{"", ":1", ":v1.2-3_4", ":" + strings.Repeat("X", 128)},
			":", ":-", ":.1", ":1:2", ":"+strings.Repeat("x", 129), ":a/b", ":ſ")
	}
	digested := func() string {
		return mostly([]string{"", "", "@sha256:" + hex(64), "@sha384:" + hex(96), "@sha512:" + hex(128)},
			"@", "@sha256:"+hex(48), "@sha512:"+hex(64), "@sha256:"+strings.ToUpper(hex(64)), "@SHA256:"+hex(64), "@md5:"+hex(32),
			"@a+b.c:"+hex(32), "@a+:"+hex(32), "@1a:"+hex(32), "@sha256:"+hex(64)+"@", "@sha256:"+hex(64)+":1")
	}
	taken := 0
	for range 4000 {
		image := domain() + path()
		for random.IntN(3) == 0 {
			image += "/" + path()
		}
		image += tagged() + digested()
		if random.IntN(8) == 0 && image != "" { // one character is replaced
			at := random.IntN(len(image))
			image = image[:at] + pick("A", "a", "_", ".", ":", "@", "/", "-", "[", " ", "\n", "\x00", "K") + image[at+1:]
		}
		if agrees(t, image) {
			taken++
		}
	}
	if taken < 500 || taken > 3500 {
		t.Errorf("%d of 4000 random references are accepted: the test proves little", taken)
	}
}

// agrees checks that the schema and the reference library agree, and reports whether the image is
// accepted.
func agrees(t *testing.T, image string) bool {
	t.Helper()
	if image == "" || len(image) > 1024 {
		return false // other rules of the schema cover these
	}
	_, err := reference.ParseNormalizedNamed(image)
	ok, message := takes(t, image)
	if !known(err) && ok != (err == nil) {
		t.Errorf("%q is accepted: %t (%s), but the reference library returns %v", image, ok, message, err)
	}
	return ok
}

// FuzzImage checks the same with fuzzed references.
func FuzzImage(f *testing.F) {
	for _, image := range []string{
		"nginx", "Registry.Example.com:5000/team/app:1.4.2@sha256:" + hex(64), "[::1]:80/a__b/c.d:_", "nginx:1:2", "nginx@sha512:" + hex(128),
	} {
		f.Add(image)
	}
	f.Fuzz(func(t *testing.T, image string) {
		if image != strings.ToValidUTF8(image, "") {
			return // not valid in JSON
		}
		agrees(t, image)
	})
}
