// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"k8s.io/utils/lru"

	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
)

const (
	// maxNested is how deep indexes may be nested.
	maxNested = 3
	// maxManifests is how many manifests of an index are read.
	maxManifests = 64
	// kept is how many images the cache holds.
	kept = 512
	// userAgent is the User-Agent header of requests to registries.
	userAgent = "appstack"
)

// Registries configures access to registries. A host is written as in an image reference, with its
// port if it has one; Docker Hub is index.docker.io.
type Registries struct {
	// PlainHTTP are the hosts that may be accessed without TLS.
	PlainHTTP []string
	// Skip are the hosts whose images are not resolved and run as written. "*" means all.
	Skip []string
	// CA are PEM certificates to trust in addition to the system's.
	CA []byte
}

// registry is a client of all registries.
type registry struct {
	Registries
	transport http.RoundTripper
	// contents caches images by repository and digest, which are immutable. An image is returned
	// from the cache only after the registry has just authorized the same credentials.
	contents *lru.Cache
}

func newRegistry(registries Registries) (*registry, error) {
	way, err := newTransport(registries)
	if err != nil {
		return nil, err
	}
	return &registry{Registries: registries, transport: way, contents: lru.New(kept)}, nil
}

// parse parses a reference, including the usual short forms.
func (r *registry) parse(reference string) (name.Reference, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what is wrong
	}
	if slices.Contains(r.PlainHTTP, ref.Context().RegistryStr()) {
		ref, err = name.ParseReference(reference, name.Insecure)
	}
	return ref, err //nolint:wrapcheck // it parsed before
}

// skips reports whether the registry must not be asked.
func (r *registry) skips(host string) bool {
	return slices.Contains(r.Skip, "*") || slices.Contains(r.Skip, host) ||
		host == name.DefaultRegistry && slices.Contains(r.Skip, "docker.io")
}

// image resolves an image. before is a digest that the image may still have. If it does and its
// content is cached, a HEAD request that confirms the digest is enough.
func (r *registry) image(ctx context.Context, reference string, auths []authn.Authenticator, before string) (model.Image, *failure) {
	ref, err := r.parse(reference)
	if err != nil {
		return model.Image{}, failed(reference, err, seen{})
	}
	if digest, ok := ref.(name.Digest); ok {
		before = digest.DigestStr()
	}
	var last *failure
	for _, auth := range auths {
		notes := &notes{}
		image, err := r.ask(withNotes(ctx, notes), ref, auth, before, notes)
		if err == nil {
			return image, nil
		}
		last = failed(reference, err, notes.all())
		if !last.denied() {
			return model.Image{}, last
		}
	}
	return model.Image{}, last
}

// ask resolves the image with one of the credentials.
func (r *registry) ask(
	ctx context.Context, ref name.Reference, auth authn.Authenticator, before string, notes *notes,
) (model.Image, error) {
	puller, err := remote.NewPuller(
		remote.WithAuth(auth),
		remote.WithTransport(r.transport),
		remote.WithUserAgent(userAgent),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), // the Resolver schedules retries
		remote.WithRetryStatusCodes(),
	)
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // classified by the caller
	}
	name := func(digest string) string { return ref.Context().Digest(digest).String() }
	if found, ok := r.contents.Get(name(before)); ok {
		head, err := puller.Head(ctx, ref)
		if err == nil && head.Digest.String() == before {
			return found.(model.Image), nil //nolint:forcetypeassert // the cache contains nothing else
		}
		answer, answered := errors.AsType[*transport.Error](err)
		if answered && answer.StatusCode != http.StatusMethodNotAllowed {
			return model.Image{}, err //nolint:wrapcheck // classified by the caller
		}
	}
	descriptor, err := puller.Get(ctx, ref)
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // classified by the caller
	}
	digest := descriptor.Digest.String()
	if said := notes.all().digest; said != "" && said != digest {
		// Some registries return a wrong digest and some proxies serve damaged copies: nodes could
		// not pull the image by its digest.
		if _, err := puller.Head(ctx, ref.Context().Digest(digest)); err != nil {
			return model.Image{}, &damagedError{wrongDigest(digest, said)}
		}
	}
	if found, ok := r.contents.Get(name(digest)); ok {
		return found.(model.Image), nil //nolint:forcetypeassert // the cache contains nothing else
	}
	image, err := describe(descriptor)
	if err != nil {
		return model.Image{}, err
	}
	image.Digest = digest
	r.contents.Add(name(digest), image)
	return image, nil
}

// describe reads the config and platforms of the image behind a manifest or an index.
func describe(descriptor *remote.Descriptor) (model.Image, error) {
	if !descriptor.MediaType.IsIndex() {
		return readImage(descriptor)
	}
	index, err := descriptor.ImageIndex()
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // classified by the caller
	}
	found := &found{}
	if err := found.walk(index, 0); err != nil {
		return model.Image{}, err
	}
	if found.index == nil {
		return model.Image{}, nil // an index without images
	}
	best, err := found.index.Image(found.best.Digest)
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // classified by the caller
	}
	image, err := readManifest(best)
	if err != nil {
		return model.Image{}, err
	}
	switch {
	case !found.untold:
		image.Platforms = found.platforms
	case found.images > 1 || found.looked > 1:
		image.Platforms = nil // the index may have images for other platforms than the config's
	}
	return image, nil
}

