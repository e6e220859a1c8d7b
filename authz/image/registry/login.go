package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// login is a file of credentials. It is read again when it has changed. If it cannot be read then, what it held before stays in use.
type login struct {
	path string

	mu         sync.Mutex
	seen       string // of the file as it was last looked at
	stamp      string // of the file that credential is of
	credential auth.CredentialFunc
}

// newLogin reads a file. "" is nobody.
func newLogin(path string) (*login, error) {
	l := &login{path: path, credential: func(context.Context, string) (auth.Credential, error) { return auth.EmptyCredential, nil }}
	if path == "" {
		return l, nil
	}
	stamp, err := stampOf(path)
	if err == nil {
		err = l.read(stamp)
	}
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	return l, nil
}

// current returns the credentials, and a stamp that differs when they do.
func (l *login) current() (string, auth.CredentialFunc) {
	if l.path == "" {
		return "", l.credential
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if stamp, err := stampOf(l.path); err == nil && stamp != l.seen {
		_ = l.read(stamp) // a file that is just being written is read when it is complete
	}
	return l.stamp, l.credential
}

func (l *login) read(stamp string) error {
	l.seen = stamp
	s, err := credentials.NewStore(l.path, credentials.StoreOptions{})
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return err
	case err != nil:
		return fmt.Errorf("%s is not of the form of Docker's config.json", l.path) // the decoder's words may quote it
	}
	l.stamp, l.credential = stamp, credentials.Credential(s)
	return nil
}

// stampOf tells one version of a file from another.
func stampOf(path string) (string, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !fi.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file", path)
	}
	return fmt.Sprint(fi.ModTime().UnixNano(), fi.Size()), nil
}
