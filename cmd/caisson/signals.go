package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"go.uber.org/zap"

	"caisson/authz/audit/sinks"
	"caisson/plugin"
)

// handleSignals reloads and reopens on signals. The context it returns ends at SIGTERM or SIGINT; a second one ends the process.
func handleSignals(ctx context.Context, log *zap.Logger, p *policies, records *sinks.Sinks) (context.Context, func()) {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	// Without this, the end of whoever reads the log or the audit log would be the end of Caisson.
	signal.Ignore(syscall.SIGPIPE)
	// A channel for each: in a full one, a signal is lost. Losing the second of a kind does no harm.
	reload, reopen := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	signal.Notify(reopen, syscall.SIGUSR1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				cancel() // gives the signals their usual effect back
				return
			case <-reload:
				plugin.NotifyReloading(log)
				_ = p.store.Reload() // it logs the outcome
				plugin.NotifyReady(log)
			case <-reopen:
				if err := records.Reopen(); err != nil {
					log.Error("the audit log stays in its old file", zap.Error(err))
				} else {
					log.Info("reopened the audit log")
				}
			}
		}
	})
	return ctx, func() {
		signal.Stop(reload)
		signal.Stop(reopen)
		cancel()
		wg.Wait()
	}
}
