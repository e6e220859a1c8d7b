package main

import (
	"fmt"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"caisson/authz/audit"
)

// newLogger makes the program's own log. It goes to standard error, because standard output may be the audit log.
func newLogger(w io.Writer, format, level string) (*zap.Logger, error) {
	lowest, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("--log-level %q is not one of debug, info, warn, error", level)
	}
	c := zap.NewProductionEncoderConfig()
	c.EncodeTime = zapcore.RFC3339TimeEncoder
	c.EncodeDuration = zapcore.StringDurationEncoder
	c.TimeKey, c.MessageKey = "time", "message"
	var e zapcore.Encoder
	switch format {
	case "text":
		c.ConsoleSeparator = " "
		c.EncodeLevel = zapcore.CapitalLevelEncoder
		e = zapcore.NewConsoleEncoder(c)
	case "json":
		e = zapcore.NewJSONEncoder(c)
	default:
		return nil, fmt.Errorf("--log-format %q is not one of text, json", format)
	}
	return zap.New(zapcore.NewCore(e, unwaited{audit.NewLog(w)}, lowest)), nil
}

// unwaited writes to a stream that may hang, as the journal does when its disk does. Decisions are told of in the log of a Caisson that cannot write
// its audit log, and dockerd waits for them without end: so nobody waits longer for the one than for the other. What cannot be written is lost; of
// decisions, the audit log keeps it.
type unwaited struct{ to *audit.Log }

// Write implements [zapcore.WriteSyncer]. It does not fail: zap would say so on standard error, and wait.
func (u unwaited) Write(line []byte) (int, error) {
	_ = u.to.Submit(line).Wait()
	return len(line), nil
}

// Sync implements [zapcore.WriteSyncer].
func (unwaited) Sync() error { return nil }
