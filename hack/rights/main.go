// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command rights reads manifests and prints the rights that they grant to a service
// account.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/appstack-dev/appstack/hack/rights/granted"
)

func main() {
	account := flag.String("account", "appstack-system/appstack-controller-manager", "the service account, as `namespace/name`")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *account); err != nil {
		fmt.Fprintln(os.Stderr, "rights:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, account string) error {
	namespace, name, ok := strings.Cut(account, "/")
	if !ok {
		return fmt.Errorf("%q is not namespace/name", account)
	}
	manifests, err := granted.Read(in)
	if err != nil {
		return err
	}
	rights, err := manifests.To(granted.Account{Namespace: namespace, Name: name})
	if err != nil {
		return err
	}
	if len(rights) == 0 {
		return errors.New("it has no rights: is the name of the account correct?")
	}
	return granted.Write(out, rights)
}
