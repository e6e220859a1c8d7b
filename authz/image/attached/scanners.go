package attached

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"caisson/authz/image"
)

// trivyReport is Trivy's own format.
//
// Source: aquasecurity/trivy pkg/types/report.go, version 2, which it has been since 2021.
type trivyReport struct {
	SchemaVersion int
	CreatedAt     time.Time
	ArtifactName  string
	Results       []struct {
		Vulnerabilities []struct {
			VulnerabilityID  string
			PkgName          string
			InstalledVersion string
			FixedVersion     string
			Severity         string
		}
	}
}

// parseTrivy reads a report of Trivy. It leaves out results of which there are none, so an image in which nothing was found may have none.
func parseTrivy(text []byte) (*image.Report, error) {
	var t trivyReport
	if err := unmarshal(text, &t); err != nil {
		return nil, err
	}
	if t.SchemaVersion != 2 {
		return nil, fmt.Errorf("it is a report of Trivy in version %d of the format, not 2", t.SchemaVersion)
	}
	if t.ArtifactName == "" {
		return nil, errors.New("it is a report of Trivy about nothing")
	}
	r := &image.Report{Source: "Trivy", Made: t.CreatedAt}
	for _, result := range t.Results {
		for _, v := range result.Vulnerabilities {
			r.Found = append(r.Found, image.Vulnerability{
				ID: v.VulnerabilityID, Package: named(v.PkgName, v.InstalledVersion), Severity: image.ParseSeverity(v.Severity), FixedIn: v.FixedVersion,
			})
		}
	}
	return r, nil
}

// grypeReport is Grype's own format. What its user told it to ignore is in another list.
//
// Source: anchore/grype grype/presenter/models/document.go.
type grypeReport struct {
	Matches []struct {
		Vulnerability struct {
			ID       string `json:"id"`
			Severity string `json:"severity"`
			Fix      struct {
				Versions []string `json:"versions"`
				State    string   `json:"state"`
			} `json:"fix"`
		} `json:"vulnerability"`
		Artifact struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"artifact"`
	} `json:"matches"`
	Descriptor struct {
		Name      string `json:"name"`
		Timestamp string `json:"timestamp"`
	} `json:"descriptor"`
}

func parseGrype(text []byte) (*image.Report, error) {
	var g grypeReport
	if err := unmarshal(text, &g); err != nil {
		return nil, err
	}
	switch {
	case g.Descriptor.Name != "grype":
		return nil, errors.New("it is not made by Grype, though it looks so")
	case g.Matches == nil:
		return nil, errors.New("it is a report of Grype without a list of matches")
	}
	r := &image.Report{Source: "Grype"}
	r.Made, _ = time.Parse(time.RFC3339, g.Descriptor.Timestamp) // none, in older versions
	for _, m := range g.Matches {
		fixed := ""
		if m.Vulnerability.Fix.State == "fixed" {
			fixed = strings.Join(m.Vulnerability.Fix.Versions, " or ")
		}
		r.Found = append(r.Found, image.Vulnerability{
			ID: m.Vulnerability.ID, Package: named(m.Artifact.Name, m.Artifact.Version),
			Severity: image.ParseSeverity(m.Vulnerability.Severity), FixedIn: fixed,
		})
	}
	return r, nil
}
