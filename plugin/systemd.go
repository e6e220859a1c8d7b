package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// Activated returns the socket that systemd holds for this service, or nil if it holds none. It stays there, and takes
// connections, while the service restarts.
func Activated(log *zap.Logger) (net.Listener, error) {
	files := activation.Files(true)
	if len(files) == 0 {
		return nil, nil
	}
	for _, f := range files {
		defer f.Close() //nolint:errcheck // the listener has its own descriptor
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("systemd passes %d sockets; caisson.socket must have one ListenStream=", len(files))
	}
	l, err := net.FileListener(files[0])
	if err != nil {
		return nil, fmt.Errorf("the socket that systemd passes: %w", err)
	}
	if _, ok := l.(*net.UnixListener); !ok {
		_ = l.Close()
		return nil, fmt.Errorf("systemd passes a socket of kind %s; caisson.socket must listen on a path", l.Addr().Network())
	}
	if info, err := os.Stat(l.Addr().String()); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others can connect to the socket, ask what passes and fill the audit log; fix: SocketMode=0600 in caisson.socket",
			zap.Stringer("socket", l.Addr()), zap.Stringer("mode", info.Mode()))
	}
	return l, nil
}

// notify tells systemd about a change of the service's state. Without systemd it does nothing.
func notify(log *zap.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("cannot notify systemd", zap.Error(err))
	}
}

// NotifyReady tells systemd that the service has started, or has reloaded.
func NotifyReady(log *zap.Logger) { notify(log, daemon.SdNotifyReady) }

// NotifyReloading tells systemd that a reload begins. [NotifyReady] ends it.
func NotifyReloading(log *zap.Logger) {
	// Type=notify-reload wants to know when, on the clock that does not jump.
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return
	}
	notify(log, fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/1000))
}

// watch tells systemd that the service is alive for as long as its socket answers, until the context ends.
func watch(ctx context.Context, address net.Addr, log *zap.Logger) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("cannot read systemd's watchdog interval", zap.Error(err))
	}
	if interval <= 0 {
		return
	}
	client := &http.Client{Timeout: interval / 4, Transport: dials(address)}
	ticker := time.NewTicker(interval / 3)
	defer ticker.Stop()
	for {
		if err := ping(ctx, client); err == nil {
			notify(log, daemon.SdNotifyWatchdog)
		} else if !errors.Is(err, context.Canceled) {
			log.Error("the plugin's socket does not answer", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func ping(ctx context.Context, client *http.Client) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://caisson"+pingPath, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", answer.Status)
	}
	return errors.Join(err, answer.Body.Close())
}
