// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"reflect"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

func TestLabel(t *testing.T) {
	long := strings.Repeat("a", 70)
	tests := map[string]struct{ name, label, host string }{
		"a label":             {"web", "web", "web"},
		"upper case and more": {"My_App.v2", "my-app-v2", "my-app-v2"},
		"a digit first":       {"2048", "2048", "app-2048"},
		"marks at the ends":   {"_web_", "web", "web"},
		"no letter at all":    {"___", "", "app"},
		"other scripts":       {"é", "", "app"},
		"too long":            {long, long[:63], long[:63]},
		"cut at a mark":       {strings.Repeat("a", 62) + "_b", strings.Repeat("a", 62), strings.Repeat("a", 62)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := label(test.name, 63); got != test.label {
				t.Errorf("label is %q, want %q", got, test.label)
			}
			if got := hostLabel(test.name, 63); got != test.host {
				t.Errorf("host is %q, want %q", got, test.host)
			}
		})
	}
}

func TestTake(t *testing.T) {
	taken := names{}
	var got []string
	for _, name := range []string{"web", "web", "web-2", "web", strings.Repeat("a", 10), strings.Repeat("a", 10)} {
		got = append(got, taken.take(name, 10))
	}
	want := []string{"web", "web-2", "web-2-2", "web-3", "aaaaaaaaaa", "aaaaaaaa-2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHosts(t *testing.T) {
	tests := map[string]struct {
		text string
		want []host
	}{
		"nothing":                      {"just words", nil},
		"a URL":                        {"http://api/v1", []host{{"api", 80, true}}},
		"a URL with a port":            {"redis://cache:6380/0", []host{{"cache", 6380, false}}},
		"a URL with a login":           {"postgres://shop:s3cret:5@db:5432/shop", []host{{"db", 5432, false}}},
		"a login named as a host":      {"postgres://db:1234@elsewhere/db", []host{{"elsewhere", 5432, true}}},
		"a URL of an unknown scheme":   {"thing://box", []host{{"box", 0, true}}},
		"a URL of several hosts":       {"mongodb://a:27017,b:27018/x", []host{{"a", 27017, false}, {"b", 27018, false}}},
		"a URL in a command":           {`sh -c "curl 'http://api:8000/x?a=b'"`, []host{{"api", 8000, false}}},
		"an address":                   {"db:5432", []host{{"db", 5432, false}}},
		"several addresses":            {"a:1,b:2; c:3", []host{{"a", 1, false}, {"b", 2, false}, {"c", 3, false}}},
		"an address after a flag":      {"--bootstrap=kafka:9092", []host{{"kafka", 9092, false}}},
		"an address in a DSN":          {"root:pw@tcp(db:3306)/shop", []host{{"db", 3306, false}}},
		"an address before a path":     {"proxy_pass api:8000/x;", []host{{"api", 8000, false}}},
		"a path":                       {"/etc/db:5432", nil},
		"a name within another":        {"my.db:1", []host{{"my.db", 1, false}}},
		"too large for a port":         {"db:70000", []host{{"db", 0, false}}},
		"an address as a login":        {"db:5432@x", nil},
		"an IPv6 address":              {"::1:80", nil},
		"a connection string":          {"host=db port=5432 dbname=shop", []host{{"db", 0, false}}},
		"a connection string of .NET":  {"Server=db,1433;Database=shop", []host{{"db", 1433, false}}},
		"a flag":                       {"--db-host=db", []host{{"db", 0, false}}},
		"a parameter that is no host":  {"ghost=db", nil},
		"a digest":                     {"app@sha256:01ab", nil},
		"a time":                       {"2026-11-24T17:22:00Z", nil},
		"mapping of ports to the host": {"8080:80", []host{{"8080", 80, false}}}, // no service has this name
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, hosts(test.text), cmp.AllowUnexported(host{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestIsSecret(t *testing.T) {
	tests := map[string]struct {
		name, value string
		want        bool
	}{
		"a password":        {"POSTGRES_PASSWORD", "x", true},
		"an empty password": {"POSTGRES_PASSWORD", "", false},
		"a key":             {"API_KEY", "x", true},
		"a key's number":    {"KEY_ID", "x", true},
		"a keyboard":        {"KEYBOARD", "us", false},
		"a token":           {"accessToken", "x", true},
		"the path of a key": {"TLS_KEY", "/etc/tls/key.pem", false},
		"the file of one":   {"DB_PASSWORD_FILE", "secret.txt", false},
		"a URL with one":    {"DATABASE_URL", "postgres://a:b@db/c", true},
		"a URL without":     {"DATABASE_URL", "postgres://a@db:5432/c", false},
	}
	for name, test := range tests {
		if got := isSecret(test.name, test.value); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

// TestEveryFieldIsNoted checks that no field of a service is dropped silently: it is either
// converted or has a note. A field that Compose adds later gets a note too, and fails this test
// until it has a note of its own.
func TestEveryFieldIsNoted(t *testing.T) {
	for field := range jsonFields(reflect.TypeFor[types.ServiceConfig]()) {
		if _, known := serviceFields[field]; !known && !serviceFields.parent(field) {
			t.Errorf("fields.go has no entry for %s", field)
		}
	}
	tests := map[string]struct {
		table fields
		value any
		want  []string
	}{
		"a field of tomorrow": {
			serviceFields, map[string]any{"telepathy": true, "image": "a"}, []string{"telepathy: true is " + notCarried},
		},
		"one of deploy": {
			serviceFields, map[string]any{"deploy": map[string]any{"fleet": map[string]any{"a": 1.0}, "mode": "x"}},
			[]string{"deploy.fleet: " + notCarried},
		},
		"one of a port is the port's": {
			serviceFields, map[string]any{"volumes": []any{map[string]any{"source": "a", "speed": "high"}}},
			[]string{"volumes.speed: high is " + notCarried},
		},
		"one of a network": {
			serviceFields, map[string]any{"networks": map[string]any{"back": map[string]any{"lane": 2.0, "priority": 1.0}}},
			[]string{"networks.back.lane: 2 is " + notCarried},
		},
		"one of the project": {
			projectFields, map[string]any{
				"name": "a", "planets": []any{"b"}, "volumes": map[string]any{"data": map[string]any{"name": "x", "raid": 5.0}},
			},
			[]string{"planets: " + notCarried, "volumes.data.raid: 5 is " + notCarried},
		},
		"what is not set": {
			serviceFields, map[string]any{"telepathy": false, "a": nil, "b": "", "c": []any{}, "d": map[string]any{}, "e": 0.0}, nil,
		},
		"what is the default anyway": {serviceFields, map[string]any{"stop_signal": "SIGTERM", "network_mode": "bridge"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			walk("", "", test.value, test.table, func(field, message string) { got = append(got, field+": "+message) })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// jsonFields returns the names of a struct's JSON fields, including those of embedded structs.
func jsonFields(of reflect.Type) map[string]bool {
	out := map[string]bool{}
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous:
			for name := range jsonFields(field.Type) {
				out[name] = true
			}
		case name != "-":
			out[name] = true
		}
	}
	return out
}
