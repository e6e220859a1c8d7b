package host

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func groupName(gid uint32) string { return fmt.Sprintf("group %d", gid) }

func userName(uid uint32) string { return fmt.Sprintf("user %d", uid) }

// Group is a group of the host.
type Group struct {
	Name    string
	Members []string // also those whose main group it is
}

// Group looks a group up in /etc/group and /etc/passwd. Groups from elsewhere, such as LDAP, are not known there: they have no name.
func (f Files) Group(gid uint32) Group {
	id := strconv.FormatUint(uint64(gid), 10)
	var g Group
	for _, fields := range f.table("/etc/group", 4) {
		if fields[2] == id {
			g.Name = fields[0]
			g.Members = strings.FieldsFunc(fields[3], func(r rune) bool { return r == ',' })
		}
	}
	for _, fields := range f.table("/etc/passwd", 7) {
		if fields[3] == id && !slices.Contains(g.Members, fields[0]) {
			g.Members = append(g.Members, fields[0])
		}
	}
	return g
}

// table reads a file of lines whose fields are divided by colons.
func (f Files) table(file string, fields int) (rows [][]string) {
	text, _ := f.Read(file) // without it there are no names
	for line := range strings.Lines(string(text)) {
		if row := strings.Split(strings.TrimSpace(line), ":"); len(row) >= fields {
			rows = append(rows, row)
		}
	}
	return rows
}
