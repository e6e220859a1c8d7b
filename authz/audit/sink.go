package audit

import (
	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// Sink takes records. Write returns when the record has been handed to the operating system of this host, or cannot be, and is safe for
// concurrent use. The record is the caller's again once Write has returned.
type Sink interface {
	Write(*Record, Late) error
}

// Late goes on in the place of a goroutine that is stuck in a write, with what Write would have returned.
//
// A write to a disk that hangs cannot be called off, and whoever decides must not wait for it. So a Sink writes in another goroutine, which
// takes longer than most decisions do. Who gives it a Late lets it write in the goroutine that calls Write. If that takes too long, Late is called,
// once and in a goroutine of its own, and Write never returns: the goroutine that called it ends, as by [runtime.Goexit], when the disk
// answers. What Late uses must be left alone by the deferred calls of that goroutine.
type Late func(error)

// Keeper is a Sink that remembers what could not be written.
//
// Keep takes the last word on a decision whose record has failed: what became of the request without one. It does not wait. The record
// is kept in memory and written as soon as that can be done, so that an outage leaves a trace, and so that a record which reached a
// disk too late is corrected: of two records of one decision, the later one counts.
type Keeper interface {
	Keep(*Record)
}

// encoder makes one JSON line of a record. Without keys for level, time and message, a line holds the record's own fields only.
// It works without reflection, in buffers that are used again.
var encoder = zapcore.NewJSONEncoder(zapcore.EncoderConfig{EncodeTime: zapcore.RFC3339NanoTimeEncoder})

// Encode returns the record's line, with its end. The caller frees the buffer.
func Encode(r *Record) (*buffer.Buffer, error) {
	return encoder.EncodeEntry(zapcore.Entry{}, []zapcore.Field{zap.Inline(r)})
}
