package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/request"
	"caisson/config"
)

// checkTime bounds a check: whoever asks waits a little longer than this at most.
const checkTime = 2 * time.Second

// Check is one condition of health. It returns what is wrong, in words for whoever may read metrics.
type Check struct {
	Name string
	Run  func(context.Context) error
}

// Decides checks that the authorizer comes to a decision, which is that on a ping. It is neither recorded nor counted.
func Decides(a *authz.Authorizer) Check {
	probe := &authz.Authorizer{Policy: a.Policy, Log: a.Log, Deadline: checkTime}
	return Check{"decision", func(ctx context.Context) error {
		if d := probe.Authorize(ctx, request.Call{Method: http.MethodGet, Target: "/_ping"}); d.Verdict == authz.Undecided {
			return d.Err
		}
		return nil
	}}
}

// Loaded checks that there is a policy, and that it is what its file says.
func Loaded(policy func() *authz.Policy, reloads func() config.Stats) Check {
	return Check{"policy", func(context.Context) error {
		switch {
		case policy() == nil:
			return errors.New("no policy is in force")
		case reloads().Failed:
			return errors.New("the policy file cannot be used, and an earlier policy is in force; Caisson's log says why")
		}
		return nil
	}}
}

// Recorded checks that all local sinks of the audit log take records.
func Recorded(status func() []audit.Status) Check {
	return Check{"audit", func(context.Context) error {
		var errs []error
		for _, s := range status() {
			if s.Local && s.Err != nil {
				errs = append(errs, fmt.Errorf("%s takes no records since %s: %w", s.Sink, s.Since.UTC().Format(time.RFC3339), s.Err))
			}
		}
		return errors.Join(errs...)
	}}
}

// health is the answer of a health endpoint.
type health struct {
	Status string   `json:"status"` // ok or failing
	Checks []result `json:"checks"`
}

type result struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
}

// Health answers 200 if all checks are good, and 503 if one is not. The body says which.
func Health(checks ...Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), checkTime)
		defer cancel()
		h, status := health{Status: "ok"}, http.StatusOK
		for _, c := range checks {
			res := result{Name: c.Name, OK: true}
			if err := run(ctx, c); err != nil {
				res.OK, res.Problem = false, err.Error()
				h.Status, status = "failing", http.StatusServiceUnavailable
			}
			h.Checks = append(h.Checks, res)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(h) // if whoever asked has gone there is nobody to tell
	})
}

// run runs a check, and does not wait for one that hangs.
func run(ctx context.Context, c Check) error {
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errors.New("no answer in time")
	}
}
