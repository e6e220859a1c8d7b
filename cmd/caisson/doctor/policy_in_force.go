package doctor

import (
	"slices"
	"strings"
)

var _ = register(&Check{
	ID:    "policy-in-force",
	Title: "What is in force is what the policy file says",
	Why:   "a file that was changed and not taken up protects nobody, and hides that until the next restart",
	run: func(f *Facts, out *findings) {
		if f.Policy == nil || f.PluginErr != nil {
			return
		}
		const do = "systemctl reload caisson, and look into its log"
		if copied := f.lastGood(); copied != "" {
			if text, err := f.Files.Read(f.PolicyFile); err == nil && string(text) != copied {
				out.fail(do, "the policy in force is not the file %s: Caisson last took up another text", f.PolicyFile)
				return
			}
		}
		var different []string
		asked := 0
		for _, v := range f.Attacks {
			if !v.Asked {
				continue
			}
			asked++
			if v.Refused != v.PluginRefused || f.lastGood() == "" && !slices.Equal(v.Rules, v.PluginRules) {
				different = append(different, v.Name)
			}
		}
		switch {
		case len(different) > 0:
			out.fail(do, "Caisson decides otherwise than the file %s does: %s", f.PolicyFile, strings.Join(different, "; "))
		case asked > 0:
			out.ok("Caisson decides as %s says", f.PolicyFile)
		}
	},
})

// lastGood is the text that Caisson took up last, "" if it cannot be seen.
func (f *Facts) lastGood() string {
	if f.Serving == nil {
		return ""
	}
	return f.Serving.LastGood
}
