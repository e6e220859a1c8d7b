package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/config"
)

func newRules() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List and explain the rules",
	}
	return group(cmd, newRulesList(), newRulesShow())
}

func newRulesList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all rules, and the profiles they are on in",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			switch format {
			case "text":
				return listRules(out)
			case "json":
				list := []ruleJSON{}
				for _, s := range rules.All() {
					list = append(list, newRuleJSON(s))
				}
				e := json.NewEncoder(out)
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				return e.Encode(list)
			case "markdown":
				_, err := io.WriteString(out, config.Reference())
				return err
			default:
				return unusable(fmt.Errorf("--format %q is not one of text, json, markdown", format))
			}
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json or markdown")
	completeValues(cmd, "format", "text", "json", "markdown")
	return cmd
}

func listRules(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range rules.All() {
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.ID, s.Title, strings.Join(profilesOf(s), ", ")) //nolint:errcheck // Flush returns it
	}
	return t.Flush()
}

// ruleJSON is a rule in rules list --format json.
type ruleJSON struct {
	ID         rules.ID            `json:"id"`
	Title      string              `json:"title"`
	Why        string              `json:"why"`
	Fix        string              `json:"fix"`
	ServiceFix string              `json:"service_fix,omitempty"`
	Refs       []string            `json:"refs,omitempty"`
	Fields     []string            `json:"fields,omitempty"`
	Operations []request.Operation `json:"operations,omitempty"`
	Profiles   []string            `json:"profiles"`
	Options    string              `json:"options"` // TOML
}

func newRuleJSON(s *rules.Spec) ruleJSON {
	return ruleJSON{
		ID: s.ID, Title: s.Title, Why: s.Why, Fix: s.Fix, ServiceFix: s.ServiceFix, Refs: s.Refs, Fields: s.Fields, Operations: s.Ops,
		Profiles: profilesOf(s), Options: optionsOf(s),
	}
}

// profilesOf lists the profiles in which a rule is on.
func profilesOf(s *rules.Spec) []string {
	on := []string{}
	for _, p := range rules.AllProfiles {
		if s.In(p) != nil {
			on = append(on, string(p))
		}
	}
	return on
}

// optionsOf is the rule's table in the default policy file, of the weakest profile that has it on.
func optionsOf(s *rules.Spec) string {
	profile := rules.None
	if on := profilesOf(s); len(on) > 0 {
		profile = rules.Profile(on[0])
	}
	var b strings.Builder
	header := fmt.Sprintf("[rules.%s]", s.ID)
	for line := range strings.Lines(string(config.DefaultFile(profile))) {
		if profile == rules.None {
			line = strings.TrimPrefix(line, "#") // stands there commented out
		}
		switch {
		case strings.TrimSpace(line) == header, b.Len() > 0 && strings.TrimSpace(line) != "":
			b.WriteString(line)
		case b.Len() > 0:
			return b.String()
		}
	}
	return b.String()
}

func newRulesShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Explain a rule",
		Args:  cobra.ExactArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			if len(args) == 0 {
				for _, s := range rules.All() {
					ids = append(ids, string(s.ID)+"\t"+s.Title)
				}
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s := rules.Get(rules.ID(args[0]))
			if s == nil {
				return unusable(fmt.Errorf("there is no rule %q%s", args[0], config.UnknownRule(args[0])))
			}
			return showRule(cmd.OutOrStdout(), s)
		},
	}
}

func showRule(out io.Writer, s *rules.Spec) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\n\nFix: %s\n", s.ID, s.Title, s.Why, s.Fix)
	if s.ServiceFix != "" {
		fmt.Fprintf(&b, "Fix of a service: %s\n", s.ServiceFix)
	}
	if len(s.Fields) > 0 {
		fmt.Fprintf(&b, "Fields: %s\n", strings.Join(s.Fields, ", "))
	}
	if len(s.Refs) > 0 {
		fmt.Fprintf(&b, "See: %s\n", strings.Join(s.Refs, "; "))
	}
	on := "none"
	if list := profilesOf(s); len(list) > 0 {
		on = strings.Join(list, ", ")
	}
	fmt.Fprintf(&b, "On in profiles: %s\n\n%s", on, optionsOf(s))
	_, err := io.WriteString(out, b.String())
	return err
}
