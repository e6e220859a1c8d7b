package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-plugins-helpers/authorization"
)

// sizes are numbers of exceptions and of bind prefixes in a policy.
var sizes = []int{10, 100, 1000}

const digest = "@sha256:9f2c3c1d6e4b5a7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7"

// grownPolicy has n exceptions and n bind prefixes. What the call of growthCall needs comes last.
func grownPolicy(n int) string {
	var b strings.Builder
	b.WriteString(policy + "\n[rules.bind-mounts]\nallow = [\n")
	for i := range n {
		fmt.Fprintf(&b, "  { path = \"/srv/team-%04d/data/**\" },\n", i)
	}
	fmt.Fprintf(&b, "  { path = \"/srv/last/**\" },\n]\n")
	exception := func(name, image string) {
		fmt.Fprintf(&b, "\n[[exceptions]]\nname = %q\nrules = [\"read-only-rootfs\"]\nimage = %q\nexpires = 2099-01-01\nowner = \"ops\"\nreason = \"x\"\n", name, image)
	}
	for i := range n {
		exception("e-"+strconv.Itoa(i), fmt.Sprintf("registry.example/team/app-%d%s", i, digest))
	}
	exception("last", "registry.example/team/web"+digest)
	return b.String()
}

// growthCall is a create that mounts below the last prefix, and passes by the last exception.
func growthCall(permitted []byte) call {
	body := strings.NewReplacer(`"Binds":[]`, `"Binds":["/srv/last/a:/a"]`, `"ReadonlyRootfs":true`, `"ReadonlyRootfs":false`).Replace(string(permitted))
	return call{"create with a bind and an exception", true, encode(authorization.AuthZApiRequest, create([]byte(body))), false}
}

// policyGrowth measures one create under policies of several sizes.
func policyGrowth(b *programs, dir string, permitted []byte, o options) (text string, err error) {
	var plugins []*plugin
	defer func() { stopPlugins(plugins) }()
	for _, n := range sizes {
		p, err := b.newCaisson(fmt.Sprintf("caisson-%d", n), dir, grownPolicy(n), "unix:///nowhere/docker.sock")
		if err != nil {
			return "", err
		}
		plugins = append(plugins, p)
	}
	if err := startAll(plugins); err != nil {
		return "", err
	}
	r, err := measure(o, plugins, []call{growthCall(permitted)}, []int{1})
	if err != nil {
		return "", err
	}
	t := newTable("exceptions and bind prefixes, each", "p50 µs", "CPU µs", "p50 : that of 10", "CPU : that of 10")
	p50 := func(s sample) float64 { return s.p50 }
	cpu := func(s sample) float64 { return s.cpu }
	var places []string
	lines := make([][]float64, 2)
	base := r[0].by[plugins[0].name]
	for i, p := range plugins {
		s := r[0].by[p.name]
		places = append(places, strconv.Itoa(sizes[i]))
		lines[0], lines[1] = append(lines[0], median(s.of(p50))), append(lines[1], median(s.of(cpu)))
		t.row(places[i], fmt.Sprintf("%.1f", median(s.of(p50))), fmt.Sprintf("%.1f", median(s.of(cpu))), ratio(s.of(p50), base.of(p50)), ratio(s.of(cpu), base.of(cpu)))
	}
	return t.String() + "\n" + chart("A create against the size of the policy", "exceptions and bind prefixes", places, "µs", []string{"p50", "CPU"}, lines), nil
}

// bodySizes are those of create bodies.
var bodySizes = []struct {
	name string
	size int
}{{"2.3 KB", 0}, {"16 KiB", 16 << 10}, {"128 KiB", 128 << 10}, {"1 MiB", 1 << 20}, {"4 MiB", bulkyBody - 4096}}

// bodyGrowth measures creates of several sizes.
func bodyGrowth(plugins []*plugin, permitted []byte, o options) (string, error) {
	var calls []call
	var places []string
	for _, b := range bodySizes {
		places = append(places, strconv.Quote(b.name))
		calls = append(calls, call{b.name, true, encode(authorization.AuthZApiRequest, create(enlarged(permitted, b.size))), false})
	}
	rows, err := measure(o, plugins, calls, []int{1})
	if err != nil {
		return "", err
	}
	return grown("A create against the size of its body, ms of p50", "body", places, plugins, rows, func(s sample) float64 { return s.p50 / 1000 }, 3), nil
}

// connectionGrowth measures a create on several numbers of connections.
func connectionGrowth(plugins []*plugin, c *call, o options) (string, error) {
	numbers := []int{1, 2, 4, 8, 16, 32}
	rows, err := measure(o, plugins, []call{*c}, numbers)
	if err != nil {
		return "", err
	}
	var places []string
	for _, n := range numbers {
		places = append(places, strconv.Itoa(n))
	}
	return grown("A create against the number of connections, µs of CPU", "connections", places, plugins, rows, func(s sample) float64 { return s.cpu }, 1), nil
}

// grown renders one measure of all plugins at several places, as a table and a chart.
func grown(title, x string, places []string, plugins []*plugin, rows []row, of func(sample) float64, digits int) string {
	t := newTable(x, "null-sdk", "floor", "caisson", "caisson : null-sdk")
	lines := make([][]float64, len(plugins))
	names := make([]string, len(plugins))
	for i, r := range rows {
		cells := []string{strings.Trim(places[i], `"`)}
		for j, p := range plugins {
			m := median(r.by[p.name].of(of))
			names[j], lines[j] = p.name, append(lines[j], m)
			cells = append(cells, fmt.Sprintf("%.*f", digits, m))
		}
		t.row(append(cells, ratio(r.by["caisson"].of(of), r.by["null-sdk"].of(of)))...)
	}
	return t.String() + "\n" + chart(title, x, places, "", names, lines)
}

// growth measures how costs grow.
func growth(b *programs, dir string, plugins []*plugin, calls []call, permitted []byte, o options) (string, error) {
	policy, err1 := policyGrowth(b, dir, permitted, o)
	short := o
	short.rounds = max(1, o.rounds/3)
	body, err2 := bodyGrowth(plugins, permitted, short)
	connections, err3 := connectionGrowth(plugins, find(calls, createRequest), short)
	return strings.Join(slices.Concat([]string{policy, body, connections}), "\n"), errors.Join(err1, err2, err3)
}
