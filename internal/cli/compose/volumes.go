// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

const (
	// maxVolumes is the limit of spec.volumes.
	maxVolumes = 32
	// maxMountPath is the limit of spec.volumes[].mountPath.
	maxMountPath = 512
)

// claim is the PersistentVolumeClaim for a named volume.
type claim struct {
	name     string
	external bool
	users    []*service
}

// nameClaims names the claims, and notes what the access mode ReadWriteOnce means for those that
// several services use.
func (c *converter) nameClaims() {
	c.claims = map[string]*claim{}
	taken := names{}
	for _, s := range c.services {
		for _, mount := range s.Volumes {
			if mount.Type != types.VolumeTypeVolume || mount.Source == "" {
				continue
			}
			used := c.claims[mount.Source]
			if used == nil {
				config := c.project.Volumes[mount.Source]
				used = &claim{name: c.resource(mount.Source, config.Name), external: bool(config.External)}
				if used.external {
					used.name = objectName(cmp.Or(config.Name, mount.Source))
					c.noteProject("volumes."+mount.Source, "it is external: a PersistentVolumeClaim named %s must be there", used.name)
				} else {
					used.name = taken.take(used.name, maxLabel)
				}
				c.claims[mount.Source] = used
			}
			if len(used.users) == 0 || used.users[len(used.users)-1] != s {
				used.users = append(used.users, s)
			}
		}
	}
	for _, key := range sortedKeys(c.claims) {
		c.noteEmpty(key, c.claims[key])
		c.noteShared(key, c.claims[key])
	}
}

// noteEmpty notes how a new claim differs from a new Docker volume, which has the image's files
// with their owners.
func (c *converter) noteEmpty(key string, made *claim) {
	if made.external {
		return
	}
	c.noteProject("volumes."+key, "the claim %s is empty at first, and Docker fills a volume with what the image has there; "+
		"its root may hold lost+found (set subPath) and belongs to root (for another user set podTemplate.spec.securityContext.fsGroup)",
		made.name)
}

func (c *converter) noteShared(key string, shared *claim) {
	if len(shared.users) < 2 || shared.external {
		return
	}
	var users []string
	for _, s := range shared.users {
		users = append(users, s.Name)
	}
	c.noteProject("volumes."+key, "%s share the claim %s, of access mode ReadWriteOnce: all their pods must run on one node; "+
		"where the storage offers it, set ReadWriteMany", enumerate(users, "and"), shared.name)
}

// persistentVolumeClaims returns the claims of the named volumes that are not external.
func (c *converter) persistentVolumeClaims() []client.Object {
	var out []client.Object
	for _, key := range sortedKeys(c.claims) {
		if c.claims[key].external {
			continue
		}
		out = append(out, &corev1.PersistentVolumeClaim{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
			ObjectMeta: metav1.ObjectMeta{Name: c.claims[key].name},
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceStorage: c.options.VolumeSize},
				},
			},
		})
	}
	return out
}

// mounts collects the volumes of a component. Paths and names are unique.
type mounts struct {
	converter *converter
	service   *service
	taken     names
	volumes   []v1alpha1.Volume
	files     []v1alpha1.File
}

// addFile adds a file at its path, unless something is mounted there.
func (m *mounts) addFile(file v1alpha1.File) {
	c, s := m.converter, m.service
	taken := slices.ContainsFunc(m.volumes, func(other v1alpha1.Volume) bool { return other.MountPath == file.Path }) ||
		slices.ContainsFunc(m.files, func(other v1alpha1.File) bool { return other.Path == file.Path })
	switch {
	case taken:
		c.note(s, "configs", "%s is left out: something else is mounted there already", file.Path)
	case strings.Contains(file.Path, ":"), len(file.Path) > maxMountPath:
		c.note(s, "configs", "%s is left out: it is no path that a container of Kubernetes can mount at", file.Path)
	case len(m.files) == maxVolumes:
		c.note(s, "configs", "%s is left out: AppStack takes %d files", file.Path, maxVolumes)
	default:
		m.files = append(m.files, file)
	}
}

