package doctor

import (
	"cmp"
	"fmt"
	"strings"

	"caisson/cmd/caisson/host"
)

var _ = register(&Check{
	ID:    "engine-socket",
	Title: "Who may use the Engine",
	Why:   "on the socket everybody is the same anonymous user to the policy",
	run: func(f *Facts, out *findings) {
		info, err := f.Files.Stat(f.EngineSocket)
		if err != nil {
			return
		}
		uid, gid := host.Owner(info)
		mode := info.Mode().Perm()
		if mode&0o002 != 0 {
			out.fail("chmod o-w "+f.EngineSocket, "everybody on this host may use the Engine: %s has mode %04o", f.EngineSocket, mode)
			return
		}
		if uid != 0 {
			out.warn("chown root "+f.EngineSocket, "%s belongs to user %d", f.EngineSocket, uid)
		}
		if who := f.Files.Granted(f.EngineSocket); who != "" {
			out.info("setfacl -b "+f.EngineSocket+", unless that is meant", "%s may be used, within the policy, by %s: its access control list says so", f.EngineSocket, who)
			return
		}
		if mode&0o020 == 0 || gid == 0 {
			out.ok("only root may use %s", f.EngineSocket)
			return
		}
		g := f.Files.Group(gid)
		name := cmp.Or(g.Name, fmt.Sprint(gid))
		if len(g.Members) == 0 {
			out.ok("%s may be used by group %s, which has no members", f.EngineSocket, name)
			return
		}
		out.info("take out of the group who need not use Docker", "%s may be used, within the policy, by group %s: %s", f.EngineSocket, name, strings.Join(g.Members, ", "))
	},
})
