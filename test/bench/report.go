package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

// key names the samples of one plugin with one call.
type key struct {
	plugin, call string
	connections  int
}

// results is what has been measured.
type results struct {
	plugins []*plugin // the first is the reference
	calls   []call
	samples map[key][]sample // one for each round
}

// measures are the figures of a sample.
var measures = []struct {
	name string
	of   func(sample) float64
	sums bool // a sum over calls means something
}{
	{"p50 µs", func(s sample) float64 { return s.p50 }, true},
	{"p99 µs", func(s sample) float64 { return s.p99 }, false},
	{"CPU µs", func(s sample) float64 { return s.cpu }, true},
}

// table renders the results in Markdown. Figures are medians of the rounds, ratios medians of the ratios of each round.
func (r *results) table() string {
	var b strings.Builder
	b.WriteString("| call | connections | measure |")
	for _, p := range r.plugins {
		b.WriteString(" " + p.name + " |")
	}
	for _, p := range r.plugins[1:] {
		b.WriteString(" " + p.name + " : " + r.plugins[0].name + " |")
	}
	b.WriteString("\n|---|--:|---|" + strings.Repeat("--:|", 2*len(r.plugins)-1) + "\n")
	for i := range r.calls {
		for _, n := range connections {
			r.rows(&b, r.calls[i].name, n, r.calls[i].name)
		}
	}
	for _, n := range connections {
		r.rows(&b, "create, request + response", n, createRequest, createResponse)
	}
	r.memoryRow(&b, "idle", func(p *plugin) float64 { return p.rssIdle })
	r.memoryRow(&b, "after the load", func(p *plugin) float64 { return p.rssAfter })
	return b.String()
}

// rows writes the measures of one call, or of the sum of some.
func (r *results) rows(b *strings.Builder, title string, n int, calls ...string) {
	for _, m := range measures {
		if len(calls) > 1 && !m.sums {
			continue
		}
		fmt.Fprintf(b, "| %s | %d | %s |", title, n, m.name)
		byPlugin := make([][]float64, len(r.plugins))
		for i, p := range r.plugins {
			byPlugin[i] = r.sums(p.name, n, calls, m.of)
			fmt.Fprintf(b, " %.1f |", quantile(byPlugin[i], 0.5))
		}
		for _, of := range byPlugin[1:] {
			ratios := make([]float64, len(of))
			for round := range of {
				ratios[round] = of[round] / byPlugin[0][round]
			}
			fmt.Fprintf(b, " %.2f (%.2f–%.2f) |", quantile(ratios, 0.5), quantile(ratios, 0.25), quantile(ratios, 0.75))
		}
		b.WriteString("\n")
	}
}

// sums adds up one measure over calls, for each round.
func (r *results) sums(plugin string, n int, calls []string, of func(sample) float64) []float64 {
	var sums []float64
	for _, c := range calls {
		for round, s := range r.samples[key{plugin, c, n}] {
			if round == len(sums) {
				sums = append(sums, 0)
			}
			sums[round] += of(s)
		}
	}
	return sums
}

func (r *results) memoryRow(b *strings.Builder, when string, of func(*plugin) float64) {
	fmt.Fprintf(b, "| memory %s | | RSS MiB |", when)
	for _, p := range r.plugins {
		fmt.Fprintf(b, " %.1f |", of(p))
	}
	for _, p := range r.plugins[1:] {
		fmt.Fprintf(b, " %.2f |", of(p)/of(r.plugins[0]))
	}
	b.WriteString("\n")
}

// quantile interpolates between the values next to it.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// machine says where and how long the measurement was taken.
func machine(o options) string {
	model, kernel := "unknown processor", "Linux"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name\t: "); ok {
			model, _, _ = strings.Cut(rest, "\n")
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		if v := strings.SplitN(string(text), ".", 3); len(v) == 3 {
			kernel += " " + v[0] + "." + v[1]
		}
	}
	return fmt.Sprintf("%d rounds of %v for each figure, on %d × %s, %s, %s.", o.rounds, o.duration, runtime.NumCPU(), model, kernel, runtime.Version())
}

// document is a Markdown file with parts that are written by this program, between <!-- NAME: begin --> and <!-- NAME: end -->.
type document struct {
	file string
	text string
}

func openDocument(file string) (*document, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	d := &document{file, string(text)}
	for _, part := range []string{"socket", "in-process"} {
		if _, _, ok := d.find(part); !ok {
			return nil, fmt.Errorf("%s has no markers for the part %s", file, part)
		}
	}
	return d, nil
}

// find returns where a part begins and ends.
func (d *document) find(part string) (begin, end int, ok bool) {
	opening := "<!-- " + part + ": begin -->\n"
	begin = strings.Index(d.text, opening) + len(opening)
	length := strings.Index(d.text[min(begin, len(d.text)):], "<!-- "+part+": end -->")
	return begin, begin + length, begin >= len(opening) && length >= 0
}

func (d *document) replace(part, content string) {
	begin, end, _ := d.find(part)
	d.text = d.text[:begin] + "\n" + content + "\n" + d.text[end:]
}

func (d *document) write() error { return os.WriteFile(d.file, []byte(d.text), 0o644) }