// readImage reads the image of a single manifest.
func readImage(descriptor *remote.Descriptor) (model.Image, error) {
	if descriptor.MediaType == types.DockerManifestSchema1 || descriptor.MediaType == types.DockerManifestSchema1Signed {
		return model.Image{}, nil // Docker's first manifest format has no config
	}
	if !descriptor.MediaType.IsImage() {
		return model.Image{}, &damagedError{"answers with something that is no manifest"}
	}
	manifest, err := descriptor.Image()
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // classified by the caller
	}
	return readManifest(manifest)
}

// readManifest reads the image config of a manifest. If the config is not an image's or is invalid,
// the image is empty.
func readManifest(manifest v1.Image) (model.Image, error) {
	content, err := manifest.Manifest()
	if err != nil {
		return model.Image{}, &damagedError{"answers with a manifest that cannot be read"}
	}
	if !isConfig(content.Config.MediaType) {
		return model.Image{}, nil
	}
	raw, err := manifest.RawConfigFile()
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // classified by the caller
	}
	config, platform, err := imageconfig.ParseConfig(raw)
	if err != nil {
		return model.Image{}, nil //nolint:nilerr // the digest matches, so a retry would read the same invalid config
	}
	image := model.Image{Config: config}
	if platform != (model.Platform{}) {
		image.Platforms = []model.Platform{platform}
	}
	return image, nil
}

func isConfig(mediaType types.MediaType) bool {
	return mediaType == types.DockerConfigJSON || mediaType == types.OCIConfigJSON
}

// found collects the images of an index.
type found struct {
	platforms []model.Platform
	// images counts them, and untold reports that at least one does not name its platform.
	images int
	untold bool
	// best is the image whose config is read, index is the index that contains it, and rank is its
	// preference.
	best  v1.Descriptor
	index v1.ImageIndex
	rank  int
	// looked counts the entries that were read.
	looked int
}

// walk collects the images of an index and of nested ones.
func (f *found) walk(index v1.ImageIndex, depth int) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return &damagedError{"answers with an index that cannot be read"}
	}
	for _, child := range manifest.Manifests {
		if f.looked++; f.looked > maxManifests {
			f.untold = true
			return nil
		}
		switch {
		case child.MediaType.IsIndex() && depth == maxNested:
			f.untold = true
		case child.MediaType.IsIndex():
			nested, err := index.ImageIndex(child.Digest)
			if err != nil {
				return err //nolint:wrapcheck // classified by the caller
			}
			if err := f.walk(nested, depth+1); err != nil {
				return err
			}
		case child.MediaType.IsImage() && !isAttestation(child):
			f.take(index, child)
		}
	}
	return nil
}

// take adds an image of the index. The image whose config is read is the one for the most common
// platform, so that the choice is always the same.
func (f *found) take(index v1.ImageIndex, child v1.Descriptor) {
	f.images++
	platform := model.Platform{}
	if child.Platform != nil {
		platform = model.Platform{OS: child.Platform.OS, Architecture: child.Platform.Architecture}
	}
	if platform.OS == "" || platform.Architecture == "" {
		f.untold = true
	} else if at, known := slices.BinarySearchFunc(f.platforms, platform, model.Platform.Compare); !known {
		f.platforms = slices.Insert(f.platforms, at, platform)
	}
	if rank := rankOf(platform); f.index == nil || rank < f.rank {
		f.best, f.index, f.rank = child, index, rank
	}
}

func rankOf(platform model.Platform) int {
	preferred := []string{"linux/amd64", "linux/arm64"}
	if at := slices.Index(preferred, platform.String()); at >= 0 {
		return at
	}
	if platform.OS == "linux" {
		return len(preferred)
	}
	return len(preferred) + 1
}

// isAttestation reports whether an entry of an index is not an image but describes another entry,
// such as the attestations that BuildKit adds.
func isAttestation(child v1.Descriptor) bool {
	return child.Annotations["vnd.docker.reference.type"] != "" ||
		child.Platform != nil && (child.Platform.OS == "unknown" || child.Platform.Architecture == "unknown") ||
		child.ArtifactType != "" && !isConfig(types.MediaType(child.ArtifactType))
}

// damagedError is an invalid response. Its text describes what the registry does.
type damagedError struct{ does string }

func (e *damagedError) Error() string { return e.does }

// wrongDigest describes a manifest whose digest differs from the one in the registry's header. The
// header's value is shown only if it is a digest.
func wrongDigest(is, said string) string {
	if _, err := v1.NewHash(said); err != nil {
		said = "something else"
	}
	return fmt.Sprintf("answers with a manifest of digest %s, and says %s", is, said)
}
