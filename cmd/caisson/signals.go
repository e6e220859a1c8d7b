package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"go.uber.org/zap"

	"caisson/authz/audit"
	"caisson/plugin"
)

// handleSignals reloads and reopens on signals. The context it returns ends at SIGTERM or SIGINT; a second one ends the process.
func handleSignals(ctx context.Context, log *zap.Logger, policies *policies, records *audit.Log) (context.Context, func()) {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP, syscall.SIGUSR1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				cancel()
				return
			case s := <-c:
				if s == syscall.SIGHUP {
					plugin.NotifyReloading(log)
					_ = policies.store.Reload() // it logs the outcome
					plugin.NotifyReady(log)
				} else if err := records.Reopen(); err != nil {
					log.Error("the audit log stays in its old file", zap.Error(err))
				} else {
					log.Info("reopened the audit log")
				}
			}
		}
	})
	return ctx, func() {
		signal.Stop(c)
		cancel()
		wg.Wait()
	}
}
