package enforce

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"caisson/cmd/caisson/host"
)

// Status is what counts, in three facts. Each has words of its own for what was seen.
type Status struct {
	Named     bool       // in dockerd's configuration, or on its command line
	InForce   host.Guard // dockerd asks Caisson
	Answering bool       // Caisson answers

	NamedWords, InForceWords, AnsweringWords string
}

// Enforced tells whether all three facts are as they should be.
func (s *Status) Enforced() bool { return s.Named && s.InForce == host.Guarded && s.Answering }

// Status looks, and changes nothing.
func (e *Enforcer) Status(ctx context.Context) (*Status, error) {
	found, err := e.survey(ctx)
	if err != nil {
		return nil, err
	}
	s := &Status{}
	s.Named, s.NamedWords = found.named(e.Plugin)
	if plugin, err := e.answering(ctx, found, e.Plugin); err != nil {
		s.AnsweringWords = err.Error()
	} else if err := plugin.Check(ctx); err != nil {
		s.AnsweringWords = err.Error()
	} else {
		s.Answering, s.AnsweringWords = true, "on "+plugin.Socket
	}
	s.InForce, s.InForceWords, err = e.Engine.Mark(ctx, e.Plugin)
	switch {
	case errors.Is(err, host.ErrNoEngine):
		s.InForce, s.InForceWords = host.Unguarded, "dockerd does not run"
	case err != nil:
		s.InForceWords = err.Error()
	}
	return s, nil
}

// named says where dockerd finds the plugin's name.
func (s *survey) named(plugin string) (bool, string) {
	if d := s.dockerd; d != nil && slices.Contains(d.Plugins, plugin) {
		return true, fmt.Sprintf("dockerd (process %d) was started with --authorization-plugin=%s", d.PID, plugin)
	}
	switch i := slices.Index(s.config.Plugins, plugin); {
	case i >= 0:
		return true, fmt.Sprintf("%s names %s, number %d of %d", s.file, plugin, i+1, len(s.config.Plugins))
	case s.info == nil:
		return false, fmt.Sprintf("there is no %s", s.file)
	}
	return false, fmt.Sprintf("%s does not name %s", s.file, plugin)
}
