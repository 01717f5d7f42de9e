// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// BinaryVariable is the environment variable with the path of a registry program that exists already.
const BinaryVariable = "APPSTACK_REGISTRY"

// built is the program that this test process has built.
var built struct {
	mu     sync.Mutex
	binary string
}

// Binary returns the path of the registry program: the value of APPSTACK_REGISTRY, or bin/registry,
// which it builds from hack/registry.
func Binary(ctx context.Context) (string, error) {
	if binary := os.Getenv(BinaryVariable); binary != "" {
		return binary, nil
	}
	built.mu.Lock()
	defer built.mu.Unlock()
	if built.binary != "" {
		return built.binary, nil
	}
	binary, err := build(ctx)
	if err != nil {
		return "", fmt.Errorf("building the registry: %w", err)
	}
	built.binary = binary
	return binary, nil
}

func build(ctx context.Context) (string, error) {
	root, err := root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, "bin", "registry")
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", err
	}
	// The test processes of several packages may build it at the same time.
	release, err := lock(ctx, binary+".lock")
	if err != nil {
		return "", err
	}
	defer release()
	// The flags are those of the Makefile, so that both use the same build cache.
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, ".")
	command.Dir = filepath.Join(root, "hack", "registry")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return binary, nil
}

// root returns the root folder of the repository. It searches from the working directory, which in
// tests is the folder of the package, because the paths of source files are trimmed.
func root() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		_, err := os.Stat(filepath.Join(folder, "hack", "registry", "go.mod"))
		if err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if !errors.Is(err, os.ErrNotExist) || parent == folder {
			return "", fmt.Errorf("hack/registry not found: %w", err)
		}
		folder = parent
	}
}

// lock waits until no other process holds the file.
func lock(ctx context.Context, path string) (release func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	release = func() { _ = file.Close() } // which gives the lock back
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return release, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			release()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			release()
			return nil, fmt.Errorf("waiting for %s: %w", path, ctx.Err())
		case <-ticker.C:
		}
	}
}
