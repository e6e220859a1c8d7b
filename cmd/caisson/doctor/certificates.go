package doctor

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"

	"caisson/cmd/caisson/host"
)

var _ = register(&Check{
	ID:    "certificates",
	Title: "dockerd's certificates are good for some time",
	Why:   "when a certificate ends, clients no longer connect, and one is tempted to do without",
	run: func(f *Facts, out *findings) {
		var files []string
		if f.Dockerd != nil {
			files = append(files, f.Dockerd.TLSCert, f.Dockerd.TLSCACert)
		}
		if f.Config != nil {
			files = append(files, f.Config.TLSCert, f.Config.TLSCACert)
		}
		slices.Sort(files)
		for _, file := range slices.Compact(files) {
			if file != "" {
				expiry(f.Files, f.Now, file, out)
			}
		}
	},
})

// expiry reports on the certificates in a file.
func expiry(files host.Files, now time.Time, file string, out *findings) {
	const do = "renew it, and reload what uses it"
	first, err := firstEnd(files, file)
	switch end := day(first); {
	case err != nil:
		out.warn("look at the path", "a certificate cannot be read: %v", err)
	case first.IsZero():
		out.warn("look at the file", "there is no certificate in %s", file)
	case !now.Before(first):
		out.fail(do, "%s ended at %s", file, end)
	case first.Sub(now) <= notice:
		out.warn(do, "%s ends at %s", file, end)
	default:
		out.ok("%s is good until %s", file, end)
	}
}

// firstEnd is the time at which the first of the certificates in a file ends, zero if there are none.
func firstEnd(files host.Files, file string) (first time.Time, err error) {
	text, err := files.Read(file)
	if err != nil {
		return time.Time{}, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			continue
		}
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first, nil
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
