package host

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// Files are the files of a host, from its root on. Tests make them up.
type Files struct {
	FS  fs.FS
	ACL func(file string) []byte // the access control list of a file, as the kernel gives it; nil is a host without any
}

// Root are the files of this machine.
func Root() Files { return Files{os.DirFS("/"), readACL} }

// name is a path as [fs.FS] wants it.
func name(file string) string {
	if file = strings.TrimPrefix(path.Clean("/"+file), "/"); file == "" {
		return "."
	}
	return file
}

// Read returns what is in a file.
func (f Files) Read(file string) ([]byte, error) { return fs.ReadFile(f.FS, name(file)) }

// Stat describes what a path leads to, through symbolic links.
func (f Files) Stat(file string) (fs.FileInfo, error) { return fs.Stat(f.FS, name(file)) }

// List names what is in a folder, in order. What cannot be read is empty.
func (f Files) List(folder string) []string {
	entries, _ := fs.ReadDir(f.FS, name(folder)) // the caller finds nothing in it either way
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Owner tells whose a file is. Without an answer, nobody's that matters.
func Owner(info fs.FileInfo) (uid, gid uint32) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Uid, s.Gid
	}
	return 0, 0
}

// Writable says who but root can write a file, by its mode or by its access control list: "everybody", "group 999", "user 1000", or "" if nobody
// can. A sticky folder counts as writable too: in it one can put new files.
func (f Files) Writable(file string, info fs.FileInfo) string {
	return cmp.Or(writable(info), f.Granted(file))
}

func writable(info fs.FileInfo) string {
	uid, gid := Owner(info)
	switch mode := info.Mode().Perm(); {
	case mode&0o002 != 0:
		return "everybody"
	case mode&0o020 != 0 && gid != 0:
		return groupName(gid)
	case mode&0o200 != 0 && uid != 0:
		return userName(uid)
	}
	return ""
}
