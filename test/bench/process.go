package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/docker/go-plugins-helpers/authorization"
)

const (
	starts     = 15
	manyCalls  = 100_000
	bulkyBody  = 4 << 20 // of the largest request that the Engine passes on
	bulkyCalls = 8       // at once
)

// processTable measures the processes as a whole: start, memory, size of the binary.
func processTable(plugins []*plugin, calls []call, o options) (string, error) {
	t := newTable("figure", plugins[0].name, plugins[1].name, plugins[2].name)
	ready := make([][]float64, len(plugins))
	for round := range starts {
		for i := range plugins {
			i = (i + round) % len(plugins)
			p := plugins[i].again()
			if err := p.start(); err != nil {
				return "", fmt.Errorf("%s: %w\n%s", p.name, err, p.stderr)
			}
			p.stop()
			ready[i] = append(ready[i], microseconds(p.ready)/1000)
		}
	}
	t.row(each(plugins, "start to first answer, ms", func(i int, _ *plugin) (float64, error) { return median(ready[i]), nil })...)

	var cells [4][]string
	fresh := make([]*plugin, len(plugins))
	for i, p := range plugins {
		fresh[i] = p.again()
	}
	defer stopPlugins(fresh)
	if err := startAll(fresh); err != nil {
		return "", err
	}
	create := find(calls, createRequest)
	var failed error
	cells[0] = each(fresh, "RSS idle, MiB", func(_ int, p *plugin) (float64, error) { return p.memory("VmRSS") })
	cells[1] = each(fresh, fmt.Sprintf("RSS after %d creates, MiB", o.many), func(_ int, p *plugin) (float64, error) {
		failed = errors.Join(failed, p.repeat(create, o.many))
		return p.memory("VmRSS")
	})
	cells[2] = each(fresh, fmt.Sprintf("most memory with %d creates of 4 MiB at once, MiB", bulkyCalls), func(_ int, p *plugin) (float64, error) {
		failed = errors.Join(failed, p.bulky(create))
		return p.memory("VmHWM")
	})
	cells[3] = each(fresh, "binary, MiB", func(_ int, p *plugin) (float64, error) {
		info, err := os.Stat(p.binary)
		if err != nil {
			return 0, err
		}
		return float64(info.Size()) / (1 << 20), nil
	})
	for _, c := range cells {
		t.row(c...)
	}
	return t.String(), failed
}

func each(plugins []*plugin, what string, of func(int, *plugin) (float64, error)) []string {
	cells := []string{what}
	for i, p := range plugins {
		v, err := of(i, p)
		if err != nil {
			cells = append(cells, err.Error())
			continue
		}
		cells = append(cells, fmt.Sprintf("%.1f", v))
	}
	return cells
}

func find(calls []call, name string) *call {
	for i := range calls {
		if calls[i].name == name {
			return &calls[i]
		}
	}
	panic("no call " + name)
}

// repeat sends a call very often.
func (p *plugin) repeat(c *call, times int) error {
	errs := make(chan error)
	const n = 8
	for range n {
		go func() {
			s, err := dial(p, c)
			if err == nil {
				err = s.send(times / n)
				_ = s.conn.Close()
			}
			errs <- err
		}()
	}
	var err error
	for range n {
		err = errors.Join(err, <-errs)
	}
	return errors.Join(err, p.checkAudit(c))
}

// bulky sends some of the largest creates at once.
func (p *plugin) bulky(of *call) error {
	_, body, _ := bytes.Cut(of.message, []byte("\r\n\r\n"))
	var message authorization.Request
	if err := json.Unmarshal(body, &message); err != nil {
		return err
	}
	c := &call{request: true, message: encode(authorization.AuthZApiRequest, create(enlarged(message.RequestBody, bulkyBody-4096)))}
	return p.repeat(c, bulkyCalls)
}

// reloadTable measures how long clients wait while the policy is loaded anew all the time, and without that.
func reloadTable(caisson *plugin, c *call, o options) (string, error) {
	t := newTable("p99 of a create, 8 connections", "µs")
	var calm, reloading []float64
	for range o.rounds {
		s, err := caisson.load(c, 8, o.duration)
		if err != nil {
			return "", err
		}
		calm = append(calm, s.p99)
		stop, done := make(chan struct{}), make(chan error)
		go func() { done <- caisson.reload(stop) }()
		s, err = caisson.load(c, 8, o.duration)
		close(stop)
		if err := errors.Join(err, <-done); err != nil {
			return "", err
		}
		reloading = append(reloading, s.p99)
	}
	t.row("without", fmt.Sprintf("%.0f", median(calm)))
	t.row("with a reload every 50 ms", fmt.Sprintf("%.0f", median(reloading)))
	t.row("ratio", ratio(reloading, calm))
	return t.String(), nil
}

// reload makes Caisson load its policy again and again.
func (p *plugin) reload(stop chan struct{}) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-ticker.C:
			if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				return err
			}
		}
	}
}
