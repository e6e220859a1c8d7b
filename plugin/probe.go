package plugin

import (
	"context"
	"net"
	"net/http"
	"time"
)

// InFlight is the number of calls that are being answered.
func (h *Handler) InFlight() int64 { return h.inFlight.Load() }

// LastCall is when dockerd last called, zero if it has not. Calls of Caisson itself, to see whether it answers, do not count.
func (h *Handler) LastCall() time.Time {
	if t := h.lastCall.Load(); t != 0 {
		return time.Unix(0, t)
	}
	return time.Time{}
}

// Probe asks the plugin's socket for a sign of life, as dockerd would: by its path.
func Probe(ctx context.Context, address net.Addr) error {
	return ping(ctx, &http.Client{Transport: dials(address)})
}

// dials makes a connection to an address for each call.
func dials(address net.Addr) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, address.Network(), address.String())
		},
	}
}
