package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"caisson/authz/audit/sinks"
)

// auditUsage explains --audit-log. The kinds are those of [sinks.ParseDestination].
const auditUsage = "where a record of every decision goes; may be repeated: `FILE`, - for standard output, " +
	"syslog:/dev/log, syslog:tls://HOST:PORT (or udp, tcp), otlp:https://HOST:PORT (or http); at least one is a file or -"

// destinations reads the values of --audit-log.
func (o *serveOptions) destinations() ([]*sinks.Destination, error) {
	list := make([]*sinks.Destination, len(o.auditLogs))
	for i, text := range o.auditLogs {
		var err error
		if list[i], err = sinks.ParseDestination(text); err != nil {
			return nil, fmt.Errorf("--audit-log: %w", err)
		}
	}
	return list, nil
}

// openAudit opens the audit log.
func openAudit(list []*sinks.Destination, stdout io.Writer, wrote func(time.Duration), log *zap.Logger) (*sinks.Sinks, error) {
	opened, err := sinks.Open(sinks.Options{Destinations: list, Stdout: stdout, Log: log, Version: thisBuild().Version, Wrote: wrote})
	if err != nil {
		return nil, unusable(fmt.Errorf("--audit-log: %w", err))
	}
	return opened, nil
}

// auditCloser returns what writes and sends the rest of the audit log, in what is left of the grace since the context ended.
func auditCloser(ctx context.Context, records *sinks.Sinks, grace time.Duration, log *zap.Logger) func() {
	var end atomic.Int64
	stop := context.AfterFunc(ctx, func() { end.Store(time.Now().Add(grace).UnixNano()) })
	return func() {
		stop()
		const least = time.Second // for the local ones, whatever requests took
		left := least
		if at := end.Load(); at != 0 {
			left = max(left, time.Until(time.Unix(0, at)))
		}
		ctx, cancel := context.WithTimeout(context.Background(), left)
		defer cancel()
		if err := records.Close(ctx); err != nil {
			log.Error("the audit log is not complete", zap.Error(err))
		}
	}
}

// auditFolders are where files of the audit log are.
func auditFolders(list []*sinks.Destination) (folders []string) {
	for _, d := range list {
		if d.Kind == sinks.File {
			folders = append(folders, filepath.Dir(d.Path))
		}
	}
	return folders
}
