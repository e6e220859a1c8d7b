package audit

import (
	"fmt"
	"io"
	"os"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Sink takes records. Write returns when the record has been handed to the operating system, and is safe for concurrent use.
type Sink interface {
	Write(*Record) error
}

// Log is a Sink that writes JSON lines.
type Log struct {
	core zapcore.Core
	file *file // nil if it writes to a stream
}

// NewLog writes records to a stream.
func NewLog(w io.Writer) *Log { return &Log{core: newCore(zapcore.Lock(zapcore.AddSync(w)))} }

// OpenLog appends records to a file, which is created with mode 0640 if it is not there. "-" is standard output.
func OpenLog(path string) (*Log, error) {
	if path == "-" {
		return NewLog(os.Stdout), nil
	}
	f := &file{path: path}
	if err := f.reopen(); err != nil {
		return nil, err
	}
	return &Log{core: newCore(f), file: f}, nil
}

func newCore(w zapcore.WriteSyncer) zapcore.Core {
	// Without keys for level, time and message, a line holds the record's own fields only.
	return zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), w, zapcore.DebugLevel)
}

// Write implements [Sink].
func (l *Log) Write(r *Record) error {
	return l.core.Write(zapcore.Entry{}, []zapcore.Field{zap.Inline(r)})
}

// Reopen opens the file anew under its name, after logrotate has renamed it. If that fails, the old file stays in use.
func (l *Log) Reopen() error {
	if l.file == nil {
		return nil
	}
	return l.file.reopen()
}

// Close flushes and closes the file.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.close()
}

// file is an append-only file that can be reopened under writers. A record goes out in one write, so that lines stay whole
// even if several processes append.
type file struct {
	path string
	mu   sync.RWMutex
	f    *os.File
}

func (f *file) Write(b []byte) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.f.Write(b)
}

func (f *file) Sync() error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.f.Sync()
}

func (f *file) reopen() error {
	next, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640) //nolint:gosec // G302: the group of the log may read it, as with other logs
	if err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	f.mu.Lock()
	old := f.f
	f.f = next
	f.mu.Unlock()
	if old != nil {
		return old.Close()
	}
	return nil
}

func (f *file) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.f.Sync(); err != nil {
		return err
	}
	return f.f.Close()
}
