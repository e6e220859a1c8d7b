package authz

import (
	"context"
	"time"

	"caisson/authz/image"
	"caisson/authz/request"
	"caisson/authz/state"
)

// ImageAssessor is [Images] of a real Engine and real registries.
type ImageAssessor struct{ *image.Assessor }

// Facts implements [Images].
func (i ImageAssessor) Facts(ctx context.Context, p *image.Policy, view state.View, q image.Question) (*request.ImageFacts, error) {
	found, err := i.Assess(ctx, p, view, q)
	if err != nil {
		return nil, err
	}
	f := &request.ImageFacts{ID: found.Subject.ID.String(), Absent: found.Absent, At: time.Now()}
	v := found.Verdict
	f.Trust = request.ImageTrust{
		Verified: v.Verified(), Reason: string(v.Reason), Detail: v.Detail, Statement: v.Statement, Signer: v.Signature.Signer,
	}
	dates := image.Dates{Subject: &found.Subject}
	if v.Verified() {
		dates.Signature = v.Signature
	}
	f.Vulnerabilities = request.ImageVulnerabilities{Unknown: "the policy has no [[image_trust.reports]]"}
	for i := range found.Reports {
		r := &found.Reports[i]
		if facts := r.Facts(); i == 0 || !f.Vulnerabilities.Known() {
			f.Vulnerabilities = facts
		} else if facts.Known() {
			// Each scanner sees what another one does not.
			f.Vulnerabilities.Found = append(f.Vulnerabilities.Found, facts.Found...)
			f.Vulnerabilities.Source += ", " + facts.Source
		}
		if r.Unknown == "" && r.Made.After(dates.Scanned) {
			dates.Scanned = r.Made
		}
	}
	f.Age = image.AgeOf(&dates, f.At).Facts()
	return f, nil
}
