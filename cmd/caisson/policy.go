package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"caisson/authz/rules"
	"caisson/config"
)

func newPolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Validate, show and write policy files",
	}
	return group(cmd, newPolicyValidate(), newPolicyShow(), newPolicyDefault())
}

func newPolicyValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE...",
		Short: "Find all mistakes in policy files",
		Long: `Find all mistakes in policy files; - is standard input. Warnings, such as one about an exception that has expired, are no
mistakes.

Exit status: 0 all can be used, 2 at least one cannot.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			bad := false
			for _, file := range files {
				f, err := readPolicy(file, cmd.InOrStdin())
				if err != nil {
					bad = true
					cmd.PrintErrln(err)
					continue
				}
				for _, w := range f.Warnings {
					cmd.PrintErrf("warning: %s\n", w)
				}
				cmd.Printf("%s: ok, profile %s, mode %s, %s\n", file, f.Policy.Profile, f.Policy.Mode, f.Policy.Hash)
			}
			if bad {
				return &exitError{code: exitUnusable}
			}
			return nil
		},
	}
}

func readPolicy(file string, stdin io.Reader) (*config.File, error) {
	if file != "-" {
		return config.Load(file, time.Now())
	}
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, err
	}
	return config.Read("standard input", text, time.Now())
}

func newPolicyShow() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show a policy in full, and where each setting comes from",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := loadPolicy(file)
			if err != nil {
				return unusable(err)
			}
			_, err = cmd.OutOrStdout().Write(config.Show(f))
			return err
		},
	}
	cmd.Flags().StringVar(&file, "policy", "", policyUsage)
	return cmd
}

func newPolicyDefault() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "default",
		Short: "Write the policy file of a built-in profile, to edit",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			profile, err := config.ParseProfile(name)
			if err != nil {
				return unusable(fmt.Errorf("--profile: %w", err))
			}
			_, err = cmd.OutOrStdout().Write(config.DefaultFile(profile))
			return err
		},
	}
	cmd.Flags().StringVar(&name, "profile", string(rules.Standard), "`PROFILE`: baseline, standard, restricted, cis-docker-1.6 or none")
	values := make([]string, len(rules.AllProfiles))
	for i, p := range rules.AllProfiles {
		values[i] = string(p)
	}
	completeValues(cmd, "profile", values...)
	return cmd
}
