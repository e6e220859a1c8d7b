package attached

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// statementBody is an in-toto statement: somebody says something, the predicate, about subjects.
//
// Source: in-toto/attestation spec/v1/statement.md.
type statementBody struct {
	Subject       []statementSubject `json:"subject"`
	PredicateType string             `json:"predicateType"`
	Predicate     json.RawMessage    `json:"predicate"`
}

type statementSubject struct {
	Digest map[string]string `json:"digest"`
}

var errOther = errors.New("it is a statement about another image")

// parseStatement reads what a statement says, if it is about the image. One that hangs on the image and is about another is an error:
// whoever signed that has mixed something up.
func parseStatement(text []byte, digests []string, depth int) (document, error) {
	var s statementBody
	if err := unmarshal(text, &s); err != nil {
		return document{}, err
	}
	about := func(subject statementSubject) bool {
		return subject.Digest["sha256"] != "" && slices.Contains(digests, "sha256:"+subject.Digest["sha256"])
	}
	if !slices.ContainsFunc(s.Subject, about) {
		return document{}, errOther
	}
	if !present(s.Predicate) {
		return document{}, errors.New("it is a statement that says nothing")
	}
	switch kind := strings.TrimPrefix(s.PredicateType, "https://"); {
	case kind == "cosign.sigstore.dev/attestation/vuln/v1":
		return parseScanRecord(s.Predicate, digests, depth)
	case strings.HasPrefix(s.PredicateType, openVEX):
		return parseVEX(s.Predicate, digests)
	case kind == "slsa.dev/provenance/v1", kind == "slsa.dev/provenance/v0.2":
		return parseProvenance(s.Predicate)
	}
	return document{}, nil // a bill of materials, a test result, …
}

// parseEnvelope reads what is in a DSSE envelope. Its own signature is not looked at: it lies in a manifest that somebody signed.
func parseEnvelope(text []byte, digests []string, depth int) (document, error) {
	var e envelope
	if err := unmarshal(text, &e); err != nil {
		return document{}, err
	}
	content, err := e.content()
	if err != nil {
		return document{}, err
	}
	return parseIn(content, digests, depth-1)
}

// scanRecord is what cosign calls a vulnerability scan record: a report, and when it was made.
//
// Source: sigstore/cosign specs/COSIGN_VULN_ATTESTATION_SPEC.md.
type scanRecord struct {
	Scanner struct {
		URI    string          `json:"uri"`
		Result json.RawMessage `json:"result"`
	} `json:"scanner"`
	Metadata struct {
		Finished time.Time `json:"scanFinishedOn"`
	} `json:"metadata"`
}

func parseScanRecord(text []byte, digests []string, depth int) (document, error) {
	var s scanRecord
	if err := unmarshal(text, &s); err != nil {
		return document{}, err
	}
	if !present(s.Scanner.Result) {
		return document{}, errors.New("it is the record of a scan without a result")
	}
	doc, err := parseIn(s.Scanner.Result, digests, depth-1)
	switch {
	case err != nil:
		return document{}, fmt.Errorf("the result of the scan: %w", err)
	case doc.report == nil:
		return document{}, errors.New("it is the record of a scan whose result is no report")
	case !s.Metadata.Finished.IsZero():
		doc.report.Made = s.Metadata.Finished
	}
	return doc, nil
}

// parseProvenance finds out when a build finished.
//
// Source: slsa.dev/spec/v1.0/provenance, slsa.dev/spec/v0.2/provenance.
func parseProvenance(text []byte) (document, error) {
	var p struct {
		RunDetails struct {
			Metadata struct {
				Finished time.Time `json:"finishedOn"`
			} `json:"metadata"`
		} `json:"runDetails"`
		Metadata struct {
			Finished time.Time `json:"buildFinishedOn"`
		} `json:"metadata"`
	}
	if err := unmarshal(text, &p); err != nil {
		return document{}, err
	}
	if built := p.RunDetails.Metadata.Finished; !built.IsZero() {
		return document{built: built}, nil
	}
	return document{built: p.Metadata.Finished}, nil
}
