package enforce

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"caisson/cmd/caisson/host"
)

// validate asks dockerd itself whether it would take the configuration, on the command line that it runs with. Engines before 23.0
// cannot be asked.
func (e *Enforcer) validate(ctx context.Context, d *host.Dockerd, text []byte) error {
	var program string
	var args []string
	if d != nil {
		program, args = d.Program(), d.Args
	} else if found, err := exec.LookPath("dockerd"); err == nil {
		program = found
	} else {
		return nil // not installed, or not here
	}
	f, err := os.CreateTemp("", "caisson-daemon-*.json")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // an empty place to be is no loss
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(slices.Clone(args), "--config-file="+f.Name(), "--validate")...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || strings.Contains(string(out), "unknown flag: --validate") {
		return nil // it takes it, or could not be asked; the effect is measured anyway
	}
	said := strings.ReplaceAll(strings.TrimSpace(string(out)), f.Name(), "the file")
	return fmt.Errorf("dockerd would not take the new configuration: %s", said)
}

// reload makes dockerd read its configuration.
func (e *Enforcer) reload(ctx context.Context, c *change) error {
	if unit := e.unit(c.dockerd); unit != "" {
		if out, err := exec.CommandContext(ctx, "systemctl", "reload", unit).CombinedOutput(); err != nil {
			return fmt.Errorf("systemctl reload %s: %w: %s", unit, err, strings.TrimSpace(string(out)))
		}
		return nil
	}
	if err := syscall.Kill(c.dockerd.PID, syscall.SIGHUP); err != nil {
		return fmt.Errorf("dockerd cannot be told to read its configuration: %w", err)
	}
	return nil
}

// unit is the systemd unit to reload, "" to send a signal.
func (e *Enforcer) unit(d *host.Dockerd) string {
	if e.PIDFile != "" || !systemd() {
		return ""
	}
	return e.Files.Unit(d.PID)
}

// reloadCommand is what reload does, as one would type it.
func (e *Enforcer) reloadCommand(d *host.Dockerd) string {
	if unit := e.unit(d); unit != "" {
		return "systemctl reload " + unit
	}
	return fmt.Sprintf("kill -HUP %d", d.PID)
}

// start is how dockerd is started here. One that runs has to be ended first.
func (e *Enforcer) start(s *survey) string {
	verb := "start"
	if s.dockerd != nil && s.dockerd.Alive() {
		verb = "restart"
	}
	if systemd() {
		return "systemctl " + verb + " docker"
	}
	return verb + " dockerd"
}

// silence says why dockerd cannot be told to reload.
func (s *survey) silence() string {
	if s.dockerd == nil {
		return "dockerd does not run"
	}
	return fmt.Sprintf("dockerd (process %d) does not answer yet", s.dockerd.PID)
}
