package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// suggest completes an error about a word: it says what may have been meant by a word that is none of the valid ones: the nearest of them, or, if none is near, all.
func suggest(word string, valid []string) string {
	if near := nearest(word, valid); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	const few = 12 // more than that nobody reads in an error
	if len(valid) == 0 || len(valid) > few {
		return ""
	}
	sorted := slices.Sorted(slices.Values(valid))
	return "; valid: " + strings.Join(sorted, ", ")
}

// UnknownRule completes an error about a rule that there is none of: with the nearest one, or where all of them are listed.
func UnknownRule(id string) string {
	if near := nearest(id, ruleIDs()); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return `; "caisson rules list" shows all`
}

// nearest returns the valid word that takes the fewest edits to reach, "" if that would be another word altogether.
func nearest(word string, valid []string) string {
	best, bestDistance := "", 2+len(word)/4 // one slip in a short word, more in a long one
	for _, v := range slices.Sorted(slices.Values(valid)) {
		d := levenshtein.ComputeDistance(fold(word), fold(v))
		if d < bestDistance {
			best, bestDistance = v, d
		}
	}
	return best
}

// fold takes away what does not make a word another one: host_pid and Host-PID are host-pid.
func fold(s string) string {
	return strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(s))
}
