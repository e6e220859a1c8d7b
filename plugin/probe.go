package plugin

import (
	"context"
	"net"
	"net/http"
)

// InFlight is the number of calls that are being answered.
func (h *Handler) InFlight() int64 { return h.inFlight.Load() }

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
