package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"
)

// auditFile is where the unit of systemd keeps the audit log.
const auditFile = "/var/log/caisson/audit.log"

func newAudit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Look into the audit log",
	}
	return group(cmd, newAuditFind())
}

func newAuditFind() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "find DECISION",
		Short: "Print the audit records of a decision",
		Long: `Print the audit records of a decision, by the ID at the end of the message that the user saw.

The file is searched and those that logrotate has made of it, also if they are compressed; the oldest first. Of several records the last one
counts. The exit code is 1 if there is none.`,
		Example: "  caisson audit find 01M8ADD88H0TWRZSRHH9AWDYW3 | jq .",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := ulid.ParseStrict(args[0])
			if err != nil {
				return unusable(fmt.Errorf("%q is no ID of a decision: it has 26 letters and digits, as in (decision 01M8ADD88H0TWRZSRHH9AWDYW3)", args[0]))
			}
			found, err := findRecords(cmd.OutOrStdout(), file, id.String())
			if err != nil {
				return unusable(err)
			}
			if !found {
				return &exitError{exitFailed, fmt.Errorf("%s and what was rotated from it have no record of %s", file, id)}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "audit-log", auditFile, "the audit log's `FILE`")
	return cmd
}

// findRecords prints the lines with a decision's ID.
func findRecords(w io.Writer, file, id string) (found bool, err error) {
	files, err := rotated(file)
	if err != nil {
		return false, err
	}
	for _, f := range files {
		one, err := findIn(w, f, []byte(`"decision":"`+id+`"`))
		if err != nil {
			return found, fmt.Errorf("%s: %w", f, err)
		}
		found = found || one
	}
	return found, nil
}

// rotated lists a log file and those that were rotated from it: audit.log.1, audit.log-20261125.gz. The oldest is first.
func rotated(file string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	var list []fs.FileInfo
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(file))
		if !ok || rest != "" && rest[0] != '.' && rest[0] != '-' {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			list = append(list, info)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s is not there; name the audit log with --audit-log", file)
	}
	slices.SortStableFunc(list, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	files := make([]string, len(list))
	for i, info := range list {
		files[i] = filepath.Join(filepath.Dir(file), info.Name())
	}
	return files, nil
}

func findIn(w io.Writer, file string, text []byte) (found bool, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // rotated away just now
	}
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // only read from
	var from io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if from, err = gzip.NewReader(f); err != nil {
			return false, err
		}
	}
	for lines := bufio.NewReader(from); ; {
		line, err := lines.ReadBytes('\n')
		if bytes.Contains(line, text) {
			found = true
			if _, err := w.Write(append(bytes.TrimSuffix(line, []byte{'\n'}), '\n')); err != nil {
				return true, err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return found, err
		}
	}
}
