package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// write prints a finding for people: a line for each thing that is known.
func (f *finding) write(out io.Writer) error {
	var b strings.Builder
	verdict := "nobody vouches for it: it " + f.Detail + " (" + f.Reason + ")"
	if f.Verified {
		verdict = "vouched for"
		if f.Detail != "" {
			verdict += ": it " + f.Detail
		}
	}
	fmt.Fprintf(&b, "%s: %s\n", f.Ref, verdict)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-11s %s\n", name, value)
		}
	}
	line("image", joinWords(f.ID, f.Platform))
	line("bound to", joinWords(f.Bound, f.MediaType))
	line("statement", f.Statement)
	line("verifier", f.Verifier)
	line("signer", f.Signer)
	line("thumbprint", f.Thumbprint)
	line("signature", f.Signature)
	line("signed", day(f.Signed))
	line("timestamp", day(f.Timestamp))
	line("expires", day(f.Expires))
	line("valid until", day(f.ValidUntil))
	for _, r := range f.Reports {
		line("report", r.text())
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *reported) text() string {
	if r.Unknown != "" {
		return joinWords(r.Source, "none: "+r.Unknown)
	}
	var counts []string
	for _, severity := range slices.Sorted(maps.Keys(r.Vulnerabilities)) {
		counts = append(counts, fmt.Sprintf("%d %s", r.Vulnerabilities[severity], severity))
	}
	if len(counts) == 0 {
		counts = []string{"nothing found"}
	}
	unread := ""
	if r.Unread != "" {
		unread = "which of it does no harm is not known: " + r.Unread
	}
	return joinWords(r.Source, day(r.Made), strings.Join(counts, ", "), unread)
}

func joinWords(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), "  ")
}

func day(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}
