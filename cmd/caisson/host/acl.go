package host

import (
	"encoding/binary"
	"path"

	"golang.org/x/sys/unix"
)

// An access control list lets users and groups in whom owner, group and mode do not show: in the mode, the bits of the group are then the most that
// anybody is granted.

// readACL reads a file's list, nil if it has none.
func readACL(file string) []byte {
	const most = 64 << 10 // XATTR_SIZE_MAX
	list := make([]byte, most)
	n, err := unix.Getxattr(file, "system.posix_acl_access", list)
	if err != nil {
		return nil
	}
	return list[:n]
}

// Granted names somebody whom a file's access control list lets write: "user 1000" or "group 999"; "" if it names nobody but root.
func (f Files) Granted(file string) string {
	if f.ACL == nil {
		return ""
	}
	return granted(f.ACL(path.Clean("/" + file)))
}

// granted reads a list.
//
// Source: linux include/uapi/linux/posix_acl_xattr.h.
func granted(list []byte) string {
	const (
		header, entry     = 4, 8
		user, group, mask = 0x02, 0x08, 0x10
		write             = 0x02
	)
	most, who := uint16(write), ""
	for rest := list[min(header, len(list)):]; len(rest) >= entry; rest = rest[entry:] {
		tag, perm, id := binary.LittleEndian.Uint16(rest), binary.LittleEndian.Uint16(rest[2:]), binary.LittleEndian.Uint32(rest[4:])
		switch {
		case tag == mask:
			most = perm
		case perm&write == 0 || id == 0:
		case tag == user:
			who = userName(id)
		case tag == group:
			who = groupName(id)
		}
	}
	if most&write == 0 {
		return ""
	}
	return who
}
