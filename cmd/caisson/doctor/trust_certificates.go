package doctor

import (
	"path"
	"time"

	"caisson/config"
)

var _ = register(&Check{
	ID:    "trust-certificates",
	Title: "Certificates that vouch for images are good for some time",
	Why:   "when one ends, images that it vouches for are refused, or their registry cannot be asked",
	run: func(f *Facts, out *findings) {
		if f.Policy == nil {
			return
		}
		list, good := trusted(f), 0
		for _, t := range list {
			switch first, err := firstEnd(f.Files, t.Path); {
			case err != nil:
				out.warn("look at the path; the policy is not loaded again without it", "a certificate cannot be read (%s): %v", t.Use, err)
			case first.IsZero():
				out.warn("look at the file; the policy is not loaded again without a certificate", "there is no certificate in %s (%s)", t.Path, t.Use)
			case !f.Now.Before(first):
				out.warn("renew it, or take it out if another has taken its place", "%s (%s) ended at %s", t.Path, t.Use, day(first))
			case first.Sub(f.Now) <= notice:
				out.warn("put its successor beside it, and have images signed by that", "%s (%s) ends at %s", t.Path, t.Use, day(first))
			default:
				good++
			}
		}
		if good == len(list) {
			out.ok("%d files of certificates for images, none ends within %d days", good, notice/(24*time.Hour))
		}
	},
})

// trusted lists the files of certificates that the policy names, those in folders one by one.
func trusted(f *Facts) []config.TrustFile {
	var list []config.TrustFile
	for _, t := range f.Policy.TrustFiles() {
		info, err := f.Files.Stat(t.Path)
		if err != nil || !info.IsDir() {
			list = append(list, t)
			continue
		}
		for _, name := range f.Files.List(t.Path) {
			if name[0] != '.' {
				list = append(list, config.TrustFile{Path: path.Join(t.Path, name), Use: t.Use})
			}
		}
	}
	return list
}
