package clair

import (
	"encoding/json"
	"errors"
	"fmt"
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
}

// maxFindings bounds how many findings of a report are taken.
const maxFindings = 50_000

// parse reads the report about a manifest. What does not fit together is an error: half a report would look like a better image.
func parse(body []byte, d digest.Digest) ([]image.Vulnerability, error) {
	var r report
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, errors.New("it is no JSON of the form that is known")
	}
	if r.Hash != d.String() {
		return nil, errors.New("it is about another manifest")
	}
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
				Severity: image.ParseSeverity(v.Severity), FixedIn: v.FixedIn,
			})
		}
	}
	return image.Distinct(found), nil
}

// shortName takes the identifier of names such as "CVE-2020-1234 on Ubuntu 20.04 LTS (focal) - medium".
func shortName(name string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(name), " ")
	return first
}
