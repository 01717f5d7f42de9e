// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package granted computes the rights that manifests grant to a service account, as
// `kubectl auth can-i --list` would print them after they are applied.
package granted

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Right is a permitted verb on a resource.
type Right struct {
	// Namespace is the namespace; empty for the whole cluster.
	Namespace string
	// Group and Resource identify the resource, with its subresource, as in
	// "appstacks/status". A resource that starts with a slash is a non-resource URL.
	Group, Resource string
	// Name restricts the right to one object; empty for all.
	Name string
	Verb string
}

// Account is a service account.
type Account struct{ Namespace, Name string }

// subjects returns the RBAC subjects of the account: itself and its groups.
func (a Account) subjects() []rbacv1.Subject {
	return []rbacv1.Subject{
		{Kind: rbacv1.ServiceAccountKind, Namespace: a.Namespace, Name: a.Name},
		{Kind: rbacv1.UserKind, Name: "system:serviceaccount:" + a.Namespace + ":" + a.Name},
		{Kind: rbacv1.GroupKind, Name: "system:serviceaccounts"},
		{Kind: rbacv1.GroupKind, Name: "system:serviceaccounts:" + a.Namespace},
		{Kind: rbacv1.GroupKind, Name: "system:authenticated"},
	}
}

// Manifests contains the roles and bindings among some objects.
type Manifests struct {
	clusterRoles        []rbacv1.ClusterRole
	roles               []rbacv1.Role
	clusterRoleBindings []rbacv1.ClusterRoleBinding
	roleBindings        []rbacv1.RoleBinding
}

// Read reads YAML documents that are separated by "---".
func Read(text io.Reader) (Manifests, error) {
	var read Manifests
	reader := utilyaml.NewYAMLReader(bufio.NewReader(text))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return read, nil
		}
		if err != nil {
			return Manifests{}, fmt.Errorf("reading manifests: %w", err)
		}
		if err := read.add(document); err != nil {
			return Manifests{}, err
		}
	}
}

// add adds an object if it is a role or a binding.
func (m *Manifests) add(document []byte) error {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return fmt.Errorf("reading an object: %w", err)
	}
	if group := kind.GroupVersionKind().Group; group != rbacv1.GroupName {
		return nil
	}
	var err error
	switch kind.Kind {
	case "ClusterRole":
		m.clusterRoles, err = with(m.clusterRoles, document)
	case "Role":
		m.roles, err = with(m.roles, document)
	case "ClusterRoleBinding":
		m.clusterRoleBindings, err = with(m.clusterRoleBindings, document)
	case "RoleBinding":
		m.roleBindings, err = with(m.roleBindings, document)
	default:
		err = errors.New("its kind does not define rights")
	}
	if err != nil {
		return fmt.Errorf("reading a %s: %w", kind.Kind, err)
	}
	return nil
}

func with[T any](all []T, document []byte) ([]T, error) {
	var object T
	if err := yaml.UnmarshalStrict(document, &object); err != nil {
		return nil, err
	}
	return append(all, object), nil
}

// To returns the rights of the account, sorted and without duplicates.
func (m Manifests) To(account Account) ([]Right, error) {
	var all []Right
	for _, binding := range m.clusterRoleBindings {
		if !binds(binding.Subjects, account) {
			continue
		}
		rules, err := m.rules(binding.RoleRef, "")
		if err != nil {
			return nil, fmt.Errorf("ClusterRoleBinding %s: %w", binding.Name, err)
		}
		all = append(all, Rights("", rules)...)
	}
	for _, binding := range m.roleBindings {
		if !binds(binding.Subjects, account) {
			continue
		}
		rules, err := m.rules(binding.RoleRef, binding.Namespace)
		if err != nil {
			return nil, fmt.Errorf("RoleBinding %s: %w", binding.Name, err)
		}
		all = append(all, Rights(binding.Namespace, rules)...)
	}
	slices.SortFunc(all, compare)
	return slices.Compact(all), nil
}

func binds(subjects []rbacv1.Subject, account Account) bool {
	return slices.ContainsFunc(account.subjects(), func(as rbacv1.Subject) bool {
		return slices.ContainsFunc(subjects, func(subject rbacv1.Subject) bool {
			return subject.Kind == as.Kind && subject.Namespace == as.Namespace && subject.Name == as.Name
		})
	})
}

// rules returns the rules of the referenced role. It is an error if the manifests do not
// contain the role or if it is aggregated, because its rules are unknown then.
func (m Manifests) rules(ref rbacv1.RoleRef, namespace string) ([]rbacv1.PolicyRule, error) {
	if ref.Kind == "Role" {
		for _, role := range m.roles {
			if role.Namespace == namespace && role.Name == ref.Name {
				return role.Rules, nil
			}
		}
	}
	if ref.Kind == "ClusterRole" {
		for _, role := range m.clusterRoles {
			switch {
			case role.Name != ref.Name:
			case role.AggregationRule != nil:
				return nil, fmt.Errorf("ClusterRole %s is aggregated from others", ref.Name)
			default:
				return role.Rules, nil
			}
		}
	}
	return nil, fmt.Errorf("there is no %s %s", ref.Kind, ref.Name)
}

// Rights returns the rights that the rules grant in the namespace, or in the whole cluster if it is empty.
func Rights(namespace string, rules []rbacv1.PolicyRule) []Right {
	var all []Right
	for _, rule := range rules {
		for _, verb := range rule.Verbs {
			for _, path := range rule.NonResourceURLs {
				all = append(all, Right{Namespace: namespace, Resource: path, Verb: verb})
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					names := rule.ResourceNames
					if len(names) == 0 {
						names = []string{""}
					}
					for _, name := range names {
						all = append(all, Right{Namespace: namespace, Group: group, Resource: resource, Name: name, Verb: verb})
					}
				}
			}
		}
	}
	return all
}

func compare(a, b Right) int {
	return cmp.Or(
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Group, b.Group),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Verb, b.Verb),
	)
}

// Full returns the resource with its group, as in "deployments.apps", as kubectl prints it.
func (r Right) Full() string {
	if r.Group == "" {
		return r.Resource
	}
	resource, sub, found := strings.Cut(r.Resource, "/")
	if !found {
		return resource + "." + r.Group
	}
	return resource + "." + r.Group + "/" + sub
}

// String describes the right.
func (r Right) String() string {
	words := r.Verb + " " + r.Full()
	if r.Name != "" {
		words += " " + r.Name
	}
	if r.Namespace != "" {
		words += " in " + r.Namespace
	}
	return words
}
