package clair

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"caisson/authz/image"
)

// report is Clair's answer, as far as it matters. Its maps are keyed by IDs that mean something within one report only.
//
// Source: quay/claircore vulnerabilityreport.go.
type report struct {
	Hash     string `json:"manifest_hash"`
	Packages map[string]struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"packages"`
	Vulnerabilities map[string]struct {
		Name     string `json:"name"`
		Severity string `json:"normalized_severity"`
		FixedIn  string `json:"fixed_in_version"`
	} `json:"vulnerabilities"`
	PackageVulnerabilities map[string][]string `json:"package_vulnerabilities"`
	Environments           map[string][]struct {
		Distribution string   `json:"distribution_id"`
		Repositories []string `json:"repository_ids"` // of a language: PyPI, Maven
	} `json:"environments"`
}

// maxFindings bounds how many findings of a report are taken.
const maxFindings = 50_000

// parse reads the report about a manifest.
func parse(body []byte, d digest.Digest) (*report, error) {
	r := &report{}
	if err := json.Unmarshal(body, r); err != nil {
		return nil, errors.New("it is no JSON of the form that is known")
	}
	if r.Hash != d.String() {
		return nil, errors.New("it is about another manifest")
	}
	return r, nil
}

// found lists what the report tells of. What does not fit together is an error: half a report would look like a better image.
func (r *report) found() ([]image.Vulnerability, error) {
	found := []image.Vulnerability{}
	for id, list := range r.PackageVulnerabilities {
		p, ok := r.Packages[id]
		if !ok && len(list) > 0 {
			return nil, fmt.Errorf("the package %.20q is not in it", id)
		}
		if len(found)+len(list) > maxFindings {
			return nil, fmt.Errorf("it has more than %d findings", maxFindings)
		}
		for _, id := range list {
			v, ok := r.Vulnerabilities[id]
			if !ok {
				return nil, fmt.Errorf("the vulnerability %.20q is not in it", id)
			}
			found = append(found, image.Vulnerability{
				ID: shortName(v.Name), Package: strings.TrimSpace(p.Name + " " + p.Version),
				Severity: image.ParseSeverity(v.Severity), FixedIn: fixedIn(v.FixedIn),
			})
		}
	}
	return image.Distinct(found), nil
}

// blind says why the report cannot tell of all that is in the image, or nothing. Clair answers in the same way about an image without vulnerabilities
// and about one that it cannot read: of a distribution that it does not know, or without any package that it sees.
func (r *report) blind() string {
	if len(r.Packages) == 0 {
		return "sees no packages in it"
	}
	var unmatched []string
	for id, p := range r.Packages {
		if !r.matched(id) {
			unmatched = append(unmatched, strings.TrimSpace(p.Name+" "+p.Version))
		}
	}
	if len(unmatched) == 0 {
		return ""
	}
	return fmt.Sprintf("does not know the distribution that %.100q is of (%d of %d packages)", slices.Min(unmatched), len(unmatched), len(r.Packages))
}

// matched tells whether Clair looks for vulnerabilities of a package: it does by the distribution, or by the repository of a language.
//
// Source: quay/claircore, Filter in the matcher.go of each.
func (r *report) matched(id string) bool {
	for _, e := range r.Environments[id] {
		if e.Distribution != "" || len(e.Repositories) > 0 {
			return true
		}
	}
	return false
}

// fixedIn takes the version with the fix out of a range, which Clair has in the place of the version for packages of some languages:
// "fixed=1.5.0&introduced=1.0.0". A range may have an end, and no fix.
//
// Source: quay/claircore updater/osv/osv.go.
func fixedIn(version string) string {
	if !strings.Contains(version, "=") { // which no version of a package has
		return version
	}
	bounds, err := url.ParseQuery(version)
	if err != nil {
		return version
	}
	return bounds.Get("fixed")
}

// shortName takes the identifier of names such as "CVE-2020-1234 on Ubuntu 20.04 LTS (focal) - medium" and "ELSA-2020-1234:  a title (IMPORTANT)".
func shortName(name string) string {
	fields := strings.Fields(name)
	if len(fields) == 0 {
		return ""
	}
	return strings.TrimSuffix(fields[0], ":")
}
