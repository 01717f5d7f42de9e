# SPDX-License-Identifier: Apache-2.0
# Builds with the classic builder and with BuildKit alike.
FROM golang:1.26 AS builder
ARG TARGETOS
ARG TARGETARCH

WORKDIR /workspace

# The modules in a layer of their own: it is built again only when they change.
COPY go.mod go.sum ./
RUN go mod download

COPY api/ api/
COPY cmd/ cmd/
COPY internal/ internal/

# Not earlier: what follows is built again with every version.
ARG VERSION=dev
# Without TARGETOS and TARGETARCH the build is for the builder's own platform.
RUN CGO_ENABLED=0 GOOS="${TARGETOS}" GOARCH="${TARGETARCH}" \
    go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o manager ./cmd

FROM gcr.io/distroless/static:nonroot
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="appstack" \
      org.opencontainers.image.description="Kubernetes operator: one resource to a running app, with revisions and rollback" \
      org.opencontainers.image.source="https://github.com/appstack-dev/appstack" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /
COPY LICENSE /LICENSE
COPY --from=builder /workspace/manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
