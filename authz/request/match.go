package request

import "strings"

// pattern is a compiled route template. The Engine's templates hold a variable that may span slashes ({name:.*}, {id:.+}) at most
// once, or variables of one segment ({id}); so a pattern is either "prefix, variable, suffix" or a list of segments.
//
// This replaces gorilla/mux's regular expressions on the hot path; a fuzz test holds it equal to a mux.Router that is set up
// as dockerd sets up its own (see docs/decisions/0002-route-matching.md).
type pattern struct {
	route          *Route
	prefix, suffix string
	variable       string // name of the variable that may span slashes, if any
	min            int    // its least length: 0 for .*, 1 for .+
	segments       []string
}

// byMethod holds the patterns of each method, in table order.
var byMethod = compile(table)

func compile(routes []Route) map[string][]pattern {
	m := make(map[string][]pattern)
	for i := range routes {
		r := &routes[i]
		m[r.Method] = append(m[r.Method], compileOne(r))
	}
	return m
}

func compileOne(r *Route) pattern {
	p := pattern{route: r}
	open, end := strings.IndexByte(r.Template, '{'), strings.LastIndexByte(r.Template, '}')
	name, expr, spans := "", "", false
	if open >= 0 {
		name, expr, spans = strings.Cut(r.Template[open+1:end], ":")
	}
	switch {
	case open < 0:
		p.prefix = r.Template
	case spans:
		p.prefix, p.suffix, p.variable = r.Template[:open], r.Template[end+1:], name
		if expr == ".+" {
			p.min = 1
		}
	default:
		p.segments = strings.Split(r.Template, "/")
	}
	return p
}

// match finds the route of a method and a decoded path without version prefix, and the values of its variables.
func match(method, path string) (*Route, Vars) {
	list := byMethod[method]
	for i := range list {
		if vars, ok := list[i].match(path); ok {
			return list[i].route, vars
		}
	}
	return nil, Vars{}
}

func (p *pattern) match(path string) (vars Vars, ok bool) {
	switch {
	case p.segments != nil:
		return matchSegments(p.segments, path)
	case p.variable == "":
		return vars, path == p.prefix
	}
	n := len(path) - len(p.prefix) - len(p.suffix)
	if n < p.min || !strings.HasPrefix(path, p.prefix) || !strings.HasSuffix(path, p.suffix) {
		return vars, false
	}
	value := path[len(p.prefix) : len(p.prefix)+n]
	if strings.Contains(value, "\n") { // "." does not match a newline
		return vars, false
	}
	return vars, vars.add(p.variable, value)
}

func matchSegments(template []string, path string) (vars Vars, ok bool) {
	if strings.Count(path, "/")+1 != len(template) {
		return Vars{}, false
	}
	for _, t := range template {
		var got string
		got, path, _ = strings.Cut(path, "/")
		if name, ok := strings.CutPrefix(t, "{"); ok && got != "" {
			if !vars.add(strings.TrimSuffix(name, "}"), got) {
				return Vars{}, false
			}
		} else if t != got {
			return Vars{}, false
		}
	}
	return vars, true
}
