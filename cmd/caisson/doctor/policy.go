package doctor

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"caisson/authz"
)

var _ = register(&Check{
	ID:    "policy",
	Title: "The policy can be used, and is to be enforced",
	Why:   "Caisson keeps the last good policy when the file is broken, and refuses nothing in audit mode",
	run: func(f *Facts, out *findings) {
		writable(f, out)
		switch {
		case errors.Is(f.PolicyErr, fs.ErrNotExist):
			out.fail(f.restore(), "there is no policy: %v", f.PolicyErr)
			return
		case f.PolicyErr != nil:
			out.fail("caisson policy validate "+f.PolicyFile, "the policy cannot be used: %s", strings.ReplaceAll(f.PolicyErr.Error(), "\n", "; "))
			return
		case f.Policy == nil:
			return
		}
		p := f.Policy.Policy
		by, auditing := f.auditing()
		switch {
		case auditing && by == "--mode":
			out.fail("take --mode=audit off the command line of caisson serve", "Caisson only records: it was started with --mode=audit")
		case auditing:
			out.fail("once you have seen what would be refused: mode = \"enforce\"", "Caisson only records: mode is audit in %s", f.PolicyFile)
		default:
			out.ok("profile %s, mode %s, %s", p.Profile, authz.Enforce, p.Hash)
		}
		var recording []string
		for _, b := range p.Rules {
			if b.Mode == authz.Audit && !b.Spec.Permanent {
				recording = append(recording, string(b.Spec.ID))
			}
		}
		if len(recording) > 0 && !auditing {
			out.info("set their mode to \"enforce\"", "%d rules only record: %s", len(recording), strings.Join(recording, ", "))
		}
		for _, w := range f.Policy.Warnings {
			if !strings.HasPrefix(w.Key, "exceptions") {
				out.warn("", "%s", w)
			}
		}
	},
})

// restore says how a policy file comes back: from the copy of the running Caisson, which is in force, or else anew.
func (f *Facts) restore() string {
	if f.Serving == nil || f.Serving.LastGood == "" {
		return "caisson policy default > " + f.PolicyFile
	}
	return "cp " + filepath.Join(f.Serving.StateDir, "last-good", f.PolicyFile) + " " + f.PolicyFile
}

// writable looks at the file and at the folder, in which one could put another.
func writable(f *Facts, out *findings) {
	for _, path := range []string{f.PolicyFile, filepath.Dir(f.PolicyFile)} {
		if info, err := f.Files.Stat(path); err == nil {
			if who := f.Files.Writable(path, info); who != "" {
				out.fail("chown root "+path+" && chmod go-w "+path, "%s can write %s, and so the policy", who, path)
			}
		}
	}
}
