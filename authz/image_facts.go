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
	return f, nil
}
