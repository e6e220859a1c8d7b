package authz

import (
	"slices"
	"sort"
	"time"

	"github.com/distribution/reference"

	"caisson/authz/request"
	"caisson/authz/rules"
)

// Exception waives rules for one image or one user until a day. Owner and reason are there so that somebody can be asked.
type Exception struct {
	Name    string
	Rules   []rules.ID
	Image   reference.Canonical // by digest: a name alone can be given to any image. nil matches every image.
	User    string              // common name of the TLS client certificate; "" matches every user
	Owner   string
	Reason  string
	Expires time.Time // the first moment at which it no longer counts
}

// exceptionIndex finds exceptions by what they are for.
type exceptionIndex map[exceptionKey][]indexed

// exceptionKey is what an exception names. An empty text stands for everything.
type exceptionKey struct {
	rule  rules.ID
	image string // name@digest
	user  string
}

// indexed is an exception and its place in the policy. In a list of one key later ones also expire later: all others never count.
type indexed struct {
	at int
	e  *Exception
}

func indexExceptions(list []Exception) exceptionIndex {
	x := make(exceptionIndex)
	for i := range list {
		e := &list[i]
		key := exceptionKey{user: e.User}
		if e.Image != nil {
			key.image = canonical(e.Image)
		}
		for _, key.rule = range e.Rules {
			if same := x[key]; len(same) == 0 || e.Expires.After(same[len(same)-1].e.Expires) {
				x[key] = append(same, indexed{i, e})
			}
		}
	}
	return x
}

// find returns the first exception of the policy that waives a rule for an image and a user at a time, nil if there is none.
func (x exceptionIndex) find(rule rules.ID, image, user string, now time.Time) *Exception {
	if len(x) == 0 {
		return nil
	}
	best := indexed{}
	for _, key := range [...]exceptionKey{{rule, "", ""}, {rule, image, ""}, {rule, "", user}, {rule, image, user}} {
		list := x[key]
		i := sort.Search(len(list), func(i int) bool { return now.Before(list[i].e.Expires) })
		if i < len(list) && (best.e == nil || list[i].at < best.at) {
			best = list[i]
		}
	}
	return best.e
}

// exceptedForAnyone returns the first exception that waives a rule for an image at a time, for whichever user.
func (p *plan) exceptedForAnyone(rule rules.ID, image string, now time.Time) *Exception {
	for i := range p.policy.Exceptions {
		e := &p.policy.Exceptions[i]
		if slices.Contains(e.Rules, rule) && now.Before(e.Expires) && (e.Image == nil || canonical(e.Image) == image) {
			return e
		}
	}
	return nil
}

func canonical(image reference.Canonical) string { return image.Name() + "@" + image.Digest().String() }

// imageOf is the image of a request by name and digest, "" if it names its image in any other way, by tag or by ID.
func imageOf(r *request.Request) string {
	if r.Workload == nil || !r.Workload.Image.Has() {
		return ""
	}
	named, err := request.ParseImage(r.Workload.Image.V)
	if err != nil {
		return ""
	}
	if image, ok := named.(reference.Canonical); ok {
		return canonical(image)
	}
	return ""
}

// userOf is the common name of the client certificate, "" without one.
func userOf(r *request.Request) string {
	if r.Call.AuthMethod != "TLS" {
		return ""
	}
	return r.Call.User
}
