package image

import (
	"context"
	"slices"
	"strings"
	"time"
)

// How long reports are remembered. A scanner that has not looked yet is asked again soon.
const (
	reportLife  = 10 * time.Minute
	unknownLife = time.Minute
)

func reportsFor(list []Report) time.Duration {
	for _, r := range list {
		if r.Unknown != "" || r.Unread != "" {
			return unknownLife
		}
	}
	return reportLife
}

// report asks the policy's reporters about an image, about all that it is bound to: scanners know the manifest of one platform, and reports may
// be attached to an index.
func (a *Assessor) report(ctx context.Context, p *Policy, s *Subject) []Report {
	if p == nil || len(p.Reporters) == 0 {
		return nil
	}
	key := strings.Join([]string{p.generation(), s.ID.String(), s.Manifest.String()}, "\x00")
	if list, ok := a.reports.GetIfPresent(key); ok {
		return list
	}
	done := a.flights.DoChan("reports\x00"+key, func() (any, error) {
		if list, ok := a.reports.GetIfPresent(key); ok { // somebody was done with it since
			return list, nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), proofTime)
		defer cancel()
		if !a.turn(ctx) {
			return []Report{{Unknown: "could not be asked for in time"}}, nil
		}
		defer a.slots.Release(1)
		list := []Report{{Unknown: "cannot be read: a report breaks its reader"}}
		a.guarded(func() Verdict { list = a.ask(ctx, p, s); return Verdict{} })
		a.reports.Set(key, list)
		return list, nil
	})
	select {
	case r := <-done:
		if list, ok := r.Val.([]Report); ok {
			return list
		}
		return []Report{{Unknown: "could not be asked for"}}
	case <-ctx.Done():
		return []Report{{Unknown: "could not be asked for in time; the question goes on"}}
	}
}

// ask puts the question to each reporter, about each thing that the image is bound to, until one has a report. If none has, what was said of the
// first counts: that is what the registry has now, while evidence need not hold any reports.
func (a *Assessor) ask(ctx context.Context, p *Policy, s *Subject) []Report {
	bound := a.boundTo(ctx, p, s)
	var list []Report
	for _, reporter := range p.Reporters {
		answer := Report{Unknown: "cannot be looked up: no manifest is known of which the image is made"}
		for i, b := range bound {
			if one := reporter.Report(ctx, b.source, b.artifact); i == 0 || one.Unknown == "" {
				answer = one
			}
			if answer.Unknown == "" {
				break
			}
		}
		list = append(list, answer)
	}
	return list
}

// located is something that the image is bound to, and where it was found.
type located struct {
	source   Source
	artifact Artifact
}

// boundTo lists what the image is bound to: at the registries, where new reports come from, and then in evidence. What is in an index comes
// before the index. Which manifest of an index a report has to be about is for the reporter to find out.
func (a *Assessor) boundTo(ctx context.Context, p *Policy, s *Subject) []located {
	var list []located
	add := func(source Source, b *binding) {
		for _, found := range slices.Backward(b.found) {
			if found.Repository != nil {
				list = append(list, located{source, found})
			}
		}
	}
	if p.Registries != nil {
		b := &binding{source: p.Registries, policy: p, s: s}
		b.from(ctx, true)
		b.selected(ctx)
		add(p.Registries, b)
	}
	for _, e := range a.evidenceOf(p) {
		add(e, leading(ctx, p, e, s, nil))
	}
	return list
}
