// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// The files of a registry in its folder.
const (
	configFile      = "config.json"
	passwordFile    = "htpasswd"
	certificateFile = "server.crt"
	keyFile         = "server.key"
)

// values are a part of the registry's configuration.
type values map[string]any

// configure writes the registry's configuration into the folder, as JSON: the registry reads YAML.
func configure(folder string, options Options) (string, error) {
	listen := values{
		"addr":   "127.0.0.1:0", // it tells in its log which port that became: no port is lost to others in between
		"secret": "shared by no other registry",
		// URLs for further parts of uploads must lead through the front again.
		"relativeurls": true,
	}
	if options.TLS {
		listen["tls"] = values{
			"certificate": filepath.Join(folder, certificateFile),
			"key":         filepath.Join(folder, keyFile),
		}
	}
	config := values{
		"version": "0.1",
		"log":     values{"level": "info", "accesslog": values{"disabled": true}},
		"http":    listen,
		"storage": values{
			"inmemory":    values{},
			"delete":      values{"enabled": true},
			"maintenance": values{"uploadpurging": values{"enabled": false}},
		},
	}
	if len(options.Users) > 0 {
		config["auth"] = values{"htpasswd": values{"realm": "appstack", "path": filepath.Join(folder, passwordFile)}}
	}
	content, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return "", fmt.Errorf("writing the registry's configuration: %w", err)
	}
	path := filepath.Join(folder, configFile)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return "", fmt.Errorf("writing the registry's configuration: %w", err)
	}
	return path, nil
}
