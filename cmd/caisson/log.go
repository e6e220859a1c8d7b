package main

import (
	"fmt"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
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
	return zap.New(zapcore.NewCore(e, zapcore.Lock(zapcore.AddSync(w)), lowest)), nil
}
