package authz

import (
	"context"

	"caisson/authz/image"
	"caisson/authz/request"
	"caisson/authz/rules"
)

// Pulled tells that the Engine has answered a pull. The image's proof is then looked for at once, so that the container that is most likely to come
// next need not wait for it. Nothing depends on that, so nothing is told of how it ends.
func (a *Authorizer) Pulled(call request.Call) {
	p := a.plan()
	r, err := request.Parse(call)
	if p == nil || a.Images == nil || err != nil || r.Images == nil || r.Images.Pulled.Name == nil || p.rules.facts&rules.FactTrust == 0 {
		return
	}
	name := r.Images.Pulled.Name.String()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), a.deadline(p.policy))
		defer cancel()
		defer func() { _ = recover() }() // whoever asks in earnest will meet it again, where it is reported
		_, _ = a.Images.Facts(ctx, p.policy.Images, a.state(), image.Question{Ref: name, Platform: r.Query.Get("platform")})
	}()
}
