package plugin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
)

const (
	// SocketDir is where dockerd looks for the sockets of plugins, by the name of the plugin.
	SocketDir = "/run/docker/plugins"
	// SocketName is the name under which Caisson is known to dockerd unless another is given.
	SocketName = "caisson"

	socketMode = 0o600 // whoever may connect may ask what passes, and fill the audit log
	dirMode    = 0o700
	maxPath    = 107 // sockaddr_un
)

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)

// SocketPath says where the socket of a name, or a path, is. A text with a slash is a path.
func SocketPath(socket string) (string, error) {
	path := socket
	if !strings.Contains(socket, "/") {
		if !validName.MatchString(socket) {
			return "", fmt.Errorf("%q is no name for a plugin; use lower-case letters, digits and _.-, or give a path", socket)
		}
		path = filepath.Join(SocketDir, strings.TrimSuffix(socket, ".sock")+".sock")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if len(path) > maxPath {
		return "", fmt.Errorf("the path of the socket is longer than %d bytes, the most that Linux takes: %q", maxPath, path)
	}
	return path, nil
}

// Listen creates a socket that only its owner can use. Closing the listener removes it.
func Listen(path string, log *zap.Logger) (net.Listener, error) {
	if err := makeDir(filepath.Dir(path), log); err != nil {
		return nil, err
	}
	if err := removeStale(path, log); err != nil {
		return nil, err
	}
	// The mode of the unbound socket is the mode that bind gives the file (Linux, unix_bind), so that there is no moment at which
	// others can connect.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if controlErr := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), socketMode) }); controlErr != nil {
			return controlErr
		}
		return err
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("create the socket: %w", err)
	}
	u := l.(*net.UnixListener)
	u.SetUnlinkOnClose(false)
	s := &socket{UnixListener: u, path: path}
	if s.file, err = os.Lstat(path); err == nil {
		err = os.Chmod(path, socketMode) // a strict umask can only have taken bits away
	}
	if err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("create the socket: %w", err)
	}
	return s, nil
}

// socket is a listener that removes its own file, and not one that took its place.
type socket struct {
	*net.UnixListener
	path string
	file fs.FileInfo
}

// Unlink removes the socket's file. Connections that have been made stay.
func (s *socket) Unlink() {
	if now, err := os.Lstat(s.path); err == nil && s.file != nil && os.SameFile(now, s.file) {
		_ = os.Remove(s.path)
	}
}

// Close removes the socket's file and stops listening.
func (s *socket) Close() error {
	s.Unlink()
	return s.UnixListener.Close()
}

// makeDir creates the folders that are missing for root alone. Folders that are there stay as they are.
func makeDir(dir string, log *zap.Logger) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("the folder of the socket is not a folder: %s", dir)
	case err == nil:
		if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
			log.Warn("others can write to the folder of the socket, and so put their own plugin in its place",
				zap.String("folder", dir), zap.Stringer("mode", info.Mode()))
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := makeDir(filepath.Dir(dir), log); err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Chmod(dir, dirMode) // whatever the umask is
}

// removeStale removes a socket that was left behind. One that is in use, and a file of another kind, is an error.
func removeStale(path string, log *zap.Logger) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and not a socket; move it away", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		_ = conn.Close()
		return fmt.Errorf("another process answers on %s; stop it, or choose another socket", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		// A busy process refuses in other ways.
		return fmt.Errorf("another process seems to use %s; stop it, or choose another socket: %w", path, err)
	}
	log.Info("removed a socket that was left behind", zap.String("socket", path))
	return os.Remove(path)
}