func (m *mounts) add(field, name string, volume v1alpha1.Volume) {
	c, s := m.converter, m.service
	volume.MountPath = path.Clean(strings.ReplaceAll(volume.MountPath, `\`, "/"))
	for _, other := range m.volumes {
		if other.MountPath == volume.MountPath {
			c.note(s, field, "%s is left out: %s is mounted there already", volume.MountPath, other.Name)
			return
		}
	}
	switch {
	case strings.Contains(volume.MountPath, ":"), len(volume.MountPath) > maxMountPath:
		c.note(s, field, "%s is left out: it is no path that a container of Kubernetes can mount at", volume.MountPath)
	case len(m.volumes) == maxVolumes:
		c.note(s, field, "%s is left out: AppStack takes %d volumes", volume.MountPath, maxVolumes)
	default:
		volume.Name = m.taken.take(cmp.Or(label(name, maxLabel), "volume"), maxLabel)
		m.volumes = append(m.volumes, volume)
	}
}

// volumes returns all volumes and files of a component.
func (c *converter) volumes(s *service) ([]v1alpha1.Volume, []v1alpha1.File) {
	m := &mounts{converter: c, service: s, taken: names{}}
	for _, mount := range s.Volumes {
		c.volume(m, mount)
	}
	for _, mount := range s.Tmpfs {
		target, options, _ := strings.Cut(mount, ":")
		c.tmpfs(m, "tmpfs", target, options)
	}
	if s.ShmSize > 0 {
		size := bytesOf(s.ShmSize)
		m.add("shm_size", "shm", v1alpha1.Volume{
			MountPath: "/dev/shm", EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &size},
		})
	}
	c.mountConfigs(m)
	c.mountSecrets(m)
	return m.volumes, m.files
}

func (c *converter) volume(m *mounts, mount types.ServiceVolumeConfig) {
	switch mount.Type {
	case types.VolumeTypeVolume:
		c.namedVolume(m, mount)
	case types.VolumeTypeTmpfs:
		out := &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}
		if mount.Tmpfs != nil && mount.Tmpfs.Size > 0 {
			size := bytesOf(mount.Tmpfs.Size)
			out.SizeLimit = &size
		}
		m.add("volumes", path.Base(mount.Target), v1alpha1.Volume{MountPath: mount.Target, EmptyDir: out})
	case types.VolumeTypeBind:
		c.noteBind(m.service, mount)
	default:
		c.note(m.service, "volumes", "%s is not carried over: AppStack has no volumes of type %s; podTemplate reaches all that Kubernetes has",
			mount.Target, mount.Type)
	}
}

func (c *converter) namedVolume(m *mounts, mount types.ServiceVolumeConfig) {
	out := v1alpha1.Volume{MountPath: mount.Target, ReadOnly: mount.ReadOnly}
	if mount.Volume != nil {
		out.SubPath = mount.Volume.Subpath
	}
	if mount.Source == "" {
		out.EmptyDir, out.SubPath = &corev1.EmptyDirVolumeSource{}, ""
		c.note(m.service, "volumes", "%s is empty at first, and Docker fills it with what the image has there: "+
			"where that is needed, remove the volume", mount.Target)
		m.add("volumes", path.Base(mount.Target), out)
		return
	}
	out.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: c.claims[mount.Source].name}
	m.add("volumes", mount.Source, out)
}

// noteBind notes what can replace a path of the host.
func (c *converter) noteBind(s *service, mount types.ServiceVolumeConfig) {
	source := c.relative(mount.Source)
	if strings.HasSuffix(mount.Source, "docker.sock") {
		c.note(s, "volumes", "%s is not possible: nodes of Kubernetes run no Docker that could be used; "+
			"what needs it has to use the Kubernetes API", mount.Source)
		return
	}
	name := objectName(s.host() + "-" + cmp.Or(label(path.Base(mount.Target), 30), "files"))
	command := "kubectl create configmap " + name + " --from-file=" + quoted(source)
	if path.Ext(mount.Target) != "" { // the target is a file
		c.note(s, "volumes", "%s of the host is not mounted at %s: a ConfigMap can be, with subPath: %s", source, mount.Target, command)
		return
	}
	c.note(s, "volumes", "%s of the host is not mounted at %s: code belongs into the image, data into a PersistentVolumeClaim, "+
		"and configuration into a ConfigMap: %s", source, mount.Target, command)
}

// tmpfs converts a tmpfs with options in the format of docker run --tmpfs.
func (c *converter) tmpfs(m *mounts, field, target, options string) {
	out := &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}
	var left []string
	for option := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(option, "=")
		var size types.UnitBytes
		err := size.DecodeMapstructure(value)
		switch {
		case option == "":
		case key == "size" && err == nil:
			limit := bytesOf(size)
			out.SizeLimit = &limit
		default:
			left = append(left, option)
		}
	}
	if len(left) > 0 {
		c.note(m.service, field, "options of %s that are not carried over: %s", target, strings.Join(left, ","))
	}
	m.add(field, path.Base(target), v1alpha1.Volume{MountPath: target, EmptyDir: out})
}
