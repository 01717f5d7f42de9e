package integration
import (
 _ "github.com/onsi/ginkgo/v2"
 _ "github.com/onsi/gomega"
 _ "sigs.k8s.io/controller-runtime/pkg/envtest"
 _ "sigs.k8s.io/controller-runtime/pkg/metrics"
 _ "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
 _ "sigs.k8s.io/yaml"
 _ "github.com/prometheus/client_model/go"
)
