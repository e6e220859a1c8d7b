package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"caisson/authz/cases"
)

func newTest() *cobra.Command {
	var t tester
	cmd := &cobra.Command{
		Use:   "test FILE|FOLDER...",
		Short: "Test a policy: decide the requests of case files, and compare with what they want",
		Long: `Test a policy: decide the requests of case files, without an Engine, and compare the outcome, word for word, with what stands in them. Of a
FOLDER all files named *.txtar are taken, also further down. docs/case-files.md describes the files.

The policy is that of --policy; else the one that a case brings along; else ` + policyFile + ` if it is there, else the built-in profile
baseline. Exceptions count as they do today.

Exit status: 0 all cases have the outcome that they want, 1 at least one has not, 2 at least one cannot be read or decided.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			t.out, t.errs = cmd.OutOrStdout(), cmd.ErrOrStderr()
			code, err := t.run(cmd, paths)
			if err == nil && code != exitOK {
				err = &exitError{code: code}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&t.file, "policy", "", "policy `FILE`")
	cmd.Flags().BoolVar(&t.verdicts, "verdicts", false, "compare verdicts only, and not the words, which a later Caisson may put otherwise")
	cmd.Flags().BoolVar(&t.update, "update", false, "write the outcome into the files, as what they want")
	return cmd
}

// tester decides case files and compares.
type tester struct {
	checker
	verdicts  bool // compare nothing else
	update    bool
	out, errs io.Writer

	cases, failed, unread int
}

// run tests all cases. What cannot be read does not keep it from the rest.
func (t *tester) run(cmd *cobra.Command, paths []string) (code int, err error) {
	f, err := loadPolicy(t.file)
	if err != nil {
		return 0, unusable(err)
	}
	t.policy = f.Policy
	for _, p := range paths {
		found, before := 0, t.unread
		for _, file := range t.caseFiles(p) {
			found++
			if err := t.test(cmd, file); err != nil {
				t.cannot(err)
			}
		}
		if found == 0 && t.unread == before {
			t.cannot(fmt.Errorf("%s: there is no case file (*.txtar) in it", p))
		}
	}
	fmt.Fprintf(t.out, "%s, %d failed, %d could not be read\n", counted(t.cases), t.failed, t.unread) //nolint:errcheck // there is no other place to say it
	switch {
	case t.unread > 0:
		return exitUnusable, nil
	case t.failed > 0:
		return exitFailed, nil
	}
	return exitOK, nil
}

func counted(cases int) string {
	if cases == 1 {
		return "1 case"
	}
	return fmt.Sprintf("%d cases", cases)
}

func (t *tester) cannot(err error) {
	t.unread++
	fmt.Fprintf(t.errs, "caisson: %s\n", printable(err.Error())) //nolint:errcheck // as above
}

// caseFiles lists the case files that a path stands for: itself, or those below it.
func (t *tester) caseFiles(root string) (list []string) {
	switch info, err := os.Stat(root); {
	case err != nil:
		t.cannot(err)
		return nil
	case !info.IsDir():
		return []string{root}
	}
	err := filepath.WalkDir(root+string(filepath.Separator), func(name string, e fs.DirEntry, err error) error { // also if it is a link
		if err != nil || e.IsDir() || filepath.Ext(name) != ".txtar" {
			return err
		}
		switch info, err := os.Stat(name); {
		case err != nil:
			t.cannot(err)
		case !info.Mode().IsRegular(): // such as a pipe, or a link to /dev/zero: reading it might not end
			t.cannot(fmt.Errorf("%s: it is no regular file", name))
		default:
			list = append(list, name)
		}
		return nil
	})
	if err != nil {
		t.cannot(err)
	}
	return list
}

// test decides one case. An error means that there is no outcome to compare, or nothing to compare it with.
func (t *tester) test(cmd *cobra.Command, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c, err := cases.Parse(file, text)
	if err != nil {
		return err
	}
	d, err := t.decide(cmd.Context(), recordedCase(file, c))
	if err != nil {
		return err
	}
	got := cases.Outcome(d)
	switch {
	case t.update:
		t.cases++
		return os.WriteFile(file, c.Format(got), 0o644) //nolint:gosec // a test case is no secret
	case c.Want == "":
		return errors.New(file + ": there is no section want; --update writes it")
	}
	t.cases++
	if !t.same(got, c.Want) {
		t.failed++
		_, err = fmt.Fprintf(t.out, "FAIL %s: %s\n  want:\n%s  got:\n%s", line(file), line(c.Why), further(c.Want), further(got))
	}
	return err
}

func (t *tester) same(got, want string) bool {
	if t.verdicts {
		got, _, _ = strings.Cut(got, "\n")
		want, _, _ = strings.Cut(want, "\n")
	}
	return got == want
}

// further moves lines to the right.
func further(text string) string {
	var b strings.Builder
	for line := range strings.Lines(printable(text)) {
		b.WriteString("    " + line)
	}
	return b.String()
}
