// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/imageconfig"
)

// env returns the service's environment variables, sorted by name. It notes those without a value,
// and those that look like secrets.
func (c *converter) env(s *service) []corev1.EnvVar {
	var out []corev1.EnvVar
	var missing, secret []string
	for _, name := range sortedKeys(s.Environment) {
		value := s.Environment[name]
		if value == nil {
			missing = append(missing, name)
			continue
		}
		if isSecret(name, *value) {
			secret = append(secret, name)
		}
		out = append(out, corev1.EnvVar{Name: name, Value: imageconfig.Escape(*value)})
	}
	if len(missing) > 0 {
		c.note(s, "environment", "left out, as the value would come from the host's environment, which has none: %s",
			strings.Join(missing, ", "))
	}
	if len(secret) > 0 {
		c.note(s, "environment", "a Secret is a better place, by env[].valueFrom.secretKeyRef, for: %s", strings.Join(secret, ", "))
	}
	return out
}

var (
	secretName = regexp.MustCompile(`(?i)PASSWORD|PASSWD|SECRET|TOKEN|KEY(_|$)`)
	// login matches a URL that contains a password.
	login = regexp.MustCompile(`://[^/\s:@]*:[^/\s@]+@`)
)

// isSecret guesses whether a variable is a secret. One that holds the path of a file is not.
func isSecret(name, value string) bool {
	switch {
	case value == "", strings.HasSuffix(strings.ToUpper(name), "_FILE"), strings.HasPrefix(value, "/"):
		return false
	default:
		return secretName.MatchString(name) || login.MatchString(value)
	}
}
