// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

func TestEnd(t *testing.T) {
	tests := map[string]struct {
		args   []string
		env    map[string]string
		code   int
		stderr string
	}{
		"crash at start": {
			env:    map[string]string{"BEHAVIOR": "crash-at-start"},
			code:   2,
			stderr: "panic: no route to the database\n",
		},
		"crash later": {
			env:    map[string]string{"BEHAVIOR": "crash-later", "CRASH_AFTER": "1ms"},
			code:   3,
			stderr: "panic: the connection to the database is lost\n",
		},
		"unknown behavior": {
			env:    map[string]string{"BEHAVIOR": "bad"},
			code:   64,
			stderr: "BEHAVIOR: \"bad\" is none of good, slow-start, crash-at-start, crash-later, never-ready, wrong-port\n",
		},
		"config without an equals sign": {
			env:    map[string]string{"APP_CONFIG": "color=blue,size"},
			code:   78,
			stderr: "config: APP_CONFIG: \"size\" is not key=value\n",
		},
		"config without a key": {
			env:    map[string]string{"APP_CONFIG": "=blue"},
			code:   78,
			stderr: "config: APP_CONFIG: \"=blue\" is not key=value\n",
		},
		"config that ends in a comma": {
			env:    map[string]string{"APP_CONFIG": "color=blue,"},
			code:   78,
			stderr: "config: APP_CONFIG: \"\" is not key=value\n",
		},
		"bad config comes before a crash": {
			env:    map[string]string{"APP_CONFIG": "x", "BEHAVIOR": "crash-at-start"},
			code:   78,
			stderr: "config: APP_CONFIG: \"x\" is not key=value\n",
		},
		"bad port": {
			env:    map[string]string{"PORT": "http"},
			code:   64,
			stderr: "PORT: \"http\" is no port\n",
		},
		"bad client port": {
			args:   []string{"client"},
			env:    map[string]string{"CLIENT_PORT": "0"},
			code:   64,
			stderr: "CLIENT_PORT: \"0\" is no port\n",
		},
		"bad delay": {
			env:    map[string]string{"START_DELAY": "10"},
			code:   64,
			stderr: "START_DELAY: \"10\" is no duration\n",
		},
		"unknown command": {
			args:   []string{"server"},
			code:   64,
			stderr: "unknown command \"server\": serve, check or client\n",
		},
		"two arguments": {
			args:   []string{"serve", "now"},
			code:   64,
			stderr: "one argument at most, not [\"serve\" \"now\"]\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			process := start(t, test.env, test.args...)
			if code := receive(t, "the end", process.ended); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if got := process.stderr.String(); got != test.stderr {
				t.Errorf("stderr %q, want %q", got, test.stderr)
			}
		})
	}
}

func TestServe(t *testing.T) {
	tests := map[string]struct {
		args   []string
		env    map[string]string
		port   int
		root   string
		status int
		health string
	}{
		"by default":  {port: 8080, root: "dev\n", status: 200, health: "ok"},
		"by name":     {args: []string{"serve"}, port: 8080, root: "dev\n", status: 200, health: "ok"},
		"good":        {env: map[string]string{"BEHAVIOR": "good", "VERSION": "1.2"}, port: 8080, root: "1.2\n", status: 200, health: "ok"},
		"other port":  {env: map[string]string{"PORT": "80"}, port: 80, root: "dev\n", status: 200, health: "ok"},
		"config":      {env: map[string]string{"APP_CONFIG": "a=1,b=,c=x=y"}, port: 8080, root: "dev\n", status: 200, health: "ok"},
		"never ready": {env: map[string]string{"BEHAVIOR": "never-ready"}, port: 8080, root: "dev\n", status: 503, health: "warming up"},
		"wrong port":  {env: map[string]string{"BEHAVIOR": "wrong-port"}, port: 8081, root: "dev\n", status: 200, health: "ok"},
		"slow start": {
			env:  map[string]string{"BEHAVIOR": "slow-start", "START_DELAY": "1ms"},
			port: 8080, root: "dev\n", status: 200, health: "ok",
		},
		"crash later": {
			env:  map[string]string{"BEHAVIOR": "crash-later", "CRASH_AFTER": "1h"},
			port: 8080, root: "dev\n", status: 200, health: "ok",
		},
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"DRAIN": "0s"}
			maps.Copy(env, test.env)
			process := start(t, env, test.args...)
			if port := receive(t, "the port", process.ports); port != test.port {
				t.Errorf("port %d, want %d", port, test.port)
			}
			url := "http://" + receive(t, "the address", process.addresses)
			client := newClient(t)
			if got := request(t, client, http.MethodGet, url+"/"); got.status != 200 || got.body != test.root || got.header.Get("X-Pod") != host {
				t.Errorf("GET / answered %+v, want 200, %q and X-Pod: %s", got, test.root, host)
			}
			if got := request(t, client, http.MethodGet, url+"/healthz"); got.status != test.status || got.body != test.health {
				t.Errorf("GET /healthz answered %+v, want %d and %q", got, test.status, test.health)
			}
			process.stop()
			if code := receive(t, "the end", process.ended); code != 0 {
				t.Errorf("exit code %d after a stop, want 0", code)
			}
			if got := process.stderr.String(); got != "" {
				t.Errorf("stderr %q, want nothing", got)
			}
			if lines := strings.Count(process.stdout.String(), "\n"); lines > 4 {
				t.Errorf("%d lines of stdout, want a few: %q", lines, process.stdout)
			}
		})
	}
}

func TestSlowStartStops(t *testing.T) {
	process := start(t, map[string]string{"BEHAVIOR": "slow-start", "START_DELAY": "1h"})
	process.stop()
	if code := receive(t, "the end", process.ended); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if len(process.ports) != 0 {
		t.Error("it listened before its time")
	}
}

func TestCheck(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		env    map[string]string // of the server; without, no server runs
		code   int
		stderr string
	}{
		"healthy": {env: map[string]string{}, code: 0},
		"never ready": {
			env:    map[string]string{"BEHAVIOR": "never-ready"},
			code:   1,
			stderr: "/healthz answered 503 Service Unavailable: warming up\n",
		},
		"nobody": {code: 1, stderr: "connection refused\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address := nobody
			if test.env != nil {
				address = receive(t, "the address", start(t, test.env).addresses)
			}
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			check := start(t, map[string]string{"PORT": port}, "check")
			if code := receive(t, "the end", check.ended); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if got := check.stderr.String(); !strings.HasSuffix(got, test.stderr) || (test.code == 0) != (got == "") {
				t.Errorf("stderr %q, want %q at its end", got, test.stderr)
			}
		})
	}
}

func TestCheckWants200(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	check := start(t, map[string]string{"PORT": port}, "check")
	if code := receive(t, "the end", check.ended); code != 1 {
		t.Errorf("exit code %d of a health of 204, want 1", code)
	}
}
