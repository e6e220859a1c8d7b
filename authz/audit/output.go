package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// output is where a [Log] writes: a stream, or a file that it has opened. One goroutine at a time uses it.
type output struct {
	w    io.Writer
	file *os.File // w, if it is a file of ours
	torn bool     // it ends in a part of a record
}

// openFile opens a file for appending. It is created with mode 0640 if it is not there.
func openFile(path string) (*output, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640) //nolint:gosec // G302: the group of the log may read it, as with other logs
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	return &output{w: f, file: f, torn: endsTorn(path)}, nil
}

// endsTorn tells whether a file ends within a line, as after a loss of power.
func endsTorn(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // only read from
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}

// write writes lines, all in one call, so that lines stay whole even if several processes append. It returns how many bytes of whole
// lines are there; on a full disk, fewer than given. What is there of one more line is taken away again.
func (o *output) write(lines []byte) (int, error) {
	if o.torn {
		if _, err := o.w.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		o.torn = false
	}
	n, err := o.w.Write(lines)
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	if err == nil {
		return n, nil
	}
	whole := bytes.LastIndexByte(lines[:n], '\n') + 1
	if rest := n - whole; rest > 0 && !o.shorten(int64(rest)) {
		o.torn = true
	}
	return whole, err
}

// shorten takes away the end of what was just written, unless somebody else has appended since.
func (o *output) shorten(n int64) bool {
	if o.file == nil {
		return false
	}
	end, err := o.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return false
	}
	info, err := o.file.Stat()
	return err == nil && info.Size() == end && o.file.Truncate(end-n) == nil
}

// close brings a file to the disk and closes it. A stream is not ours to close.
func (o *output) close() error {
	if o.file == nil {
		return nil
	}
	err := o.file.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // a pipe
	}
	return errors.Join(err, o.file.Close())
}

// discard closes a file that is not used any more. Nobody waits for that: some file systems take their time.
func (o *output) discard() {
	if o.file != nil {
		go o.file.Close() //nolint:errcheck // all that was written has been told to have been
	}
}
