package authz

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"caisson/authz/image"
	"caisson/authz/request"
)

func TestVulnerabilitiesOfSeveralReports(t *testing.T) {
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	found := func(id string) []image.Vulnerability {
		return []image.Vulnerability{{ID: id, Severity: image.SeverityHigh}}
	}
	fact := func(ids ...string) (list []request.Vulnerability) {
		for _, id := range ids {
			list = append(list, request.Vulnerability{ID: id, Severity: "high"})
		}
		return list
	}
	whole := image.Report{Source: "Trivy", Made: day, Found: found("CVE-1")}
	other := image.Report{Source: "Grype", Made: day.Add(-time.Hour), Found: found("CVE-2")}
	partial := image.Report{Source: "Clair", Unknown: "Clair does not know it all", Found: found("CVE-3")}
	none := image.Report{Unknown: "nobody has scanned it"}
	for name, tt := range map[string]struct {
		reports []image.Report
		want    request.ImageVulnerabilities
	}{
		"no sources":        {nil, request.ImageVulnerabilities{Unknown: "the policy has no [[image_trust.reports]]"}},
		"none":              {[]image.Report{none}, request.ImageVulnerabilities{Unknown: none.Unknown}},
		"one":               {[]image.Report{whole}, request.ImageVulnerabilities{Source: "Trivy", Made: day, Found: fact("CVE-1")}},
		"two":               {[]image.Report{other, whole}, request.ImageVulnerabilities{Source: "Grype, Trivy", Made: day, Found: fact("CVE-2", "CVE-1")}},
		"one and none":      {[]image.Report{whole, none}, request.ImageVulnerabilities{Source: "Trivy", Made: day, Found: fact("CVE-1")}},
		"none and one":      {[]image.Report{none, whole}, request.ImageVulnerabilities{Source: "Trivy", Made: day, Found: fact("CVE-1")}},
		"partial":           {[]image.Report{partial}, request.ImageVulnerabilities{Source: "Clair", Unknown: partial.Unknown, Found: fact("CVE-3")}},
		"partial and none":  {[]image.Report{partial, none}, request.ImageVulnerabilities{Source: "Clair", Unknown: none.Unknown, Found: fact("CVE-3")}},
		"partial and whole": {[]image.Report{partial, whole}, request.ImageVulnerabilities{Source: "Clair, Trivy", Made: day, Found: fact("CVE-3", "CVE-1")}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, vulnerabilities(tt.reports)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
