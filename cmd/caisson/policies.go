package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/image/revocation"
	"caisson/authz/rules"
	"caisson/config"
)

// Where things are unless a flag says otherwise.
const (
	policyFile = "/etc/caisson/policy.toml"
	stateDir   = "/var/lib/caisson"
)

// policies holds the policy in force, with the mode that --mode gives it.
type policies struct {
	store *config.Store
	mode  *authz.Mode // nil leaves it to the policy

	overridden atomic.Pointer[override]
	stop       context.CancelFunc
	watching   sync.WaitGroup
}

// override is a policy and the same one with another mode.
type override struct{ from, to *authz.Policy }

// openPolicies puts the policy in force and follows its file until close.
func openPolicies(o *serveOptions, protect func(*authz.Policy), log *zap.Logger) (*policies, error) {
	p := &policies{}
	if o.mode != "" {
		p.mode = new(authz.Mode)
		if err := p.mode.UnmarshalText([]byte(o.mode)); err != nil || *p.mode == authz.Off {
			return nil, fmt.Errorf("--mode %q is not one of enforce, audit", o.mode)
		}
	}
	options := config.StoreOptions{Path: o.policyPath(), Optional: o.policy == "", Prepare: protect, Log: log}
	options.Reader.Answers = revocation.NewAnswers(filepath.Join(o.state, "revocation"))
	path, err := filepath.Abs(options.Path)
	if err != nil {
		return nil, err
	}
	// The copy is kept under the path of the file, so that a service never starts with what another one left.
	options.LastGood = filepath.Join(o.state, "last-good", path)
	_, missing := os.Stat(options.LastGood)
	if p.store, err = config.Open(options); err != nil {
		if both, ok := err.(interface{ Unwrap() []error }); ok && errors.Is(missing, fs.ErrNotExist) {
			err = both.Unwrap()[0] // that there is no copy either is no mistake of the user's
		}
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.watching.Go(func() { p.store.Watch(ctx) })
	return p, nil
}

func (o *serveOptions) policyPath() string {
	if o.policy == "" {
		return policyFile
	}
	return o.policy
}

func (p *policies) close() {
	p.stop()
	p.watching.Wait()
}

// policy returns the policy in force. It is asked for at every decision.
func (p *policies) policy() *authz.Policy {
	now := p.store.Policy()
	if p.mode == nil || now.Mode == *p.mode {
		return now
	}
	if o := p.overridden.Load(); o != nil && o.from == now {
		return o.to
	}
	other := *now
	other.Mode = *p.mode
	p.overridden.Store(&override{from: now, to: &other})
	return &other
}

// loadPolicy reads a policy once: that of a file, or without one what serve would use.
func loadPolicy(file string) (*config.File, error) {
	if file != "" {
		return config.Load(file, time.Now())
	}
	f, err := config.Load(policyFile, time.Now())
	if errors.Is(err, fs.ErrNotExist) {
		if _, linkErr := os.Lstat(policyFile); errors.Is(linkErr, fs.ErrNotExist) {
			return config.Builtin(rules.Baseline), nil
		}
	}
	return f, err
}
