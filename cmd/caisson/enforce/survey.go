package enforce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"caisson/cmd/caisson/host"
)

// survey is what is found before anything is done.
type survey struct {
	dockerd *host.Dockerd // nil if it does not run
	serves  bool          // it answers, and so can be told to reload; while it starts, a signal would end it
	flags   string        // of the service that starts dockerd, if it does not run
	file    string        // dockerd's configuration, behind links
	info    fs.FileInfo   // nil if there is no file
	text    []byte
	config  *host.Config
	caisson *host.Plugin
}

func (e *Enforcer) survey(ctx context.Context) (*survey, error) {
	s := &survey{}
	// The configuration may say where the PID file is, and the process where the configuration is. The operator's word counts first.
	first, err := e.Files.ReadConfig(cmp.Or(e.ConfigFile, host.ConfigFile))
	if err != nil && e.ConfigFile != "" {
		return nil, err
	}
	if s.dockerd, err = e.Files.FindDockerd(host.Find{PIDFile: e.PIDFile, Engine: e.Engine.Socket, Config: first}); err != nil {
		return nil, err
	}
	started := ""
	if s.dockerd != nil {
		started = s.dockerd.ConfigFile
		s.serves = (&host.Engine{Socket: e.Engine.Socket, Timeout: 5 * time.Second}).Up(ctx) == nil
	} else {
		s.flags = serviceFlags(ctx, e.Files)
	}
	if err := s.read(cmp.Or(e.ConfigFile, started, host.ConfigFile)); err != nil {
		return nil, err
	}
	return s, nil
}

// read reads the configuration file. An editor, too, writes to what a link leads to.
func (s *survey) read(file string) error {
	s.file = file
	if target, err := filepath.EvalSymlinks(file); err == nil {
		s.file = target
	}
	var err error
	s.text, err = os.ReadFile(s.file)
	switch {
	case err == nil:
		s.info, err = os.Stat(s.file)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return err
	}
	if s.config, err = host.ParseConfig(s.text); err != nil {
		return fmt.Errorf("%s: %w", s.file, err)
	}
	return nil
}

// conflict refuses to write what the command line says too: dockerd starts and reloads with one of the two only.
func (s *survey) conflict() error {
	given := strings.Contains(s.flags, "--authorization-plugin")
	where := "the service docker starts dockerd"
	if s.dockerd != nil {
		given, where = len(s.dockerd.Plugins) > 0, fmt.Sprintf("dockerd (process %d) was started", s.dockerd.PID)
	}
	if !given {
		return nil
	}
	return fmt.Errorf("%s with --authorization-plugin, and does not take plugins from %s besides; "+
		"fix: change the command line, or move all plugins from there to the file and restart dockerd", where, s.file)
}

// serviceFlags is the command line of the service docker, if systemd knows it, and what it takes from its environment.
func serviceFlags(ctx context.Context, files host.Files) string {
	if !systemd() {
		return ""
	}
	show := exec.CommandContext(ctx, "systemctl", "show", "--property=ExecStart,Environment,EnvironmentFiles", "docker.service")
	out, _ := show.Output() // no service, no flags
	return withEnvironment(files, string(out))
}

// withEnvironment adds what is in the files that hold a service's environment: Debian's starts dockerd with $DOCKER_OPTS of /etc/default/docker.
func withEnvironment(files host.Files, shown string) string {
	var all strings.Builder
	all.WriteString(shown)
	for line := range strings.Lines(shown) {
		value, ok := strings.CutPrefix(line, "EnvironmentFiles=")
		if !ok || !strings.Contains(shown, "$") {
			continue
		}
		file, _, _ := strings.Cut(strings.TrimSpace(value), " (ignore_errors=")
		text, _ := files.Read(file) // a service whose file cannot be read does without, or does not start
		for setting := range strings.Lines(string(text)) {
			if !strings.HasPrefix(strings.TrimSpace(setting), "#") {
				all.WriteString(setting)
			}
		}
	}
	return all.String()
}

func systemd() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

// plugins makes sure that all plugins answer which dockerd will look for.
func (e *Enforcer) plugins(ctx context.Context, c *change) error {
	after, err := host.ParseConfig(c.text)
	if err != nil {
		return err
	}
	for _, name := range after.Plugins {
		plugin, err := e.answering(ctx, c.survey, name)
		if err != nil {
			return fmt.Errorf("dockerd ends itself, or does not start, when it is to ask a plugin that does not answer: %s: %w", name, err)
		}
		if name == e.Plugin {
			c.caisson = plugin
			if err := plugin.Check(ctx); err != nil {
				return err
			}
		}
	}
	// The way back is only open if those answer that the file names now.
	for _, name := range c.config.Plugins {
		if slices.Contains(after.Plugins, name) {
			continue
		}
		if _, err := e.answering(ctx, c.survey, name); err != nil {
			c.back = fmt.Errorf("%s does not answer", name)
		}
	}
	return nil
}

// answering finds a plugin where dockerd would, and makes sure that it answers.
func (e *Enforcer) answering(ctx context.Context, s *survey, name string) (*host.Plugin, error) {
	if name == e.Plugin && e.Socket != "" {
		p := &host.Plugin{Socket: e.Socket}
		return p, p.Activate(ctx)
	}
	places := e.Files.Places(name, nil)
	if (len(places) == 0 || places[0].Kind != host.Socket) && s.serves {
		// Asked only if need be: while a plugin is down, the Engine takes long to answer, or forever.
		var managed []host.Managed
		_ = e.Engine.Get(ctx, "/plugins", &managed)
		places = e.Files.Places(name, managed)
	}
	if len(places) == 0 {
		if _, err := e.Files.Stat(filepath.Join(host.PluginFolders[0], name+".sock")); errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w; fix: run it as root", err)
		}
		return nil, fmt.Errorf("there is no %s.sock in %s, and no managed plugin of that name; fix: start it, or correct the name", name, host.PluginFolders[0])
	}
	place := places[0]
	if m := place.Managed; m != nil && !m.Enabled {
		return nil, fmt.Errorf("the managed plugin is disabled; fix: docker plugin enable %s", m.Name)
	}
	socket := place.Path
	if place.Kind == host.Description {
		var err error
		if socket, err = e.Files.Address(place.Path); err != nil {
			return nil, err
		}
	}
	p := &host.Plugin{Socket: socket}
	return p, p.Activate(ctx)
}
