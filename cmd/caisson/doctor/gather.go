package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"caisson/cmd/caisson/host"
	"caisson/config"
)

// Options say where things are.
type Options struct {
	Engine     string // path of the Engine's socket
	Plugin     string // name under which dockerd knows Caisson
	Socket     string // Caisson's; "" is where dockerd finds it
	ConfigFile string // dockerd's; "" is the one that dockerd was started with, or else the usual one
	PIDFile    string // of dockerd; "" finds it by the Engine's socket
	Policy     string // "" is that of the running Caisson, or else PolicyFile
	PolicyFile string // the usual one
	StateDir   string // the usual one
	Load       func(file string) (*config.File, error)
}

// Gather looks at the host. It sends requests that must be refused to the Engine and to the plugin, and none that could do harm if it is
// not. What cannot be found out is a fact too; an error is returned only if the options are wrong.
func Gather(ctx context.Context, o *Options) (*Facts, error) {
	f := &Facts{Now: time.Now(), Files: host.Root(), Plugin: o.Plugin, EngineSocket: o.Engine}
	if err := f.daemon(o); err != nil {
		return nil, err
	}
	engine := &host.Engine{Socket: o.Engine}
	f.EngineErr = engine.Up(ctx)
	var managed []host.Managed
	f.plugin(ctx, o, nil)
	if f.EngineErr == nil {
		managed = f.engine(ctx, engine)
	}
	if len(managed) > 0 {
		f.plugin(ctx, o, managed)
	}
	f.policy(o)
	f.attack(ctx)
	f.existing(ctx, engine)
	return f, nil
}

// daemon looks at dockerd's process and its configuration.
func (f *Facts) daemon(o *Options) error {
	f.ConfigFile = cmp.Or(o.ConfigFile, host.ConfigFile)
	f.Config, f.ConfigErr = f.Files.ReadConfig(f.ConfigFile)
	var err error
	f.Dockerd, err = f.Files.FindDockerd(host.Find{PIDFile: o.PIDFile, Engine: o.Engine, Config: f.Config})
	if err != nil {
		return err
	}
	if o.ConfigFile == "" && f.Dockerd != nil && f.Dockerd.ConfigFile != "" {
		f.ConfigFile = f.Dockerd.ConfigFile
		f.Config, f.ConfigErr = f.Files.ReadConfig(f.ConfigFile)
	}
	return nil
}

// engine asks the Engine about itself. While the plugin does not answer, each question takes long, so then no more are asked than it takes
// to find the plugin: one, or two if there is no socket, because the plugin may be a managed one.
func (f *Facts) engine(ctx context.Context, e *host.Engine) (managed []host.Managed) {
	var err error
	if f.Guard, f.GuardSeen, err = e.Mark(ctx, f.Plugin); err != nil {
		f.EngineErr = err
		return nil
	}
	if f.Guard == host.Guarded && f.PluginErr != nil && f.PluginSocket != "" {
		return nil
	}
	// A policy may keep these questions from whoever has no name. Then less is known.
	if err = e.Get(ctx, "/plugins", &managed); f.PluginErr != nil && errors.Is(err, host.ErrPluginFailed) {
		return nil
	}
	_ = e.Get(ctx, "/version", &f.Version)
	_ = e.Get(ctx, "/info", &f.Info)
	for _, a := range host.Attacks() {
		outcome, err := e.Attack(ctx, a)
		if err != nil {
			f.EngineErr = fmt.Errorf("%s: %w", a.Name, err)
			return managed
		}
		f.Outcomes = append(f.Outcomes, outcome)
	}
	return managed
}

// plugin finds the plugin and asks it.
func (f *Facts) plugin(ctx context.Context, o *Options, managed []host.Managed) {
	f.Places = f.Files.Places(o.Plugin, managed)
	f.PluginSocket = o.Socket
	if f.PluginSocket == "" && len(f.Places) > 0 && f.Places[0].Kind != host.Description {
		f.PluginSocket = f.Places[0].Path
	}
	if f.PluginSocket == "" {
		f.PluginErr = fmt.Errorf("there is no %s.sock in %s", o.Plugin, host.PluginFolders[0])
		return
	}
	f.PluginErr = (&host.Plugin{Socket: f.PluginSocket}).Check(ctx)
}

// policy reads the policy that the running Caisson reads, or else the usual one.
func (f *Facts) policy(o *Options) {
	f.Serving = f.serving(o)
	f.PolicyFile = o.Policy
	if f.Serving != nil && f.PolicyFile == "" {
		f.PolicyFile = f.Serving.Policy
	}
	f.Policy, f.PolicyErr = o.Load(f.PolicyFile)
	f.PolicyFile = cmp.Or(f.PolicyFile, o.PolicyFile)
	// A managed plugin keeps its copy where the host does not look; what is there would be of another Caisson.
	if f.Serving != nil && (len(f.Places) == 0 || f.Places[0].Kind != host.ManagedPlugin) {
		if path, err := filepath.Abs(f.PolicyFile); err == nil {
			text, _ := f.Files.Read(filepath.Join(f.Serving.StateDir, "last-good", path)) // without it, the attacks tell
			f.Serving.LastGood = string(text)
		}
	}
}

// serving finds the "caisson serve" of the plugin's socket.
func (f *Facts) serving(o *Options) *Serving {
	for _, p := range f.Files.Serving() {
		s := &Serving{Offline: f.Files.Offline(p.PID)}
		var socket string
		set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		set.ParseErrorsWhitelist.UnknownFlags = true
		set.SetOutput(io.Discard)
		set.Usage = func() {}
		set.StringVar(&socket, "socket", o.Plugin, "")
		set.StringVar(&s.Mode, "mode", "", "")
		set.StringVar(&s.Policy, "policy", "", "")
		set.StringVar(&s.StateDir, "state-dir", o.StateDir, "")
		if set.Parse(p.Args) != nil {
			continue
		}
		if socket == o.Plugin || filepath.Clean(socket) == f.PluginSocket {
			return s
		}
	}
	return nil
}

// attack judges the embedded attacks by the policy of the file, and asks the plugin about them too.
func (f *Facts) attack(ctx context.Context) {
	if f.Policy == nil {
		return
	}
	p := *f.Policy.Policy
	if f.Serving != nil && f.Serving.Mode != "" {
		_ = p.Mode.UnmarshalText([]byte(f.Serving.Mode)) // serve has taken it
	}
	asked := &host.Plugin{Socket: f.PluginSocket}
	for _, a := range attacks() {
		v := judge(ctx, &p, a)
		if f.PluginErr == nil {
			reply, err := asked.Ask(ctx, message(a))
			if err != nil {
				f.PluginErr = err
			} else {
				v.Asked, v.PluginRefused, v.PluginRules = true, !reply.Allowed, rulesIn(reply.Text)
			}
		}
		f.Attacks = append(f.Attacks, v)
	}
}
