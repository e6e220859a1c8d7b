package main

import "github.com/spf13/cobra"

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "caisson",
		Short: "Refuse Docker Engine requests that would put the host at risk",
		Long: `Caisson is an authorization plugin for the Docker Engine. It judges every request to the Engine by the rules of a
policy file, and refuses what breaks one.

  caisson policy default > /etc/caisson/policy.toml    write a policy to edit
  caisson serve                                        run the plugin
  caisson enforce on                                   make dockerd ask it
  caisson containers                                   see which containers could not be started under it
  caisson doctor                                       see whether this host really enforces its policy
  caisson check request.json                           see what the policy says to a recorded request`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	return group(root,
		newServe(), newEnforce(), newDoctor(), newPolicy(), newRules(), newImage(), newContainers(), newCheck(), newTest(), newAudit(), newVersion(),
	)
}
