package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/rules"
	"caisson/config"
)

const (
	policyFile = "/etc/caisson/policy.toml"
	stateDir   = "/var/lib/caisson"
)

// policies holds the policy in force.
type policies struct {
	file string
	mode *authz.Mode // overrides the policy's
	log  *zap.Logger
	now  atomic.Pointer[authz.Policy]
}

func openPolicies(o *serveOptions, log *zap.Logger) (*policies, error) {
	p := &policies{file: o.policy, log: log}
	if o.mode != "" {
		p.mode = new(authz.Mode)
		if err := p.mode.UnmarshalText([]byte(o.mode)); err != nil || *p.mode == authz.Off {
			return nil, fmt.Errorf("--mode %q is not one of enforce, audit", o.mode)
		}
	}
	policy, err := p.load()
	if err != nil {
		return nil, err
	}
	p.now.Store(policy)
	return p, nil
}

func (p *policies) load() (*authz.Policy, error) {
	policy, err := loadPolicy(p.file, p.log)
	if err == nil && p.mode != nil {
		policy.Mode = *p.mode
	}
	return policy, err
}

// loadPolicy reads the policy of a file, or the default one.
func loadPolicy(file string, log *zap.Logger) (*authz.Policy, error) {
	if file == "" {
		file = policyFile
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			log.Info("there is no policy file; the built-in profile is in force", zap.String("file", file), zap.String("profile", string(rules.Baseline)))
			return config.Default(rules.Baseline), nil
		}
	}
	f, err := config.Load(file, time.Now())
	if err != nil {
		return nil, err
	}
	for _, w := range f.Warnings {
		log.Warn("policy", zap.Stringer("warning", w))
	}
	return f.Policy, nil
}

// Policy returns the policy in force.
func (p *policies) Policy() *authz.Policy { return p.now.Load() }

// Reload puts the file's policy in force, if it is good.
func (p *policies) Reload() {
	policy, err := p.load()
	if err != nil {
		p.log.Error("the policy cannot be used; the last good one stays in force", zap.Error(err))
		return
	}
	p.now.Store(policy)
	p.log.Info("reloaded the policy", zap.String("policy", policy.Hash))
}

// Close stops watching.
func (p *policies) Close() {}
