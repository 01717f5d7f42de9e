// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The values of BEHAVIOR.
const (
	good         = "good"
	slowStart    = "slow-start"     // listens only after START_DELAY
	crashAtStart = "crash-at-start" // exits at once, with an error message
	crashLater   = "crash-later"    // serves, and exits after CRASH_AFTER, with an error message
	neverReady   = "never-ready"    // serves, but reports that it is not healthy
	wrongPort    = "wrong-port"     // listens on PORT+1
)

var behaviors = []string{good, slowStart, crashAtStart, crashLater, neverReady, wrongPort}

// config is the server's configuration from the environment.
type config struct {
	version    string        // VERSION
	behavior   string        // BEHAVIOR
	port       int           // PORT
	startDelay time.Duration // START_DELAY
	crashAfter time.Duration // CRASH_AFTER
	file       string        // FILE, which /file serves
	// drain (DRAIN) is how long a server receives no request before it stops after SIGTERM.
	drain time.Duration
}

func (p program) config() (config, error) {
	read := config{
		version:  p.env("VERSION", "dev"),
		behavior: p.env("BEHAVIOR", good),
		file:     p.getenv("FILE"),
	}
	if !slices.Contains(behaviors, read.behavior) {
		return config{}, exit{exitUsage, fmt.Sprintf("BEHAVIOR: %q is none of %s", read.behavior, strings.Join(behaviors, ", "))}
	}
	// APP_CONFIG has no effect, but can be invalid, which the suite needs.
	if text := p.getenv("APP_CONFIG"); text != "" {
		for pair := range strings.SplitSeq(text, ",") {
			if key, _, found := strings.Cut(pair, "="); !found || key == "" {
				return config{}, exit{exitConfig, fmt.Sprintf("config: APP_CONFIG: %q is not key=value", pair)}
			}
		}
	}
	var err error
	if read.port, err = p.port("PORT", "8080"); err != nil {
		return config{}, err
	}
	for _, duration := range []struct {
		name, unset string
		into        *time.Duration
	}{
		{"START_DELAY", "10s", &read.startDelay},
		{"CRASH_AFTER", "5s", &read.crashAfter},
		{"DRAIN", "2s", &read.drain},
	} {
		*duration.into, err = time.ParseDuration(p.env(duration.name, duration.unset))
		if err != nil || *duration.into < 0 {
			return config{}, exit{exitUsage, fmt.Sprintf("%s: %q is no duration", duration.name, p.getenv(duration.name))}
		}
	}
	return read, nil
}

func (p program) port(name, unset string) (int, error) {
	port, err := strconv.Atoi(p.env(name, unset))
	if err != nil || port < 1 || port > 65534 { // 65535 has no port after it
		return 0, exit{exitUsage, fmt.Sprintf("%s: %q is no port", name, p.getenv(name))}
	}
	return port, nil
}

// env treats an empty variable, as from an ENV line without a value, as unset.
func (p program) env(name, unset string) string {
	if value := p.getenv(name); value != "" {
		return value
	}
	return unset
}
