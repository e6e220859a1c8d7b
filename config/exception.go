package config

import (
	"fmt"
	"reflect"

	"github.com/distribution/reference"

	"caisson/authz"
	"caisson/authz/rules"
)

// exceptions compiles the [[exceptions]] of a file. Those that have ended are compiled too: the time of a decision says what
// counts, not the time of loading.
func (d *decoder) exceptions(tables []map[string]any) []authz.Exception {
	var list []authz.Exception
	seen := map[string]bool{}
	for i, table := range tables {
		p := path("exceptions").index(i)
		var t exceptionTable
		d.decodeStruct(p, table, reflect.ValueOf(&t).Elem())
		if t.Name != "" && seen[t.Name] {
			d.problem(p.key("name"), "%q is the name of another exception", t.Name)
		}
		seen[t.Name] = true
		list = append(list, d.exception(p, &t))
	}
	return list
}

// exception compiles one of them.
func (d *decoder) exception(p path, t *exceptionTable) authz.Exception {
	e := authz.Exception{Name: t.Name, User: t.User, Owner: t.Owner, Reason: t.Reason}
	d.required(p, t)
	for i, id := range t.Rules {
		spec, at := rules.Get(rules.ID(id)), p.key("rules").index(i)
		switch {
		case d.reported(at):
		case spec == nil:
			d.problem(at, "unknown rule %q%s", id, UnknownRule(id))
		case spec.Permanent:
			d.problem(at, "%q cannot be waived: %s", id, spec.Fix)
		}
		e.Rules = append(e.Rules, rules.ID(id))
	}
	if t.Image != "" {
		image, err := canonical(t.Image)
		if err != nil {
			d.problem(p.key("image"), "%v", err)
		}
		e.Image = image
	}
	if !t.Expires.IsZero() {
		end, err := rules.Expiry(t.Expires)
		if err != nil {
			d.problem(p.key("expires"), "%v", err)
		}
		e.Expires = end
	}
	return e
}

// required reports the keys that an exception must have and has not.
func (d *decoder) required(p path, t *exceptionTable) {
	d.missing(p, "name", t.Name == "")
	d.missing(p, "rules", len(t.Rules) == 0)
	d.missing(p, "expires", t.Expires.IsZero())
	d.missing(p, "owner", t.Owner == "")
	d.missing(p, "reason", t.Reason == "")
	// An image or user that is there and empty would mean any. Whoever wants that leaves the key out.
	image, user := p.key("image"), p.key("user")
	d.missing(p, "image", t.Image == "" && d.lines[image] > 0)
	d.missing(p, "user", t.User == "" && d.lines[user] > 0)
	if d.lines[image] == 0 && d.lines[user] == 0 {
		d.problem(p, "image or user is missing; an exception is for one image, one user or both")
	}
}

// missing reports a key that a table must have, and has not, or has without a value.
func (d *decoder) missing(table path, key string, empty bool) {
	at := table.key(key)
	switch {
	case !empty || d.reported(at):
	case d.lines[at] > 0:
		d.problem(at, "is empty")
	default:
		d.problem(table, "%s is missing", key)
	}
}

// canonical reads an image that is named by digest. A name or a tag would not do: whoever builds images can give them to any
// image, and with it what the exception waives. A tag beside a digest counts for nothing and is dropped, as the Engine does.
func canonical(image string) (reference.Canonical, error) {
	named, err := reference.ParseDockerRef(image)
	if err != nil {
		return nil, fmt.Errorf("%q is not an image: %w", image, err)
	}
	c, ok := named.(reference.Canonical)
	if !ok {
		return nil, fmt.Errorf("%q has no digest; a tag can be given to any image, write repository@sha256:…", image)
	}
	return c, nil
}
