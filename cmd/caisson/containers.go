package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"caisson/authz"
	"caisson/cmd/caisson/existing"
	"caisson/cmd/caisson/host"
)

// containersOptions are the flags of containers.
type containersOptions struct {
	policy, state, engine string
	refused, asJSON       bool
}

func newContainers() *cobra.Command {
	var o containersOptions
	cmd := &cobra.Command{
		Use:   "containers",
		Short: "Say which containers of this host the policy would not let start",
		Long: `Say which containers of this host the policy would not let start, and why: those that are older than the policy, or than a change of it.
Each is judged by what it is, with the volumes, containers and images that it uses, as when somebody starts it. That the policy only
watches, altogether or existing containers, makes no difference; of single rules it does. Nothing is started, stopped or recorded, but that
dockerd asks Caisson about the questions.

Exit status: 0 all could be started, 1 at least one could not, 2 it cannot be said of at least one, or the Engine cannot be asked.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.policy, "policy", "", policyUsage)
	f.StringVar(&o.state, "state-dir", stateDir, "`FOLDER` with the evidence that the plugin keeps of images")
	f.StringVar(&o.engine, "engine", "unix://"+host.EngineSocket, "`ADDRESS` of the Docker Engine")
	f.BoolVar(&o.refused, "refused", false, "leave out those that could be started")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object for each container, on a line of its own")
	return cmd
}

// run judges each container and prints what it finds.
func (o *containersOptions) run(ctx context.Context, out io.Writer) error {
	f, err := loadPolicy(o.policy)
	if err != nil {
		return unusable(err)
	}
	engine, err := askableEngine(ctx, o.engine)
	if err != nil {
		return unusable(err)
	}
	defer engine.Close() //nolint:errcheck // only read from
	images, err := newAssessor(o.state, zap.NewNop())
	if err != nil {
		return unusable(fmt.Errorf("--state-dir: %w", err))
	}
	list, err := existing.List(ctx, &host.Engine{Socket: strings.TrimPrefix(o.engine, "unix://")})
	if err != nil {
		return unusable(err)
	}
	judge := existing.NewJudge(f.Policy, engine, authz.ImageAssessor{Assessor: images})
	code := exitOK
	for _, c := range list {
		d := judge.Decide(ctx, c)
		code = max(code, exitCode(d.Verdict))
		if o.refused && d.Verdict == authz.Allow {
			continue
		}
		if err := o.print(out, c, d); err != nil {
			return err
		}
	}
	if code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

// containerJSON is a line of containers --json. Its names are those of the audit record.
type containerJSON struct {
	existing.Container
	Verdict string `json:"verdict"`
	findingsJSON
}

func (o *containersOptions) print(out io.Writer, c existing.Container, d *authz.Decision) error {
	if o.asJSON {
		return writeJSON(out, containerJSON{c, d.Verdict.String(), newFindingsJSON(d)})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s, %s\n", line(c.Name), d.Verdict, line(c.State), line(c.Image))
	writeFindings(&b, d)
	_, err := io.WriteString(out, b.String())
	return err
}
