// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command registry is a container registry for tests: the one of the distribution
// project, with the configuration file in the argument.
//
// It is a separate module because of the registry's dependencies, which the operator
// does not need. Storage drivers for clouds are left out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"golang.org/x/crypto/bcrypt"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func run() error {
	users := userFlag{}
	flag.Var(users, "user", "`name:password` of one who may come in; written to the configuration's htpasswd file (may be repeated)")
	guarded := flag.Bool("guarded", false, "end when the standard input does, as it does when the process at its other end is gone")
	flag.Parse()
	if flag.NArg() != 1 {
		return errors.New("one argument is needed, the configuration file")
	}
	config, err := configured(flag.Arg(0))
	if err != nil {
		return err
	}
	if err := users.write(config); err != nil {
		return err
	}
	// Otherwise traces would be sent to a collector that does not exist.
	if err := os.Setenv("OTEL_TRACES_EXPORTER", "none"); err != nil {
		return err
	}
	served, err := registry.NewRegistry(context.Background(), config)
	if err != nil {
		return err
	}
	if *guarded {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	// Without a drain timeout in the configuration SIGTERM ends the process at once.
	return served.ListenAndServe()
}

func configured(path string) (*configuration.Configuration, error) {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it is only read
	config, err := configuration.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return config, nil
}

// userFlag holds passwords by user.
type userFlag map[string]string

func (u userFlag) String() string { return "" }

func (u userFlag) Set(value string) error {
	name, password, found := strings.Cut(value, ":")
	if !found || name == "" {
		return errors.New("expected name:password")
	}
	u[name] = password
	return nil
}

// write writes the htpasswd file of the configuration. The hashes have minimal
// cost: the passwords are not secret, and every request checks one.
func (u userFlag) write(config *configuration.Configuration) error {
	if len(u) == 0 {
		return nil
	}
	path, _ := config.Auth.Parameters()["path"].(string)
	if config.Auth.Type() != "htpasswd" || path == "" {
		return errors.New("--user needs auth.htpasswd.path in the configuration")
	}
	var lines strings.Builder
	for name, password := range u {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			return fmt.Errorf("hashing the password of %s: %w", name, err)
		}
		fmt.Fprintf(&lines, "%s:%s\n", name, hash)
	}
	return os.WriteFile(path, []byte(lines.String()), 0o600)
}
