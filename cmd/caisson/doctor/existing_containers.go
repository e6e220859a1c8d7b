package doctor

import (
	"context"
	"fmt"
	"strings"

	"caisson/authz"
	"caisson/authz/state/docker"
	"caisson/cmd/caisson/existing"
	"caisson/cmd/caisson/host"
)

// Existing is what the policy says to the containers that are there.
type Existing struct {
	All       int
	Refused   []string // those that could not be started under the policy; rules about images are left out
	Undecided []string // those of which that cannot be said
}

// existing judges the containers that the Engine has.
func (f *Facts) existing(ctx context.Context, e *host.Engine) {
	if f.EngineErr != nil || f.PluginErr != nil || f.Policy == nil {
		return // every question would take as long as dockerd waits for the plugin
	}
	f.Existing, f.ExistingErr = judgeExisting(ctx, e, f.Policy.Policy)
}

func judgeExisting(ctx context.Context, e *host.Engine, p *authz.Policy) (*Existing, error) {
	view, err := docker.New("unix://" + e.Socket)
	if err != nil {
		return nil, err
	}
	defer view.Close() //nolint:errcheck // only read from
	list, err := existing.List(ctx, e)
	if err != nil {
		return nil, err
	}
	// Registries would have to be asked about images, for each of them anew. "caisson containers" does.
	judge := existing.NewJudge(p, view, nil)
	found := &Existing{All: len(list)}
	for _, c := range list {
		switch d := judge.Decide(ctx, c); d.Verdict {
		case authz.Allow:
		case authz.Deny:
			found.Refused = append(found.Refused, c.Name)
		default:
			found.Undecided = append(found.Undecided, c.Name)
		}
	}
	return found, nil
}

var _ = register(&Check{
	ID:    "existing-containers",
	Title: "The containers that are there could be made today",
	Why:   "nobody was asked about what is older than the policy: such a container has on this host what it was given then",
	run: func(f *Facts, out *findings) {
		const do = `see why, and what the policy says about images, with "caisson containers --refused"; create them anew within the policy`
		switch {
		case f.ExistingErr != nil:
			out.warn("look at what the policy says about reading", "the containers of this host could not be looked at: %v", f.ExistingErr)
		case f.Existing == nil:
		case len(f.Existing.Refused)+len(f.Existing.Undecided) == 0:
			out.ok("all %d containers of this host could be started under the policy, but for what it says about images", f.Existing.All)
		default:
			if list := f.Existing.Refused; len(list) > 0 {
				out.warn(do, "%s; %s", few("%d of this host's containers could not be started under the policy", list), f.goOn())
			}
			if list := f.Existing.Undecided; len(list) > 0 {
				out.warn(do, "%s", few("of %d of this host's containers Caisson cannot say whether they could be started", list))
			}
		}
	},
})

// goOn says what the policy does about containers that it would not let be created.
func (f *Facts) goOn() string {
	p, once, running := f.Policy.Policy, "", "those that run go on"
	if p.Mode == authz.Audit {
		once = "once the policy is enforced, "
	}
	if p.Watch == authz.Enforce {
		running = "those that run are stopped"
	}
	if p.Existing == authz.Enforce {
		return once + running + ", and are not started or entered again"
	}
	return fmt.Sprintf("%s%s; whoever may use the Engine may start and enter them: existing_containers.mode is %s", once, running, p.Existing)
}

// few counts names in a sentence, and shows the first of them.
func few(sentence string, names []string) string {
	const shown = 5
	text, more := fmt.Sprintf(sentence, len(names)), ""
	if rest := len(names) - shown; rest > 0 {
		names, more = names[:shown], fmt.Sprintf(" and %d more", rest)
	}
	return text + " (" + strings.Join(names, ", ") + more + ")"
}
