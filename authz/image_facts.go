package authz

import (
	"context"
	"strings"
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
		Verified: v.Verified(), Reason: string(v.Reason), Detail: v.Detail, Unsettled: v.Unsettled(), Statement: v.Statement, Signer: v.Signature.Signer,
	}
	f.Vulnerabilities = vulnerabilities(found.Reports)
	f.Age = image.AgeOf(dates(found), f.At).Facts()
	return f, nil
}

// vulnerabilities puts the reports of several sources together: each scanner sees what another one does not. One that has no report is passed over if
// another has. What one found that does not know all of the image counts as well.
func vulnerabilities(reports []image.Report) request.ImageVulnerabilities {
	all := request.ImageVulnerabilities{Unknown: "the policy has no [[image_trust.reports]]"}
	var sources []string
	known := false
	for i := range reports {
		f := reports[i].Facts()
		if f.Source != "" {
			sources = append(sources, f.Source)
		}
		all.Found = append(all.Found, f.Found...)
		if f.Unread != "" {
			all.Unread = f.Unread
		}
		if f.Made.After(all.Made) {
			all.Made = f.Made
		}
		if !known {
			all.Unknown = f.Unknown
		}
		known = known || f.Known()
	}
	all.Source = strings.Join(sources, ", ")
	return all
}

// dates collects what may tell how old an image is.
func dates(found *image.Assessment) *image.Dates {
	d := &image.Dates{Subject: &found.Subject}
	if found.Verdict.Verified() {
		d.Signature = found.Verdict.Signature
	}
	for i := range found.Reports {
		r := &found.Reports[i]
		if r.Unknown == "" && r.Made.After(d.Scanned) {
			d.Scanned = r.Made
		}
		if r.Built.After(d.Built) {
			d.Built = r.Built
		}
	}
	return d
}
