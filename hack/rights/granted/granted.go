// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package granted works out what manifests let a service account do, as
// `kubectl auth can-i --list` would say once they are applied.
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

// Right is one thing that may be done.
type Right struct {
	// Namespace is where; empty for everywhere.
	Namespace string
	// Group and Resource say to what; the resource has its subresource, as in
	// "appstacks/status", and is a path where it begins with a slash.
	Group, Resource string
	// Name is the only object of that kind, or empty for all.
	Name string
	Verb string
}

// Account is a service account.
type Account struct{ Namespace, Name string }

// subjects are those that the account acts as: itself, and its groups.
func (a Account) subjects() []rbacv1.Subject {
	return []rbacv1.Subject{
		{Kind: rbacv1.ServiceAccountKind, Namespace: a.Namespace, Name: a.Name},
		{Kind: rbacv1.UserKind, Name: "system:serviceaccount:" + a.Namespace + ":" + a.Name},
		{Kind: rbacv1.GroupKind, Name: "system:serviceaccounts"},
		{Kind: rbacv1.GroupKind, Name: "system:serviceaccounts:" + a.Namespace},
		{Kind: rbacv1.GroupKind, Name: "system:authenticated"},
	}
}

// Manifests are the roles and bindings among some objects.
type Manifests struct {
	clusterRoles        []rbacv1.ClusterRole
	roles               []rbacv1.Role
	clusterRoleBindings []rbacv1.ClusterRoleBinding
	roleBindings        []rbacv1.RoleBinding
}

// Read reads objects in YAML, with lines of "---" between them.
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

// add adds one object, if it is a role or a binding.
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
		err = errors.New("it is no kind that rights are made of")
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

// To is what the account may do, in order and each right once.
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

// rules are those of the role that is referred to. A role that is not among the
// manifests, or is made of others by their labels, could say anything.
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
				return nil, fmt.Errorf("ClusterRole %s is made of others", ref.Name)
			default:
				return role.Rules, nil
			}
		}
	}
	return nil, fmt.Errorf("there is no %s %s", ref.Kind, ref.Name)
}

// Rights are what the rules allow in the namespace, or everywhere where it is empty.
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

// Full is the resource with its group, as in "deployments.apps", which is how kubectl names it.
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

// String is the right in words.
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
