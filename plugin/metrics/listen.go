package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/netutil"

	"caisson/plugin"
)

// Limits of the listener. Everybody on this host may connect, if it is a port, and is not to take what decisions need.
const (
	maxConns   = 32
	readTime   = 5 * time.Second
	answerTime = 15 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 16 << 10
)

// Address is where metrics are shown.
type Address struct{ network, address string }

func (a Address) String() string { return a.address }

// ParseAddress reads unix:///run/caisson/metrics.sock or 127.0.0.1:9323. What can be reached from elsewhere is refused: metrics tell what
// the policy is and who breaks it, and there is no password.
func ParseAddress(text string) (Address, error) {
	if path, ok := strings.CutPrefix(text, "unix://"); ok {
		if !filepath.IsAbs(path) {
			return Address{}, fmt.Errorf("%q is not unix:// and an absolute path, such as unix:///run/caisson/metrics.sock", text)
		}
		path, err := plugin.SocketPath(path)
		return Address{"unix", path}, err
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return Address{}, fmt.Errorf("%q is not an address; write 127.0.0.1:9323 or unix:///run/caisson/metrics.sock", text)
	}
	if host == "localhost" {
		host = "127.0.0.1" // whatever the host's files say
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return Address{}, fmt.Errorf("%q can be reached from elsewhere, and metrics have no password; write 127.0.0.1:%s, [::1]:%s or unix:///run/caisson/metrics.sock", text, port, port)
	}
	return Address{"tcp", net.JoinHostPort(host, port)}, nil
}

// Listen opens the address. A socket can be used by its owner only.
func (a Address) Listen(log *zap.Logger) (net.Listener, error) {
	l, err := a.listen(log)
	if err != nil {
		return nil, err
	}
	return netutil.LimitListener(l, maxConns), nil
}

func (a Address) listen(log *zap.Logger) (net.Listener, error) {
	if a.network == "unix" {
		return plugin.Listen(a.address, log)
	}
	return new(net.ListenConfig).Listen(context.Background(), a.network, a.address)
}

// Serve answers on the listener until the context ends.
func Serve(ctx context.Context, l net.Listener, pages map[string]http.Handler, log *zap.Logger) error {
	mux := http.NewServeMux()
	for path, h := range pages {
		mux.Handle("GET "+path, h)
	}
	server := &http.Server{
		Handler: mux, ErrorLog: zap.NewStdLog(log), MaxHeaderBytes: maxHeader,
		ReadTimeout: readTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
