package config

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files gives the files that a policy names: certificates and keys. [Disk] is that of the host.
type Files interface {
	ReadFile(name string) ([]byte, error)
	// ReadFolder lists the files of a folder by their whole paths; an error if there is no folder of that name.
	ReadFolder(name string) ([]string, error)
}

// Disk is the host's own files.
type Disk struct{}

// ReadFile implements [Files].
func (Disk) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

// ReadFolder implements [Files].
func (Disk) ReadFolder(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // what mounts of secrets put beside them, and editors
			list = append(list, filepath.Join(name, e.Name()))
		}
	}
	return list, nil
}

// inputs reads what a policy names, and remembers what was there: a change of it is a change of the policy.
type inputs struct {
	files  Files
	folder string            // of the policy file, where names without a leading slash begin
	seen   map[string]string // hash of what was read, by path
}

func newInputs(files Files, policy string) *inputs {
	return &inputs{files, filepath.Dir(policy), make(map[string]string)}
}

// path makes a name absolute.
func (in *inputs) path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(in.folder, name)
}

// read returns the content of a file.
func (in *inputs) read(name string) ([]byte, error) {
	at := in.path(name)
	text, err := in.files.ReadFile(at)
	in.seen[at] = stampOf(text, err)
	return text, err
}

// all returns the contents of files, and of the files in folders, by path.
func (in *inputs) all(names []string) (map[string][]byte, error) {
	texts := make(map[string][]byte)
	var errs []error
	for _, name := range names {
		list := []string{in.path(name)}
		if inside, err := in.files.ReadFolder(list[0]); err == nil {
			in.seen[list[0]] = stampOf([]byte(strings.Join(inside, "\n")), nil)
			if list = inside; len(list) == 0 {
				errs = append(errs, fmt.Errorf("%s holds no files", name))
			}
		}
		for _, file := range list {
			text, err := in.read(file)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			texts[file] = text
		}
	}
	return texts, errors.Join(errs...)
}

// certificates reads PEM files, each of one certificate or more and of nothing else.
func (in *inputs) certificates(names []string) ([]*x509.Certificate, error) {
	texts, err := in.all(names)
	if err != nil {
		return nil, err
	}
	var list []*x509.Certificate
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		found, err := certificatesOf(texts[file])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		list = append(list, found...)
	}
	return list, nil
}

func certificatesOf(text []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a PEM block %q; only certificates are wanted", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errors.New("holds no certificate in PEM form")
	}
	return list, nil
}

// fingerprint stands for all that was read.
func (in *inputs) fingerprint() string { return joined(in.seen) }

// again looks at the same paths, and returns what fingerprint would now say.
func (in *inputs) again() string {
	now := make(map[string]string, len(in.seen))
	for at := range in.seen {
		if inside, err := in.files.ReadFolder(at); err == nil {
			now[at] = stampOf([]byte(strings.Join(inside, "\n")), nil)
			continue
		}
		text, err := in.files.ReadFile(at)
		now[at] = stampOf(text, err)
	}
	return joined(now)
}

func stampOf(text []byte, err error) string {
	if err != nil {
		return "unreadable"
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func joined(seen map[string]string) string {
	var b strings.Builder
	for _, at := range slices.Sorted(maps.Keys(seen)) {
		b.WriteString(at + " " + seen[at] + "\n")
	}
	return b.String()
}
