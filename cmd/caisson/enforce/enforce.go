package enforce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"caisson/cmd/caisson/host"
)

// Enforcer changes who guards an Engine. Use [New].
type Enforcer struct {
	Files  host.Files
	Engine *host.Engine
	Plugin string // name under which dockerd knows Caisson
	Socket string // of Caisson; "" is where dockerd finds it

	ConfigFile string // dockerd's; "" is the one that dockerd was started with, or else the usual one
	PIDFile    string // of dockerd; "" finds it by the Engine's socket

	DryRun  bool
	Confirm func(question string) bool // asked before something that is hardly meant
	Out     io.Writer                  // where it tells what it does

	wait time.Duration // for the effect of a reload
	step time.Duration // between two looks
}

// New returns an enforcer of this host.
func New() *Enforcer {
	return &Enforcer{Files: host.Root(), wait: 40 * time.Second, step: 200 * time.Millisecond}
}

// ErrDeclined means that the operator said no.
var ErrDeclined = errors.New("nothing was changed")

// On makes dockerd ask Caisson.
func (e *Enforcer) On(ctx context.Context) error {
	s, err := e.survey(ctx)
	if err != nil {
		return err
	}
	if err := s.conflict(); err != nil {
		return err
	}
	c := &change{survey: s, on: true}
	if c.text, err = host.AddPlugin(s.text, e.Plugin); err != nil {
		return fmt.Errorf("%s: %w", s.file, err)
	}
	if err := e.plugins(ctx, c); err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	if err := e.sample(ctx, c); err != nil {
		return err
	}
	return e.apply(ctx, c)
}

// Off makes dockerd no longer ask Caisson.
func (e *Enforcer) Off(ctx context.Context) error {
	s, err := e.survey(ctx)
	if err != nil {
		return err
	}
	if err := s.conflict(); err != nil {
		return err
	}
	c := &change{survey: s}
	if c.text, err = host.RemovePlugin(s.text, e.Plugin); err != nil {
		return fmt.Errorf("%s: %w", s.file, err)
	}
	if err := e.plugins(ctx, c); err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	return e.apply(ctx, c)
}

// change is what is to be done.
type change struct {
	*survey
	on      bool
	text    []byte // of the configuration file, as it is to be
	refuses bool   // Caisson refuses a privileged container
	back    error  // why the file before must not be read again by dockerd, nil if it may
}

func (c *change) edits() bool { return !bytes.Equal(c.text, c.survey.text) }

// apply changes the file, makes dockerd read it, and sees to it that either all of that is so in the end, or none.
func (e *Enforcer) apply(ctx context.Context, c *change) error {
	if c.edits() {
		if err := e.validate(ctx, c.dockerd, c.text); err != nil {
			return fmt.Errorf("%w; nothing was changed", err)
		}
	}
	if e.DryRun {
		return e.show(c)
	}
	ctx, stop := uninterrupted(ctx)
	defer stop()
	if c.edits() {
		if err := c.write(c.text); err != nil {
			return fmt.Errorf("%w; nothing was changed", err)
		}
		e.say("%s %s %s%s", c.file, map[bool]string{true: "names", false: "no longer names"}[c.on], e.Plugin, c.backedUp())
	} else {
		e.say("%s needs no change", c.file)
	}
	if !c.serves {
		e.say("%s, so this is in force only after: %s", c.silence(), e.start(c.survey))
		return nil
	}
	err := e.reload(ctx, c)
	if err == nil {
		err = e.await(ctx, c)
	}
	if err != nil {
		return e.rollBack(ctx, c, err)
	}
	return nil
}

// uninterrupted holds off what would end the program halfway: the keyboard, a connection to the host that breaks, a pipe that nobody reads any
// more. The context ends then, and all is put back. A second signal ends the program.
func uninterrupted(ctx context.Context) (context.Context, func()) {
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, func() {
		stop()
		signal.Reset(syscall.SIGPIPE)
	}
}

// show prints what would be done.
func (e *Enforcer) show(c *change) error {
	if c.edits() {
		if _, err := e.Out.Write(diff.Diff(c.file, c.survey.text, c.file+" (new)", c.text)); err != nil {
			return err
		}
	} else {
		e.say("%s needs no change", c.file)
	}
	if !c.serves {
		e.say("%s; next would be: %s", c.silence(), e.start(c.survey))
	} else {
		e.say("next would be: %s", e.reloadCommand(c.dockerd))
	}
	return nil
}

