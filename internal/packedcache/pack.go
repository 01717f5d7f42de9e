// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// level is the compression level: higher levels do not save more.
const level = 5

// packer compresses data that resembles a sample.
type packer struct {
	sample  []byte
	writers sync.Pool // each takes most of a megabyte; the pool frees them when nothing changes
	readers sync.Pool
}

func newPacker(sample []byte) *packer { return &packer{sample: sample} }

// deflate compresses the data.
func (p *packer) deflate(raw []byte) (string, error) {
	var packed bytes.Buffer
	writer, ok := p.writers.Get().(*flate.Writer)
	if ok {
		writer.Reset(&packed)
	} else {
		var err error
		if writer, err = flate.NewWriterDict(&packed, level, p.sample); err != nil {
			return "", fmt.Errorf("packing: %w", err)
		}
	}
	defer p.writers.Put(writer)
	if _, err := writer.Write(raw); err != nil {
		return "", fmt.Errorf("packing: %w", err)
	}
	if err := writer.Close(); err != nil {
		return "", fmt.Errorf("packing: %w", err)
	}
	return packed.String(), nil
}

// reader holds the reusable buffers of inflate.
type reader struct {
	flate io.ReadCloser
	raw   bytes.Buffer
}

// inflate calls take with the decompressed data. The data is valid until take returns.
func (p *packer) inflate(packed string, take func(raw []byte) error) error {
	r, ok := p.readers.Get().(*reader)
	if ok {
		r.raw.Reset()
		if err := r.flate.(flate.Resetter).Reset(strings.NewReader(packed), p.sample); err != nil {
			return err //nolint:wrapcheck // the caller says of what
		}
	} else {
		r = &reader{flate: flate.NewReaderDict(strings.NewReader(packed), p.sample)}
	}
	defer p.readers.Put(r)
	if _, err := r.raw.ReadFrom(r.flate); err != nil {
		return err //nolint:wrapcheck // the caller says of what
	}
	return take(r.raw.Bytes())
}

// encode returns the object's wire form: protobuf if its type supports it, otherwise JSON.
func encode(object client.Object) ([]byte, error) {
	if message, ok := object.(interface{ Marshal() ([]byte, error) }); ok {
		raw, err := message.Marshal()
		if err != nil {
			return nil, fmt.Errorf("encoding a %T: %w", object, err)
		}
		return raw, nil
	}
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false) // keeps the user's text as it is
	if err := encoder.Encode(object); err != nil {
		return nil, fmt.Errorf("encoding a %T: %w", object, err)
	}
	return raw.Bytes(), nil
}

// decode is the reverse of encode.
func decode(raw []byte, object client.Object) error {
	if message, ok := object.(interface{ Unmarshal(raw []byte) error }); ok {
		return message.Unmarshal(raw) //nolint:wrapcheck // the caller says of what
	}
	return json.Unmarshal(raw, object) //nolint:wrapcheck // the caller says of what
}
