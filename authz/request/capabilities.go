package request

import "strings"

// normaliseCaps spells capabilities one way: upper case by Unicode rules, without "CAP_". The Engine does the same before it
// looks a name up, so "ſys_admin" is SYS_ADMIN there, and here.
//
// Source: moby daemon/pkg/oci/caps/utils.go, NormalizeLegacyCapabilities.
func normaliseCaps(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.TrimPrefix(strings.ToUpper(n), "CAP_")
	}
	return out
}
