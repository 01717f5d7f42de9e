// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	kauthn "github.com/google/go-containerregistry/pkg/authn/kubernetes"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// credentials finds what pods pull their images with: the imagePullSecrets of
// the pod, and those of its ServiceAccount. The operator may read neither
// unless an administrator allowed it (R29).
type credentials struct {
	live     client.Reader
	identity func(context.Context) (string, error)

	mu sync.Mutex
	// user is who the operator is; empty where that was not asked yet.
	user string
}

// access is how a repository is asked.
type access struct {
	// auths are tried one after the other, as a kubelet does; the last one is
	// what is left where there are none.
	auths []authn.Authenticator
	// fingerprint tells credentials from others.
	fingerprint string
	// grant says what lets the operator read pull secrets; empty where it may.
	grant string
}

// of is the access that pods of the ServiceAccount have to the repository.
func (c *credentials) of(
	ctx context.Context, namespace, serviceAccount string, pullSecrets []string, repository name.Repository,
) (access, error) {
	secrets, allowed, err := c.secrets(ctx, namespace, serviceAccount, pullSecrets)
	if err != nil {
		return access{}, err
	}
	found := access{}
	if !allowed {
		found.grant = c.grant(ctx, namespace)
	}
	var configs []authn.AuthConfig
	for _, secret := range secrets {
		config, err := configOf(ctx, secret, repository)
		if err != nil {
			return access{}, fmt.Errorf("reading Secret %s: %w", secret.Name, err)
		}
		if config != (authn.AuthConfig{}) && !slices.Contains(configs, config) {
			configs = append(configs, config)
			found.auths = append(found.auths, authn.FromConfig(config))
		}
	}
	if len(found.auths) == 0 {
		found.auths = []authn.Authenticator{authn.Anonymous}
		return found, nil
	}
	plain, err := json.Marshal(configs)
	if err != nil {
		return access{}, fmt.Errorf("telling credentials apart: %w", err)
	}
	sum := sha256.Sum256(plain)
	found.fingerprint = hex.EncodeToString(sum[:])
	return found, nil
}

// secrets are the pull secrets of the pod and of its ServiceAccount, those that
// do not exist left out, as a kubelet does. Allowed says whether all of them could be read.
func (c *credentials) secrets(
	ctx context.Context, namespace, serviceAccount string, names []string,
) (secrets []corev1.Secret, allowed bool, err error) {
	allowed = true
	read := func(name string, object client.Object) (found bool, err error) {
		err = c.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
		switch {
		case err == nil:
			return true, nil
		case apierrors.IsNotFound(err):
			return false, nil
		case apierrors.IsForbidden(err):
			allowed = false
			return false, nil
		}
		return false, err //nolint:wrapcheck // it names the object
	}
	account := &corev1.ServiceAccount{}
	found, err := read(cmp.Or(serviceAccount, "default"), account)
	if err != nil {
		return nil, false, fmt.Errorf("reading the ServiceAccount: %w", err)
	}
	names = slices.Clone(names)
	if found {
		for _, reference := range account.ImagePullSecrets {
			names = append(names, reference.Name)
		}
	}
	for _, name := range names {
		secret := corev1.Secret{}
		found, err := read(name, &secret)
		if err != nil {
			return nil, false, fmt.Errorf("reading a pull secret: %w", err)
		}
		if found {
			secrets = append(secrets, secret)
		}
	}
	return secrets, allowed, nil
}

// grant says how an administrator lets the operator read the namespace's pull secrets.
func (c *credentials) grant(ctx context.Context, namespace string) string {
	subject := "--user=" + c.whoami(ctx)
	if account, ok := strings.CutPrefix(subject, "--user=system:serviceaccount:"); ok {
		subject = "--serviceaccount=" + account
	}
	return fmt.Sprintf("the operator may not read the pull secrets of namespace %[1]s: an administrator allows it with "+
		"kubectl create role appstack-pull-secrets -n %[1]s --verb=get --resource=serviceaccounts,secrets && "+
		"kubectl create rolebinding appstack-pull-secrets -n %[1]s --role=appstack-pull-secrets %[2]s, "+
		"and restartedAt looks the image up again", namespace, subject)
}

// whoami is the operator's user; that of config/default where the API server does not say.
func (c *credentials) whoami(ctx context.Context) string {
	c.mu.Lock()
	user := c.user
	c.mu.Unlock()
	if user != "" {
		return user
	}
	user, err := c.identity(ctx)
	if err != nil {
		return "system:serviceaccount:appstack-system:appstack-controller-manager"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.user = user
	return user
}

// repositoryName is a repository by one of its names.
type repositoryName struct{ registry, name string }

func (r repositoryName) RegistryStr() string { return r.registry }
func (r repositoryName) String() string      { return r.name }

// configOf is what the Secret has for the repository; empty where nothing. A
// kubelet takes docker.io for another name of Docker Hub in Secrets too.
func configOf(ctx context.Context, secret corev1.Secret, repository name.Repository) (authn.AuthConfig, error) {
	keychain, err := kauthn.NewFromPullSecrets(ctx, []corev1.Secret{secret})
	if err != nil {
		return authn.AuthConfig{}, err //nolint:wrapcheck // it says what is wrong
	}
	names := []authn.Resource{repository}
	if repository.RegistryStr() == name.DefaultRegistry {
		names = append(names, repositoryName{"docker.io", "docker.io/" + repository.RepositoryStr()})
	}
	for _, resource := range names {
		auth, err := keychain.Resolve(resource)
		if err != nil {
			return authn.AuthConfig{}, err //nolint:wrapcheck // it says what is wrong
		}
		if auth == authn.Anonymous {
			continue
		}
		config, err := auth.Authorization()
		if err != nil {
			return authn.AuthConfig{}, err //nolint:wrapcheck // it says what is wrong
		}
		return *config, nil
	}
	return authn.AuthConfig{}, nil
}
