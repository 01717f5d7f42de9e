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
	// maxNested is how deep an index may hold others.
	maxNested = 3
	// maxManifests is how many manifests of an index are looked at.
	maxManifests = 64
	// kept is how many images are remembered.
	kept = 512
	// userAgent is how the operator names itself to registries.
	userAgent = "appstack"
)

// Registries say how registries are reached. A host is written as in an image
// reference, with its port where it has one; Docker Hub's is index.docker.io.
type Registries struct {
	// PlainHTTP are the hosts that may be asked without TLS.
	PlainHTTP []string
	// Skip are the hosts that are not asked: their images run as written. "*" is all.
	Skip []string
	// CA are certificates in PEM form that are trusted besides the system's.
	CA []byte
}

// registry asks registries.
type registry struct {
	Registries
	transport http.RoundTripper
	// contents are images by repository and digest, which never change. Whoever is
	// shown one was let to it by the registry just before.
	contents *lru.Cache
}

func newRegistry(registries Registries) (*registry, error) {
	way, err := newTransport(registries)
	if err != nil {
		return nil, err
	}
	return &registry{Registries: registries, transport: way, contents: lru.New(kept)}, nil
}

// parse reads a reference, in its usual short forms too.
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

// skips says whether the registry is not to be asked.
func (r *registry) skips(host string) bool {
	return slices.Contains(r.Skip, "*") || slices.Contains(r.Skip, host) ||
		host == name.DefaultRegistry && slices.Contains(r.Skip, "docker.io")
}

// image asks for an image. What is known of it from before, by its digest, is
// only asked to be still so.
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

// ask asks with one of the credentials.
func (r *registry) ask(
	ctx context.Context, ref name.Reference, auth authn.Authenticator, before string, notes *notes,
) (model.Image, error) {
	puller, err := remote.NewPuller(
		remote.WithAuth(auth),
		remote.WithTransport(r.transport),
		remote.WithUserAgent(userAgent),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), // the Resolver tries again, when it is time to
		remote.WithRetryStatusCodes(),
	)
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // sorted by the caller
	}
	name := func(digest string) string { return ref.Context().Digest(digest).String() }
	if found, ok := r.contents.Get(name(before)); ok {
		head, err := puller.Head(ctx, ref)
		if err == nil && head.Digest.String() == before {
			return found.(model.Image), nil //nolint:forcetypeassert // nothing else is kept
		}
		answer, answered := errors.AsType[*transport.Error](err)
		if answered && answer.StatusCode != http.StatusMethodNotAllowed {
			return model.Image{}, err //nolint:wrapcheck // sorted by the caller
		}
	}
	descriptor, err := puller.Get(ctx, ref)
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // sorted by the caller
	}
	digest := descriptor.Digest.String()
	if said := notes.all().digest; said != "" && said != digest {
		// Some registries say it wrong, and some proxies have damaged copies: nodes could not pull those by their digest.
		if _, err := puller.Head(ctx, ref.Context().Digest(digest)); err != nil {
			return model.Image{}, &damagedError{wrongDigest(digest, said)}
		}
	}
	if found, ok := r.contents.Get(name(digest)); ok {
		return found.(model.Image), nil //nolint:forcetypeassert // nothing else is kept
	}
	image, err := describe(descriptor)
	if err != nil {
		return model.Image{}, err
	}
	image.Digest = digest
	r.contents.Add(name(digest), image)
	return image, nil
}

// describe reads what a manifest, or an index, leads to.
func describe(descriptor *remote.Descriptor) (model.Image, error) {
	if !descriptor.MediaType.IsIndex() {
		return readImage(descriptor)
	}
	index, err := descriptor.ImageIndex()
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // sorted by the caller
	}
	found := &found{}
	if err := found.walk(index, 0); err != nil {
		return model.Image{}, err
	}
	if found.index == nil {
		return model.Image{}, nil // an index of other things than images
	}
	best, err := found.index.Image(found.best.Digest)
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // sorted by the caller
	}
	image, err := readManifest(best)
	if err != nil {
		return model.Image{}, err
	}
	switch {
	case !found.untold:
		image.Platforms = found.platforms
	case found.images > 1 || found.looked > 1:
		image.Platforms = nil // it may run on others than that of the config too
	}
	return image, nil
}

// readImage reads a single manifest.
func readImage(descriptor *remote.Descriptor) (model.Image, error) {
	if descriptor.MediaType == types.DockerManifestSchema1 || descriptor.MediaType == types.DockerManifestSchema1Signed {
		return model.Image{}, nil // Docker's first format, which has no config
	}
	if !descriptor.MediaType.IsImage() {
		return model.Image{}, &damagedError{"answers with something that is no manifest"}
	}
	manifest, err := descriptor.Image()
	if err != nil {
		return model.Image{}, err //nolint:wrapcheck // sorted by the caller
	}
	return readManifest(manifest)
}

// readManifest reads the config that a manifest names. One that is not an
// image's, or makes no sense, says nothing.
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
		return model.Image{}, err //nolint:wrapcheck // sorted by the caller
	}
	config, platform, err := imageconfig.ParseConfig(raw)
	if err != nil {
		return model.Image{}, nil //nolint:nilerr // its digest is right: it says nothing, and always will
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

// found is what an index has.
type found struct {
	platforms []model.Platform
	// images is how many there are, and untold says that one does not tell its platform.
	images int
	untold bool
	// best is the image whose config is read, in which index it is, and how good it is.
	best  v1.Descriptor
	index v1.ImageIndex
	rank  int
	// looked is how many entries were looked at.
	looked int
}

// walk looks at the images of an index, and of those in it.
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
				return err //nolint:wrapcheck // sorted by the caller
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

// take notes an image of the index. Whose config is read is the same each time:
// that of the most common platform.
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

// isAttestation says whether a manifest of an index is about another one, as
// BuildKit adds them, and no image.
func isAttestation(child v1.Descriptor) bool {
	return child.Annotations["vnd.docker.reference.type"] != "" ||
		child.Platform != nil && (child.Platform.OS == "unknown" || child.Platform.Architecture == "unknown") ||
		child.ArtifactType != "" && !isConfig(types.MediaType(child.ArtifactType))
}

// damagedError is an answer that is not what it should be: what the registry does.
type damagedError struct{ does string }

func (e *damagedError) Error() string { return e.does }

// wrongDigest says that a manifest is not what the registry says it is. What is
// said is shown only where it is a digest.
func wrongDigest(is, said string) string {
	if _, err := v1.NewHash(said); err != nil {
		said = "something else"
	}
	return fmt.Sprintf("answers with a manifest of digest %s, and says %s", is, said)
}