// sample finds out whether Caisson refuses what it should, and asks what to do if it does not.
func (e *Enforcer) sample(ctx context.Context, c *change) error {
	reply, err := c.caisson.Ask(ctx, host.Sample())
	if err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	if c.refuses = !reply.Allowed; c.refuses {
		e.say("Caisson answers on %s, and refuses a privileged container", c.caisson.Socket)
		return nil
	}
	e.say("warning: Caisson answers on %s, but lets a privileged container pass: its mode is audit, or its policy does not forbid it", c.caisson.Socket)
	if e.DryRun || e.Confirm("let dockerd ask a Caisson that does not refuse?") {
		return nil
	}
	return fmt.Errorf("%w: Caisson refuses nothing yet; set mode = \"enforce\" in its policy, or give --yes", ErrDeclined)
}

// await waits until dockerd does what the file says.
func (e *Enforcer) await(ctx context.Context, c *change) error {
	want := host.Guarded
	if !c.on {
		want = host.Unguarded
	}
	var guard host.Guard
	var seen string
	var err error
	// A question that dockerd takes up before the reload goes the old way, and hangs if Caisson does. The next one does not.
	impatient := &host.Engine{Socket: e.Engine.Socket, Timeout: 5 * time.Second}
	for end := time.Now().Add(e.wait); ; time.Sleep(e.step) {
		if !c.dockerd.Alive() {
			return errors.New("dockerd has ended")
		}
		guard, seen, err = impatient.Mark(ctx, e.Plugin)
		if err == nil && guard == want || time.Now().After(end) || ctx.Err() != nil {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case err != nil:
		return fmt.Errorf("the Engine: %w", err)
	case guard == host.Unknown:
		// Another plugin answers before Caisson is asked: as long as that is not a lock-out, it is not ours to judge.
		e.say("warning: it cannot be seen whether dockerd asks %s: %s", e.Plugin, seen)
	case guard != want && c.on:
		return fmt.Errorf("dockerd does not ask %s: %s", e.Plugin, seen)
	case guard != want:
		return fmt.Errorf("dockerd still asks %s: %s", e.Plugin, seen)
	}
	return e.prove(ctx, c, guard)
}

// prove makes sure that the Engine can be used, and that it is guarded against what Caisson refuses.
func (e *Enforcer) prove(ctx context.Context, c *change, guard host.Guard) error {
	ping, err := e.Engine.Send(ctx, &host.Request{Method: "GET", Target: "/_ping"})
	if err != nil {
		return fmt.Errorf("the Engine: %w", err)
	}
	if by := ping.RefusedBy(); by != "" && (c.on || host.SamePlugin(by, e.Plugin)) {
		return fmt.Errorf("the Engine refuses a ping: %s", ping.Message())
	}
	if !c.on {
		if guard == host.Unguarded {
			e.say("not enforced: dockerd no longer asks %s", e.Plugin)
		}
		return nil
	}
	if !c.refuses {
		e.say("dockerd asks %s, which refuses nothing so far", e.Plugin)
		return nil
	}
	o, err := e.Engine.Attack(ctx, host.Attacks()[0])
	switch {
	case err != nil:
		return fmt.Errorf("the Engine: %w", err)
	case !o.Refused:
		return fmt.Errorf("%s is not refused: the Engine answered %d %s", o.Attack, o.Status, o.Text)
	}
	if guard != host.Guarded && !host.SamePlugin(o.By, e.Plugin) {
		e.say("%s was refused by plugin %s, before %s could be asked", o.Attack, o.By, e.Plugin)
		return nil
	}
	e.say("enforced: %s was refused by plugin %s", o.Attack, o.By)
	return nil
}

// rollBack brings back the file as it was, and makes dockerd read it if that is safe.
func (e *Enforcer) rollBack(ctx context.Context, c *change, cause error) error {
	ctx = context.WithoutCancel(ctx) // also if that is why
	said := []string{cause.Error()}
	if c.edits() {
		if err := c.restore(c.text); err != nil {
			return fmt.Errorf("%w; and %s cannot be brought back from %s: %w", cause, c.file, c.backup(), err)
		}
		said = append(said, c.file+" is as it was")
	}
	switch {
	case !c.dockerd.Alive():
		said = append(said, "dockerd does not run; next: "+e.start(c.survey))
	case !c.edits():
	case c.back != nil:
		said = append(said, fmt.Sprintf("dockerd was not told, because %v", c.back))
	default:
		if err := e.reload(ctx, c); err != nil {
			said = append(said, err.Error())
		} else {
			said = append(said, "dockerd has been told to read it again")
		}
	}
	return errors.New(strings.Join(said, "; "))
}

func (e *Enforcer) say(format string, args ...any) {
	fmt.Fprintf(e.Out, format+"\n", args...) //nolint:errcheck // what is done does not depend on who listens
}
