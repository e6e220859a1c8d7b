package rules

import (
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"caisson/authz/request"
)

// checkGlobs is what Prepare does with an option that holds patterns.
func checkGlobs(option string, patterns []string) error {
	for _, p := range patterns {
		// The matcher takes bytes that are no UTF-8 for this character, so that it would stand for any of them.
		if strings.ContainsRune(p, utf8.RuneError) {
			return fmt.Errorf("%s: %q holds what is no text, or the sign that stands for such (U+FFFD); write ? in its place", option, p)
		}
		if p == "" || !doublestar.ValidatePattern(p) {
			return fmt.Errorf("%s: %q is no pattern; write *, ** and ? as in a shell, and \\ before a character that stands for itself", option, p)
		}
	}
	return nil
}

// matchAny tells whether a text matches one of the patterns. Only ** goes past a slash.
func matchAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if doublestar.MatchUnvalidated(p, s) {
			return true
		}
	}
	return false
}

// allowsURL tells whether a URL matches one of the patterns.
func allowsURL(patterns []string, u request.URL) bool { return u.Plain && matchAny(patterns, u.Shown) }

// fetches words that the daemon fetches a URL.
func fetches(u request.URL) string {
	if u.Shown == "" {
		return "makes the daemon fetch something that is no URL"
	}
	return "makes the daemon fetch " + quote(u.Shown)
}

// listed words allowed values for a message.
func listed(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return strings.Join(values, ", ")
}

// securityOpts yields place and value of each security option with a key. An option that comes several times is judged each time,
// though only the last one may count: a list that contradicts itself is no mistake worth forgiving.
func securityOpts(w *request.Workload, key string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i, o := range w.SecurityOpt.V {
			if o.Key == key && !yield(w.SecurityOptAt(i), o.Value) {
				return
			}
		}
	}
}
