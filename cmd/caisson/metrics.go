package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/audit/sinks"
	"caisson/authz/image"
	"caisson/authz/state/docker"
	"caisson/plugin"
	"caisson/plugin/metrics"
)

const metricsUsage = "`ADDRESS` for Prometheus and health checks, such as 127.0.0.1:9323 or unix:///run/caisson/metrics.sock; without it there are none"

// monitor shows metrics and health. A nil monitor shows nothing and costs nothing.
type monitor struct {
	*metrics.Metrics
	listener net.Listener
	log      *zap.Logger
}

// openMonitor opens the listener. It answers once serve is called.
func openMonitor(address string, log *zap.Logger) (*monitor, error) {
	if address == "" {
		return nil, nil //nolint:nilnil // see monitor
	}
	a, err := metrics.ParseAddress(address)
	if err != nil {
		return nil, unusable(fmt.Errorf("--metrics: %w", err))
	}
	l, err := a.Listen(log)
	if err != nil {
		return nil, &exitError{exitFailed, fmt.Errorf("--metrics: %w", err)}
	}
	b := thisBuild()
	return &monitor{metrics.New(metrics.Build{Version: b.Version, Revision: b.Revision, Go: b.Go}), l, log}, nil
}

// wrote is what the audit log tells of its writes.
func (m *monitor) wrote() func(time.Duration) {
	if m == nil {
		return nil
	}
	return m.Wrote
}

// observe has decisions, look-ups and verifications of images counted.
func (m *monitor) observe(a *authz.Authorizer, e *docker.Engine, i *image.Assessor) {
	if m != nil {
		a.Observe, e.Observe, i.Meter = m.Decided, m.LookedUp, m.Images()
	}
}

// serve answers until the context ends. Whatever happens here, decisions go on.
func (m *monitor) serve(ctx context.Context, a *authz.Authorizer, p *policies, records *sinks.Sinks, h *plugin.Handler, w *watcher, socket net.Addr) (stop func()) {
	if m == nil {
		return func() {}
	}
	m.Watch(metrics.Sources{Policy: p.policy, Reloads: p.store.Stats, Audit: records.Status, InFlight: h.InFlight, Watching: w.up.Load, Now: time.Now})
	listening := metrics.Check{Name: "socket", Run: func(ctx context.Context) error {
		if plugin.Probe(ctx, socket) != nil {
			return errors.New("the plugin's socket does not answer")
		}
		return nil
	}}
	pages := map[string]http.Handler{
		"/metrics": m.Handler(),
		"/healthz": metrics.Health(metrics.Decides(a)),
		"/readyz":  metrics.Health(metrics.Loaded(p.policy, p.store.Stats), metrics.Recorded(records.Status), listening),
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.log.Info("showing metrics", zap.Stringer("address", m.listener.Addr()))
		if err := metrics.Serve(ctx, m.listener, pages, m.log); err != nil {
			m.log.Error("metrics are not shown any more", zap.Error(err))
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// close closes the listener of a monitor that did not come to serve.
func (m *monitor) close() {
	if m != nil {
		_ = m.listener.Close() // closed already, if it did
	}
}
