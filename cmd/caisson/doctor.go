package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"caisson/cmd/caisson/doctor"
)

func newDoctor() *cobra.Command {
	var o operateOptions
	var policy string
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out whether this host really enforces its policy, and what would let somebody past it",
		Long: `Find out whether this host really enforces its policy, and what would let somebody past it. Run it as root, and after every change.

It looks at dockerd and its configuration, at the Engine, at Caisson and its policy, at sockets and folders. It also sends requests that
have to be refused, to the Engine and to Caisson: for a privileged container of an image that does not exist, in several disguises. They
do no harm if they are not refused, and stand in the audit log under the name caisson-doctor.invalid. Nothing is changed.

Exit status: 0 the policy is enforced and nothing failed, 1 it is not enforced or something failed, 2 it could not look.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if os.Geteuid() != 0 {
				return unusable(errors.New("run it as root: the sockets to look at are root's alone"))
			}
			socket, err := o.dial()
			if err != nil {
				return err
			}
			facts, err := doctor.Gather(cmd.Context(), &doctor.Options{
				Engine: socket, Plugin: o.plugin, Socket: o.socket, ConfigFile: o.configFile, PIDFile: o.pidFile,
				Policy: policy, PolicyFile: policyFile, StateDir: stateDir, Load: loadPolicy,
			})
			if err != nil {
				return unusable(err)
			}
			report := doctor.NewReport(facts)
			if asJSON {
				err = report.JSON(cmd.OutOrStdout())
			} else {
				err = report.Text(cmd.OutOrStdout(), quiet)
			}
			if err == nil && !report.Healthy() {
				err = &exitError{code: exitFailed}
			}
			return err
		},
	}
	o.add(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&policy, "policy", "", "policy `FILE` (default: that of the running Caisson, else "+policyFile+", else the built-in profile baseline)")
	f.BoolVar(&asJSON, "json", false, "print a JSON object")
	f.BoolVarP(&quiet, "quiet", "q", false, "print only what failed, and warnings")
	return cmd
}
