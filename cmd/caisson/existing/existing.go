// Package existing finds out what a policy says to the containers that are on a host. Most are older than the policy, so that nobody was
// asked about them.
package existing

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/request"
	"caisson/authz/state"
	"caisson/cmd/caisson/host"
)

// Container is a container that the Engine has.
type Container struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State string `json:"state"` // as in docker ps: running, exited, created, …
	Image string `json:"image"` // as it was named
}

// List returns all containers, by name.
func List(ctx context.Context, e *host.Engine) ([]Container, error) {
	var answer []struct {
		ID           string `json:"Id"`
		Names        []string
		State, Image string
	}
	if err := e.Get(ctx, "/containers/json?all=1", &answer); err != nil {
		return nil, err
	}
	list := make([]Container, len(answer))
	for i, c := range answer {
		list[i] = Container{ID: c.ID, Name: nameOf(c.Names, c.ID), State: c.State, Image: c.Image}
	}
	slices.SortFunc(list, func(a, b Container) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// nameOf is the container's own name. What has one more slash is what a link calls it.
func nameOf(names []string, id string) string {
	for _, n := range names {
		if n = strings.TrimPrefix(n, "/"); n != "" && !strings.Contains(n, "/") {
			return n
		}
	}
	return id
}

// Judge says of containers whether they could be started today.
type Judge struct{ authorizer authz.Authorizer }

// NewJudge prepares decisions under a policy of which nothing is left to the audit log alone: existing containers are enforced, and all modes
// but those of single rules. Who may start containers is another question. Without images, the rules that ask about images are left out.
func NewJudge(policy *authz.Policy, view state.View, images authz.Images) *Judge {
	p := *policy
	p.Mode, p.Existing, p.Access = authz.Enforce, authz.Enforce, nil
	if images == nil {
		p.Rules = withoutImages(p.Rules)
		p.Overrides = slices.Clone(p.Overrides)
		for i := range p.Overrides {
			p.Overrides[i].Rules = withoutImages(p.Overrides[i].Rules)
		}
	}
	return &Judge{authz.Authorizer{
		Policy: func() *authz.Policy { return &p }, State: view, Files: authz.NewHost(), Images: images, Log: zap.NewNop(),
	}}
}

func withoutImages(list []authz.BoundRule) []authz.BoundRule {
	return slices.DeleteFunc(slices.Clone(list), func(b authz.BoundRule) bool { return b.Spec.Facts != 0 })
}

// Decide decides about the start of a container by somebody on the Engine's socket. Nothing is recorded.
func (j *Judge) Decide(ctx context.Context, c Container) *authz.Decision {
	return j.authorizer.Authorize(ctx, request.Call{Method: http.MethodPost, Target: "/containers/" + c.ID + "/start"})
}
