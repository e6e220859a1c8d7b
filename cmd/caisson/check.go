package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/cases"
	"caisson/config"
)

func newCheck() *cobra.Command {
	var c checker
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Decide recorded requests without an Engine",
		Long: `Decide recorded requests without an Engine and without the plugin.

A FILE holds authorization messages as dockerd sends them, as JSON one after the other, or is a case file (.txtar; see
docs/case-files.md). - is standard input.

The policy is that of --policy; else the one that a case file brings along; else ` + policyFile + ` if it is there, else the
built-in profile baseline. Whether the policy's mode is enforce or audit makes no difference to the outcome.

Exit status: 0 all are allowed, 1 at least one is refused, 2 at least one cannot be decided or read.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			c.print = printText
			if asJSON {
				c.print = printJSON
			}
			code, err := c.run(cmd, files)
			if err == nil && code != exitOK {
				err = &exitError{code: code}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&c.file, "policy", "", "policy `FILE`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each request, on a line of its own")
	return cmd
}

// checker decides recorded requests.
type checker struct {
	file   string // --policy
	policy *authz.Policy
	print  func(io.Writer, *recorded, *authz.Decision) error
}

// run decides everything in the files and returns the exit code. What cannot be read does not keep it from the rest.
func (c *checker) run(cmd *cobra.Command, files []string) (code int, err error) {
	f, err := loadPolicy(c.file)
	if err != nil {
		return 0, unusable(err)
	}
	c.policy = f.Policy
	for _, file := range files {
		err := readRecorded(file, cmd.InOrStdin(), func(r *recorded) error {
			d, err := c.decide(cmd.Context(), r)
			if err != nil {
				return err
			}
			code = max(code, exitCode(d.Verdict))
			return c.print(cmd.OutOrStdout(), r, d)
		})
		if err != nil {
			cmd.PrintErrf("caisson: %v\n", err)
			code = exitUnusable
		}
	}
	return code, nil
}

// decide takes the verdict that serve would: the same authorizer, the same treatment of a message that is no call.
func (c *checker) decide(ctx context.Context, r *recorded) (*authz.Decision, error) {
	policy := c.policy
	if r.policy != nil && c.file == "" {
		var err error
		if policy, err = config.Parse(r.file, r.policy, time.Now()); err != nil {
			return nil, err
		}
	}
	a := &authz.Authorizer{Policy: func() *authz.Policy { return policy }, State: r.state, Images: cases.Images(r.state), Log: zap.NewNop()}
	if r.err != nil {
		return a.Reject(r.err), nil //nolint:nilerr // the decision holds the error
	}
	return a.Authorize(ctx, r.call), nil
}

func exitCode(v authz.Verdict) int {
	switch v {
	case authz.Allow:
		return exitOK
	case authz.Deny:
		return exitFailed
	default:
		return exitUnusable
	}
}
