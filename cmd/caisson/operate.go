package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"caisson/cmd/caisson/host"
	"caisson/plugin"
)

// operateOptions are the flags of the commands that look at a host, or change it.
type operateOptions struct {
	engine, plugin, socket string
	configFile, pidFile    string
}

func (o *operateOptions) add(f *pflag.FlagSet) {
	f.StringVar(&o.engine, "engine", "unix://"+host.EngineSocket, "`ADDRESS` of the Docker Engine")
	f.StringVar(&o.plugin, "plugin", plugin.SocketName, "`NAME` under which dockerd knows Caisson")
	f.StringVar(&o.socket, "socket", "", "`PATH` of Caisson's socket (default: where dockerd looks for the plugin)")
	f.StringVar(&o.configFile, "config-file", "", "`FILE` with dockerd's configuration (default: the one dockerd was started with, or "+host.ConfigFile+")")
	f.StringVar(&o.pidFile, "pidfile", "", "`FILE` with the process ID of dockerd (default: whoever listens on the Engine's socket)")
}

// dial is the path of the Engine's socket.
func (o *operateOptions) dial() (string, error) {
	if err := checkEngine(o.engine); err != nil {
		return "", unusable(fmt.Errorf("--engine: %w", err))
	}
	return strings.TrimPrefix(o.engine, "unix://"), nil
}
