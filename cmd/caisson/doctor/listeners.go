package doctor

import (
	"net"
	"slices"
	"strings"
)

var _ = register(&Check{
	ID:    "listeners",
	Title: "The Engine is not on the network without TLS",
	Why:   "without client certificates everybody who reaches the port is the same anonymous user to the policy, and all that it lets pass is open to them",
	run: func(f *Facts, out *findings) {
		hosts := f.hosts()
		open := false
		for _, h := range hosts {
			address, ok := strings.CutPrefix(h, "tcp://")
			if !ok || f.verifies() {
				continue
			}
			open = true
			const do = "take the address away, or give dockerd --tlsverify with a CA of your own"
			if loopback(address) {
				out.warn(do, "dockerd listens on %s without client certificates: every user and program of this host may use it", h)
			} else {
				out.fail(do, "dockerd listens on %s without client certificates", h)
			}
		}
		if !open {
			out.ok("dockerd listens on %s", strings.Join(hosts, ", "))
		}
	},
})

// hosts are the addresses on which dockerd listens.
func (f *Facts) hosts() []string {
	var list []string
	if f.Dockerd != nil {
		list = append(list, f.Dockerd.Hosts...)
	}
	if f.Config != nil {
		list = append(list, f.Config.Hosts...)
	}
	if len(list) == 0 {
		list = []string{"unix://" + f.EngineSocket}
	}
	for i, h := range list {
		if !strings.Contains(h, "://") { // dockerd takes "-H :2375"
			list[i] = "tcp://" + h
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// verifies tells whether dockerd asks clients on the network for a certificate. Setting tlsverify to anything switches TLS on, and TLS
// without tlsverify takes every client.
func (f *Facts) verifies() bool {
	return f.Dockerd != nil && f.Dockerd.TLSVerify || f.Config != nil && f.Config.TLSVerify != nil && *f.Config.TLSVerify
}

func loopback(address string) bool {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		name = address
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}
