package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"caisson/cmd/caisson/enforce"
	"caisson/cmd/caisson/host"
)

func newEnforce() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "enforce",
		Short: "Make dockerd ask Caisson, or no longer ask it, without a lock-out",
		Long: `Make dockerd ask Caisson, or no longer ask it, without a lock-out.

The commands edit authorization-plugins in dockerd's configuration file, and nothing else in it, make dockerd read the file, and measure
the effect. If it is not there, the file as it was comes back. The file before each change stays beside it as daemon.json.caisson-backup.
Containers keep running.`,
	}
	return group(cmd, newEnforceOn(), newEnforceOff(), newEnforceStatus())
}

func newEnforceOn() *cobra.Command {
	var o operateOptions
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use:   "on",
		Short: "Make dockerd ask Caisson about every request",
		Long: `Make dockerd ask Caisson about every request. Caisson has to run.

Before anything is changed: every plugin that the file will name answers; Caisson refuses what is no request and lets a ping pass; dockerd
(23.0 or later) would take the file. If Caisson lets a privileged container pass, because its mode is audit, you are asked.

Exit status: 0 dockerd asks Caisson, 1 it does not, and all is as it was before, 2 the command line is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := o.enforcer(cmd)
			if err != nil {
				return err
			}
			e.DryRun, e.Confirm = dryRun, func(question string) bool { return yes || confirm(cmd, question) }
			return failed(e.On(cmd.Context()))
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "go on although Caisson refuses nothing so far")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be done")
	return cmd
}

func newEnforceOff() *cobra.Command {
	var o operateOptions
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "off",
		Short: "Make dockerd no longer ask Caisson",
		Long: `Make dockerd no longer ask Caisson. Caisson need not run; if it does, stop it only afterwards.

Exit status: 0 dockerd does not ask Caisson, 1 it still does, 2 the command line is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := o.enforcer(cmd)
			if err != nil {
				return err
			}
			e.DryRun = dryRun
			return failed(e.Off(cmd.Context()))
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be done")
	return cmd
}

func newEnforceStatus() *cobra.Command {
	var o operateOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell whether dockerd is configured to ask Caisson, does ask it, and whether Caisson answers",
		Long: `Tell three facts: whether dockerd is configured to ask Caisson, whether it does ask it, and whether Caisson answers.

Exit status: 0 all three are so, 1 at least one is not, 2 it cannot be found out.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := o.enforcer(cmd)
			if err != nil {
				return err
			}
			s, err := e.Status(cmd.Context())
			if err != nil {
				return unusable(err)
			}
			if err := printStatus(cmd, s, asJSON); err != nil {
				return err
			}
			if !s.Enforced() {
				return &exitError{code: exitFailed}
			}
			return nil
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func printStatus(cmd *cobra.Command, s *enforce.Status, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{
			"named": s.Named, "in_force": s.InForce.String(), "answering": s.Answering,
			"seen": map[string]string{"named": s.NamedWords, "in_force": s.InForceWords, "answering": s.AnsweringWords},
		})
	}
	yes := map[bool]string{true: "yes", false: "no"}
	for _, line := range [][3]string{
		{"named", yes[s.Named], s.NamedWords}, {"in force", s.InForce.String(), s.InForceWords}, {"answering", yes[s.Answering], s.AnsweringWords},
	} {
		cmd.Printf("%-10s %-8s %s\n", line[0], line[1], line[2])
	}
	return nil
}

func (o *operateOptions) enforcer(cmd *cobra.Command) (*enforce.Enforcer, error) {
	socket, err := o.dial()
	if err != nil {
		return nil, err
	}
	e := enforce.New()
	e.Engine = &host.Engine{Socket: socket}
	e.Plugin, e.Socket, e.ConfigFile, e.PIDFile = o.plugin, o.socket, o.configFile, o.pidFile
	e.Out = cmd.OutOrStdout()
	return e, nil
}

// confirm asks whoever sits at the terminal. Nobody there has not agreed.
func confirm(cmd *cobra.Command, question string) bool {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok {
		return false
	}
	if _, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err != nil {
		return false
	}
	cmd.PrintErrf("%s [y/N] ", question)
	line, _ := bufio.NewReader(in).ReadString('\n') // no answer is no
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// failed marks an error as one of what was to be done.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitFailed, err}
}
