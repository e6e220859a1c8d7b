package doctor

import (
	"slices"
	"strings"
	"testing"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]version{
		"20.10.24": {20, 10, 24}, "20.10.24+dfsg1": {20, 10, 24}, "v29.0.0": {29, 0, 0}, "28.0.0-rc.1": {28, 0, 0}, "1.41": {1, 41, 0},
		"24.0.9-ce": {24, 0, 9}, "25.0.16~3": {25, 0, 16},
	} {
		if got, ok := parseVersion(text); !ok || got != want {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "dev", "29", "1.2.3.4", "29.x", "-1.0", "library-import", "..", "1.-2"} {
		if got, ok := parseVersion(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// Every bound of a range is tried on both sides: the version before it is written by hand, as releases are not numbered without gaps.
func TestVersionFacts(t *testing.T) {
	const (
		old     = "older than 20.10.24"
		hidden  = "CVE-2024-41110"
		large   = "CVE-2026-34040"
		http2   = "HTTP/2"
		builder = "gRPC"
		flat    = "top level"
		archive = "CVE-2026-41567"
	)
	for text, want := range map[string][]string{
		"19.03.15":       {old, hidden, large, flat, archive},
		"20.10.23":       {old, hidden, large, flat, archive},
		"20.10.24":       {hidden, large, flat, archive},
		"20.10.24+dfsg1": {hidden, large, flat, archive},
		"23.0.14":        {hidden, large, flat, archive},
		"23.0.15":        {large, flat, archive},
		"24.0.0":         {hidden, large, flat, archive},
		"24.0.9":         {hidden, large, flat, archive},
		"25.0.5":         {hidden, large, flat, archive},
		"25.0.6":         {large, flat, archive},
		"25.0.15":        {large, flat, archive},
		"25.0.16":        {flat, archive},
		"25.0.17":        {flat},
		"26.0.0":         {hidden, large, flat, archive},
		"26.1.4":         {hidden, large, flat, archive},
		"26.1.5":         {large, flat, archive},
		"27.0.0":         {hidden, large, flat, archive},
		"27.0.1":         {hidden, large, archive},
		"27.1.0":         {hidden, large, archive},
		"27.1.1":         {large, archive},
		"28.5.2":         {large, archive},
		"29.0.0-rc.2":    {large, archive},
		"29.1.5":         {large, archive},
		"29.2.0":         {large, http2, builder, archive},
		"29.3.0":         {large, http2, builder, archive},
		"29.3.1":         {builder, archive},
		"29.5.0":         {builder, archive},
		"29.5.1":         {builder},
		"29.7.2":         {builder},
		"30.0.0":         {builder},
	} {
		v, ok := parseVersion(text)
		if !ok {
			t.Fatal(text)
		}
		var got []string
		for i := range versionFacts {
			if f := &versionFacts[i]; f.holds(v) {
				got = append(got, f.what)
			}
		}
		matches := slices.EqualFunc(got, want, strings.Contains)
		if !matches {
			t.Errorf("%s:\n%s\nwant %s", text, strings.Join(got, "\n"), strings.Join(want, ", "))
		}
	}
}

// A range is one: its end comes after its beginning, and both are versions.
func TestSpans(t *testing.T) {
	for _, f := range versionFacts {
		if f.what == "" || f.why == "" || f.do == "" || f.severity == OK || len(f.spans) == 0 {
			t.Errorf("incomplete: %+v", f)
		}
		for _, s := range f.spans {
			from, ok := parseVersion(s.from)
			before, ends := parseVersion(s.before)
			if s.from != "" && !ok || s.before != "" && !ends || ends && from.compare(before) >= 0 {
				t.Errorf("%s: %+v is no range", f.what, s)
			}
		}
	}
}
