package main

import (
	"fmt"
	"strings"
)

// A series is the measurements of one plugin under one load, one for each round.
type series []sample

// a row is one line of the table: a measure of all plugins under one load.
type row struct {
	what        string
	connections int
	by          map[string]series // by the plugins' names
}

// of lists one measure of each round.
func (s series) of(measure func(sample) float64) []float64 {
	list := make([]float64, len(s))
	for i := range s {
		list[i] = measure(s[i])
	}
	return list
}

// plus adds up the measurements of each round.
func (s series) plus(t series) series {
	sum := make(series, len(s))
	for i := range s {
		sum[i] = sample{p50: s[i].p50 + t[i].p50, p99: s[i].p99 + t[i].p99, cpu: s[i].cpu + t[i].cpu}
	}
	return sum
}

// ratio words the median of the ratios of each round, with the quartiles.
func ratio(of, to []float64) string {
	list := make([]float64, len(of))
	for i := range of {
		list[i] = of[i] / to[i]
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", quantile(list, 0.5), quantile(list, 0.25), quantile(list, 0.75))
}

func median(list []float64) float64 { return quantile(list, 0.5) }

// table is a Markdown table.
type table struct {
	strings.Builder
	columns int
}

func newTable(columns ...string) *table {
	t := &table{columns: len(columns)}
	t.row(columns...)
	t.WriteString("|---|" + strings.Repeat("--:|", len(columns)-1) + "\n")
	return t
}

func (t *table) row(cells ...string) { t.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
