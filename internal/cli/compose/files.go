// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"cmp"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// The limits of spec.files, in characters: of one file, and of all files of a stack.
const (
	maxFile  = 32768
	maxFiles = 131072
)

// secretsFolder is where Compose mounts secrets by default.
const secretsFolder = "/run/secrets"

// nameFiles names the ConfigMaps and Secrets for the configs and secrets that services use, and
// notes those that the user has to create.
func (c *converter) nameFiles() {
	c.configs, c.secrets = map[string]string{}, map[string]string{}
	c.inline = c.inlineConfigs()
	used := map[string]bool{}
	for _, s := range c.services {
		for _, config := range s.Configs {
			used["configs."+config.Source] = !c.inline[config.Source]
		}
		for _, secret := range s.Secrets {
			used["secrets."+secret.Source] = true
		}
	}
	taken := names{}
	for _, key := range sortedKeys(c.project.Configs) {
		if config := c.project.Configs[key]; used["configs."+key] {
			c.configs[key] = c.nameFile(taken, key, types.FileObjectConfig(config))
			c.noteConfig(key, config)
		}
	}
	taken = names{}
	for _, key := range sortedKeys(c.project.Secrets) {
		if secret := c.project.Secrets[key]; used["secrets."+key] {
			c.secrets[key] = c.nameFile(taken, key, types.FileObjectConfig(secret))
			c.noteSecret(key, secret)
		}
	}
}

// inlineConfigs returns the configs whose content the Compose file itself has. They become files of
// the stack, unless they are larger than these may be.
func (c *converter) inlineConfigs() map[string]bool {
	inline, total := map[string]bool{}, map[*stack]int{}
	for _, s := range c.services {
		for _, use := range s.Configs {
			config := c.project.Configs[use.Source]
			size := utf8.RuneCountInString(config.Content)
			total[s.stack] += size
			fits := size <= maxFile && total[s.stack] <= maxFiles
			written := config.Content != "" && config.File == "" && config.Environment == "" && !bool(config.External)
			before, seen := inline[use.Source]
			inline[use.Source] = written && fits && (before || !seen)
		}
	}
	return inline
}

func (c *converter) nameFile(taken names, key string, config types.FileObjectConfig) string {
	if config.External {
		return objectName(cmp.Or(config.Name, key))
	}
	return taken.take(c.resource(key, config.Name), maxLabel)
}

func (c *converter) noteConfig(key string, config types.ConfigObjConfig) {
	field, name := "configs."+key, c.configs[key]
	switch problem, damaged := config.Extensions[problemKey]; {
	case bool(config.External):
		c.noteProject(field, "it is external: a ConfigMap named %s must be there, with the key %s", name, key)
	case damaged:
		c.noteProject(field, "the file %s %s: once that is mended, kubectl create configmap %s --from-file=%s=%s",
			c.relative(config.File), problem, name, key, quoted(c.relative(config.File)))
	case config.Environment != "" && config.Content == "":
		c.noteProject(field, "the variable %s is not set: the config is empty", config.Environment)
	}
}

// noteSecret notes how to create a Secret. The conversion creates none, so that no secret values
// end up in files.
func (c *converter) noteSecret(key string, secret types.SecretConfig) {
	field, name := "secrets."+key, c.secrets[key]
	switch {
	case bool(secret.External):
		c.noteProject(field, "it is external: a Secret named %s must be there, with the key %s", name, key)
	case secret.Environment != "" && !plainVariable.MatchString(secret.Environment): // unsafe in a shell command
		c.noteProject(field, "make a Secret named %s first, with the key %s", name, key)
	case secret.Environment != "":
		c.noteProject(field, `make it first: kubectl create secret generic %s --from-literal=%s="$%s"`, name, key, secret.Environment)
	default:
		c.noteProject(field, "make it first: kubectl create secret generic %s --from-file=%s=%s", name, key, quoted(c.relative(secret.File)))
	}
}

// configMaps returns the ConfigMaps of the configs that are not external and could be read.
func (c *converter) configMaps() []client.Object {
	var out []client.Object
	for _, key := range sortedKeys(c.configs) {
		config := c.project.Configs[key]
		if _, damaged := config.Extensions[problemKey]; damaged || bool(config.External) {
			continue
		}
		out = append(out, &corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Name: c.configs[key]},
			Data:       map[string]string{key: config.Content},
		})
	}
	return out
}

func (c *converter) mountConfigs(m *mounts) {
	for _, config := range m.service.Configs {
		target := path.Join("/", cmp.Or(config.Target, config.Source))
		if c.inline[config.Source] {
			m.addFile(v1alpha1.File{Path: target, Content: c.project.Configs[config.Source].Content, Mode: mode(config.Mode)})
			continue
		}
		m.add("configs", config.Source, v1alpha1.Volume{
			MountPath: target, SubPath: config.Source, ReadOnly: true,
			ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: c.configs[config.Source]}, DefaultMode: mode(config.Mode),
			},
		})
	}
}

func (c *converter) mountSecrets(m *mounts) {
	for _, secret := range m.service.Secrets {
		target := cmp.Or(secret.Target, secret.Source)
		if !path.IsAbs(target) {
			target = path.Join(secretsFolder, target)
		}
		m.add("secrets", secret.Source, v1alpha1.Volume{
			MountPath: target, SubPath: secret.Source, ReadOnly: true,
			Secret: &corev1.SecretVolumeSource{SecretName: c.secrets[secret.Source], DefaultMode: mode(secret.Mode)},
		})
	}
}

func mode(given *types.FileMode) *int32 {
	if given == nil {
		return nil
	}
	bits := int32(*given & 0o777)
	return &bits
}

// relative returns the path relative to the project's folder, or unchanged if it is outside.
func (c *converter) relative(file string) string {
	if !filepath.IsAbs(file) {
		return file
	}
	short, err := filepath.Rel(c.project.WorkingDir, file)
	if err != nil || short == ".." || strings.HasPrefix(short, ".."+string(filepath.Separator)) {
		return file
	}
	if short == "." {
		return short
	}
	return "./" + filepath.ToSlash(short)
}

var (
	plainWord     = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)
	plainVariable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// quoted returns the word quoted for a shell, if it needs quotes.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
