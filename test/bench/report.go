package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// measures are the figures of a sample.
var measures = []struct {
	name string
	of   func(sample) float64
}{
	{"p50 µs", func(s sample) float64 { return s.p50 }},
	{"p99 µs", func(s sample) float64 { return s.p99 }},
	{"CPU µs", func(s sample) float64 { return s.cpu }},
}

// socketTable renders what was measured over the socket. Figures are medians of the rounds, ratios medians of the ratios of each round.
func socketTable(plugins []*plugin, rows []row) string {
	columns := []string{"call", "connections", "measure"}
	for _, p := range plugins {
		columns = append(columns, p.name)
	}
	for _, p := range plugins[1:] {
		columns = append(columns, p.name+" : "+plugins[0].name)
	}
	columns = append(columns, "caisson : floor")
	t := newTable(columns...)
	for _, r := range rows {
		for _, m := range measures {
			cells := []string{r.what, strconv.Itoa(r.connections), m.name}
			for _, p := range plugins {
				cells = append(cells, fmt.Sprintf("%.1f", median(r.by[p.name].of(m.of))))
			}
			for _, p := range plugins[1:] {
				cells = append(cells, ratio(r.by[p.name].of(m.of), r.by[plugins[0].name].of(m.of)))
			}
			t.row(append(cells, ratio(r.by["caisson"].of(m.of), r.by["floor"].of(m.of)))...)
		}
	}
	return t.String()
}

// quantile interpolates between the values next to it.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// chart draws lines over the same places, as a Mermaid chart.
func chart(title, x string, places []string, y string, names []string, lines [][]float64) string {
	top := 0.0
	var b strings.Builder
	for i, line := range lines {
		values := make([]string, len(line))
		for j, v := range line {
			values[j] = fmt.Sprintf("%.1f", v)
			top = max(top, v)
		}
		fmt.Fprintf(&b, "    line %q [%s]\n", names[i], strings.Join(values, ", "))
	}
	return fmt.Sprintf("```mermaid\nxychart-beta\n    title %q\n    x-axis %q [%s]\n    y-axis %q 0 --> %.0f\n%s```\n",
		title+" ("+strings.Join(names, ", ")+")", x, strings.Join(places, ", "), y, 1.1*top+1, &b)
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
	return fmt.Sprintf("%d rounds of %v for each figure, on %d × %s, %s, %s; load average before it began: %s.\n",
		o.rounds, o.duration, runtime.NumCPU(), model, kernel, runtime.Version(), loadAverage())
}

// document is a Markdown file with parts that are written by this program, between <!-- NAME: begin --> and <!-- NAME: end -->.
type document struct {
	file string
	text string
}

// parts are those that the document must have.
var parts = []string{"socket", "engines", "process", "growth", "in-process"}

func openDocument(file string) (*document, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	d := &document{file, string(text)}
	for _, part := range parts {
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
