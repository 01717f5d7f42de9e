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
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	kauthn "github.com/google/go-containerregistry/pkg/authn/kubernetes"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/grant"
)

// credentials reads the credentials with which pods pull their images: their imagePullSecrets, or,
// if they have none, those of their ServiceAccount. The operator may read neither unless an
// administrator grants it (R29).
type credentials struct {
	live    client.Reader
	granter *grant.Granter
}

// access is the set of credentials for a repository.
type access struct {
	// auths are tried one after the other, like the kubelet does. If there are no credentials, the
	// only entry is anonymous access.
	auths []authn.Authenticator
	// fingerprint identifies the credentials; empty for anonymous access.
	fingerprint string
	// grant tells the user how to let the operator read pull secrets; empty if it may.
	grant string
}

// pod identifies the credentials of a pod.
type pod struct {
	namespace      string
	serviceAccount string
	pullSecrets    string
}

// keys are the pull secrets of a pod that the operator could read.
type keys struct {
	secrets []corev1.Secret
	// grant tells the user how to let the operator read the others; empty if it read all.
	grant  string
	readAt time.Time
}

// of reads the pull secrets of a pod.
func (c *credentials) of(ctx context.Context, pod pod) (keys, error) {
	var names []string
	if pod.pullSecrets != "" {
		names = strings.Split(pod.pullSecrets, ",")
	}
	secrets, allowed, err := c.secrets(ctx, pod.namespace, pod.serviceAccount, names)
	if err != nil {
		return keys{}, err
	}
	found := keys{secrets: secrets}
	if !allowed {
		found.grant = c.grant(ctx, pod.namespace)
	}
	return found, nil
}

// to returns the credentials that the keys contain for the repository.
func (k keys) to(ctx context.Context, repository name.Repository) (access, error) {
	found := access{grant: k.grant}
	var configs []authn.AuthConfig
	for _, secret := range k.secrets {
		of, err := configsOf(ctx, secret, repository)
		if err != nil { // the error may contain parts of the Secret
			return access{}, fmt.Errorf("reading Secret %s: it is malformed", secret.Name)
		}
		for _, config := range of {
			if !slices.Contains(configs, config) {
				configs = append(configs, config)
				found.auths = append(found.auths, authn.FromConfig(config))
			}
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

// secrets returns the pull secrets of the pod, or those of its ServiceAccount if the pod names
// none. Like the kubelet, it skips those that do not exist. allowed reports whether all of them could be read.
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
	if len(names) == 0 { // the API server adds the ServiceAccount's pull secrets only to a pod without its own
		account := &corev1.ServiceAccount{}
		if _, err := read(cmp.Or(serviceAccount, "default"), account); err != nil {
			return nil, false, fmt.Errorf("reading the ServiceAccount: %w", err)
		}
		for _, reference := range account.ImagePullSecrets {
			names = append(names, reference.Name)
		}
	}
	for _, name := range names {
		if name == "" {
			continue // valid for the API server, ignored by the kubelet
		}
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

// grant returns the instructions for an administrator to let the operator read the namespace's pull
// secrets.
func (c *credentials) grant(ctx context.Context, namespace string) string {
	return fmt.Sprintf("the operator may not read the pull secrets of namespace %s. Set restartedAt to look the image up "+
		"again, once an administrator ran: %s", namespace,
		c.granter.Commands(ctx, namespace, "appstack-pull-secrets", "get", "serviceaccounts,secrets"))
}

// repositoryName is an alternative name of a repository.
type repositoryName struct{ registry, name string }

func (r repositoryName) RegistryStr() string { return r.registry }
func (r repositoryName) String() string      { return r.name }

// configsOf returns the credentials in the Secret for the repository, the most specific first. Like
// the kubelet, it also accepts docker.io as a name of Docker Hub.
func configsOf(ctx context.Context, secret corev1.Secret, repository name.Repository) ([]authn.AuthConfig, error) {
	names := []authn.Resource{repository}
	if repository.RegistryStr() == name.DefaultRegistry {
		names = append(names, repositoryName{"docker.io", "docker.io/" + repository.RepositoryStr()})
	}
	entries, err := entriesOf(secret)
	if err != nil {
		return nil, err
	}
	var configs []authn.AuthConfig
	for _, entry := range entries {
		keychain, err := kauthn.NewFromPullSecrets(ctx, []corev1.Secret{entry})
		if err != nil {
			return nil, err //nolint:wrapcheck // it says what is wrong
		}
		for _, resource := range names {
			auth, err := keychain.Resolve(resource)
			if err != nil {
				return nil, err //nolint:wrapcheck // it says what is wrong
			}
			if auth == authn.Anonymous {
				continue
			}
			config, err := auth.Authorization()
			if err != nil {
				return nil, err //nolint:wrapcheck // it says what is wrong
			}
			configs = append(configs, *config)
		}
	}
	return configs, nil
}

// entriesOf splits the Secret into Secrets with one entry each: the keychain returns only the first
// match, but the kubelet tries all.
func entriesOf(secret corev1.Secret) ([]corev1.Secret, error) {
	var file struct {
		Auths map[string]json.RawMessage `json:"auths"`
	}
	var err error
	data, older := secret.Data[corev1.DockerConfigJsonKey], secret.Data[corev1.DockerConfigKey]
	switch {
	case secret.Type == corev1.SecretTypeDockerConfigJson && len(data) > 0:
		err = json.Unmarshal(data, &file)
	case secret.Type == corev1.SecretTypeDockercfg && len(older) > 0:
		err = json.Unmarshal(older, &file.Auths)
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what is wrong
	}
	var entries []corev1.Secret
	for _, host := range slices.Backward(slices.Sorted(maps.Keys(file.Auths))) {
		one, err := json.Marshal(map[string]any{"auths": map[string]json.RawMessage{host: file.Auths[host]}})
		if err != nil {
			return nil, err //nolint:wrapcheck // it says what is wrong
		}
		entries = append(entries, corev1.Secret{
			Type: corev1.SecretTypeDockerConfigJson,
			Data: map[string][]byte{corev1.DockerConfigJsonKey: one},
		})
	}
	return entries, nil
}
