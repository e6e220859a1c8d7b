package attached

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"caisson/authz/image"
)

// document is what a file turned out to be: one of these, or none if it is of a kind that does not matter here.
type document struct {
	report     *image.Report
	statements []statement // not nil if it is an OpenVEX document
	built      time.Time   // of SLSA provenance
}

// head is what formats are told apart by.
type head struct {
	Type       string          `json:"_type"`         // in-toto
	Payload    *string         `json:"payload"`       // envelope
	Bundled    json.RawMessage `json:"dsseEnvelope"`  // sigstore bundle
	Context    json.RawMessage `json:"@context"`      // OpenVEX
	Runs       json.RawMessage `json:"runs"`          // SARIF
	Schema     int             `json:"SchemaVersion"` // Trivy
	Matches    json.RawMessage `json:"matches"`       // Grype
	Scanner    json.RawMessage `json:"scanner"`       // scan record
	BOMFormat  string          `json:"bomFormat"`     // CycloneDX
	SPDX       string          `json:"spdxVersion"`   // SPDX
	Descriptor json.RawMessage `json:"descriptor"`    // Grype
}

// maxFindings bounds how many findings of a report are taken.
const maxFindings = 50_000

// maxDepth is how many formats lie in each other at most: an envelope, a statement, a scan record, a report.
const maxDepth = 4

// parse reads a file about an image that has these digests. What is not of a known format is an error, as it may be bad news.
func parse(text []byte, digests []string) (document, error) { return parseIn(text, digests, maxDepth) }

func parseIn(text []byte, digests []string, depth int) (document, error) {
	var h head
	if depth == 0 {
		return document{}, errors.New("it holds too many formats in each other")
	}
	if err := unmarshal(text, &h); err != nil {
		return document{}, err
	}
	switch {
	case strings.HasPrefix(h.Type, "https://in-toto.io/Statement/"):
		return parseStatement(text, digests, depth)
	case h.Payload != nil:
		return parseEnvelope(text, digests, depth)
	case h.Bundled != nil:
		return parseEnvelope(h.Bundled, digests, depth)
	case strings.Contains(string(h.Context), openVEX):
		return parseVEX(text, nil)
	case h.Runs != nil:
		return reported(parseSARIF(text))
	case h.Schema != 0:
		return reported(parseTrivy(text))
	case h.Matches != nil && h.Descriptor != nil:
		return reported(parseGrype(text))
	case h.Scanner != nil:
		return parseScanRecord(text, digests, depth)
	case h.BOMFormat != "", h.SPDX != "":
		return document{}, nil
	}
	return document{}, errors.New("its format is not known")
}

// reported ends the reading of a report.
func reported(r *image.Report, err error) (document, error) {
	if err != nil {
		return document{}, err
	}
	if len(r.Found) > maxFindings {
		return document{}, fmt.Errorf("it has more than %d findings", maxFindings)
	}
	r.Found = image.Distinct(r.Found)
	return document{report: r}, nil
}

// unmarshal decodes one JSON value. Errors do not repeat what is in it.
func unmarshal(text []byte, v any) error {
	var wrong *json.UnmarshalTypeError
	switch err := json.Unmarshal(text, v); {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return fmt.Errorf("%.80s is of another type than its format says", wrong.Field)
	default:
		return errors.New("it is no JSON")
	}
}

// present tells whether there is a value that is not null.
func present(raw json.RawMessage) bool { return len(raw) > 0 && !bytes.Equal(raw, []byte("null")) }

// named joins what a package is called and its version.
func named(name, version string) string { return strings.TrimSpace(name + " " + version) }
