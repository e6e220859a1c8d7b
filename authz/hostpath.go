package authz

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"caisson/authz/request"
)

// HostFiles says where paths of the host lead. The kernel follows symbolic links when a container starts, so the path in a request
// does not say what will be mounted. What it says here may change until then: whoever can write to a directory can put a link there
// in between. To look is to refuse the links that wait there already.
type HostFiles interface {
	// Follow returns where a clean absolute path leads, and the part of it that ends in the last symbolic link on the way, "" if there is
	// none. What is not there leads to itself: the Engine creates it.
	Follow(ctx context.Context, path string) (resolved, link string, err error)
}

// Limits of looks at the file system. A look at a network file system whose server is gone never ends.
const (
	followDeadline = 2 * time.Second
	followers      = 32
)

// Host is the file system that Caisson sees, for a Caisson that sees the one of dockerd. It is safe for concurrent use.
type Host struct{ slots chan struct{} }

// NewHost prepares looks at the file system.
func NewHost() *Host { return &Host{make(chan struct{}, followers)} }

// Follow implements [HostFiles].
func (h *Host) Follow(ctx context.Context, path string) (string, string, error) {
	ctx, cancel := context.WithTimeout(ctx, followDeadline)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return "", "", fmt.Errorf("too many looks at the host's files at once: %w", ctx.Err())
	}
	type answer struct {
		resolved, link string
		err            error
	}
	done := make(chan answer, 1)
	go func() {
		defer func() { <-h.slots }()
		resolved, link, err := follow(path)
		done <- answer{resolved, link, err}
	}()
	select {
	case a := <-done:
		return a.resolved, a.link, a.err
	case <-ctx.Done():
		return "", "", fmt.Errorf("the host's file system does not answer: %w", ctx.Err())
	}
}

// follow goes along a path step by step, to see where on it the links are.
func follow(path string) (resolved, link string, err error) {
	resolved = "/"
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range parts {
		next := filepath.Join(resolved, part)
		info, err := os.Lstat(next)
		switch {
		case isMissing(err):
			return filepath.Join(append([]string{resolved}, parts[i:]...)...), link, nil
		case err != nil:
			return "", "", err
		case info.Mode()&fs.ModeSymlink == 0:
			resolved = next
			continue
		}
		if resolved, err = filepath.EvalSymlinks(next); err != nil {
			if isMissing(err) {
				err = errors.New("it is a link to something that is not there")
			}
			return "", "", err
		}
		link = "/" + strings.Join(parts[:i+1], "/")
	}
	return resolved, link, nil
}

func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// hostPaths looks up where the paths that a workload mounts lead. A path that cannot be followed is for the rules to refuse: they name
// what else is wrong besides. Each counts as a look-up: a path along links, many times over, would keep a processor busy.
func (x *expansion) hostPaths(ctx context.Context, w *request.Workload) error {
	if x.files == nil {
		return nil
	}
	for i := range w.Mounts {
		m := &w.Mounts[i]
		p := m.HostPath()
		if p == "" {
			continue
		}
		err := x.look()
		if err != nil {
			return err
		}
		if m.Resolved, m.Link, err = x.files.Follow(ctx, p); err != nil {
			m.Lost = err.Error()
		}
	}
	return nil
}
