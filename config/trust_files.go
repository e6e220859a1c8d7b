package config

import (
	"fmt"
	"path/filepath"
)

// A TrustFile is a file of certificates, or a folder of them, that a policy trusts where images are concerned.
type TrustFile struct {
	Path string // relative ones are to the folder of the policy file, as in Name of the [File]
	Use  string // for people: what names it
}

// TrustFiles lists the files of certificates that [image_trust] names, in the order of the file. Keys, which do not end, are not among them.
func (f *File) TrustFiles() []TrustFile {
	if f.Policy.Images == nil {
		return nil
	}
	t, ok := f.Policy.Images.Settings.(*imageTrust)
	if !ok {
		return nil
	}
	var list []TrustFile
	add := func(names []string, key, of string) {
		for _, name := range names {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(f.Name), name)
			}
			list = append(list, TrustFile{name, key + " of " + of})
		}
	}
	for _, r := range t.registries {
		add(r.CA, "ca", "the registry "+r.Host)
	}
	for i := range t.statements {
		s := &t.statements[i]
		of := fmt.Sprintf("the statement %q", s.Name)
		add(s.Certificates, "certificates", of)
		add(s.SigningAuthorities, "signing_authorities", of)
		add(s.Timestamping, "timestamping_certificates", of)
	}
	for i := range t.reports {
		add(t.reports[i].CA, "ca", "the reports of "+t.reports[i].URL)
	}
	return list
}
