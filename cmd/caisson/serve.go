package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/state/docker"
	"caisson/plugin"
)

const policyUsage = "policy `FILE` (default " + policyFile + " if it is there, else the built-in profile baseline)"

// serveOptions are the flags of serve.
type serveOptions struct {
	policy, state     string
	socket, engine    string
	hostFiles         bool
	mode              string
	auditLogs         []string
	metrics           string
	logFormat, logLvl string
	grace             time.Duration
}

func newServe() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the plugin",
		Long: `Run the plugin until SIGTERM or SIGINT. SIGHUP loads the policy again; SIGUSR1 opens the audit log again.

A policy that cannot be used stops Caisson before its socket exists, unless a copy of the last good one is there. While Caisson
runs, a policy that cannot be used is reported, and the last good one stays in force.

If systemd passes a socket, that one is used and --socket is not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), &o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.policy, "policy", "", policyUsage)
	f.StringVar(&o.state, "state-dir", stateDir, "`FOLDER` for the copy of the last good policy")
	f.StringVar(&o.socket, "socket", plugin.SocketName, "`NAME` of a socket in "+plugin.SocketDir+", or its path")
	f.StringVar(&o.engine, "engine", "unix:///run/docker.sock", "`ADDRESS` of the Docker Engine, for rules that look up its objects")
	f.BoolVar(&o.hostFiles, "host-files", true, "the files that Caisson sees are those that dockerd sees; not so in a container, where links in the paths of mounts stay unseen")
	f.StringVar(&o.mode, "mode", "", "enforce or audit (record only), whatever the policy says")
	f.StringArrayVar(&o.auditLogs, "audit-log", []string{"-"}, auditUsage)
	f.StringVar(&o.metrics, "metrics", "", metricsUsage)
	f.StringVar(&o.logFormat, "log-format", "text", "format of Caisson's own log on standard error: text or json")
	f.StringVar(&o.logLvl, "log-level", "info", "level of Caisson's own log: debug, info, warn or error")
	f.DurationVar(&o.grace, "shutdown-grace", plugin.DefaultGrace, "how long requests may take after SIGTERM")
	completeValues(cmd, "mode", "enforce", "audit")
	completeValues(cmd, "log-format", "text", "json")
	completeValues(cmd, "log-level", "debug", "info", "warn", "error")
	return cmd
}

// serve checks everything that can be wrong before it makes the socket: a socket tells dockerd that there is a plugin.
func serve(ctx context.Context, o *serveOptions, stdout, stderr io.Writer) error {
	tuneCollector()
	syscall.Umask(0o027) // modes of files do not depend on who starts Caisson
	log, err := newLogger(stderr, o.logFormat, o.logLvl)
	if err != nil {
		return unusable(err)
	}
	path, err := plugin.SocketPath(o.socket)
	if err != nil {
		return unusable(fmt.Errorf("--socket: %w", err))
	}
	if err := checkEngine(o.engine); err != nil {
		return unusable(fmt.Errorf("--engine: %w", err))
	}
	destinations, err := o.destinations()
	if err != nil {
		return unusable(err)
	}
	policies, err := openPolicies(o, protector(o, path, auditFolders(destinations)), log)
	if err != nil {
		return unusable(err)
	}
	defer policies.close()
	engine, err := docker.New(o.engine) // connects when the first request needs it: dockerd does not answer before Caisson does
	if err != nil {
		return unusable(fmt.Errorf("--engine: %w", err))
	}
	defer engine.Close() //nolint:errcheck // only read from
	monitor, err := openMonitor(o.metrics, log)
	if err != nil {
		return err
	}
	defer monitor.close()
	records, err := openAudit(destinations, stdout, monitor.wrote(), log)
	if err != nil {
		return err
	}

	images, err := newAssessor(o.state, log)
	if err != nil {
		return unusable(fmt.Errorf("--state-dir: %w", err))
	}
	authorizer := &authz.Authorizer{
		Policy: policies.policy, State: engine, Images: authz.ImageAssessor{Assessor: images}, Remove: engine, Stop: engine, Audit: records, Log: log,
	}
	if o.hostFiles {
		authorizer.Files = authz.NewHost()
	}
	monitor.observe(authorizer, engine, images)
	handler := plugin.NewHandler(authorizer, log)
	ctx, stop := handleSignals(ctx, log, policies, records)
	defer stop()
	defer auditCloser(ctx, records, o.grace, log)()
	listener, err := listen(path, log)
	if err != nil {
		return &exitError{exitFailed, err}
	}
	p := policies.policy()
	log.Info("caisson is ready", zap.String("version", thisBuild().Version), zap.String("policy", p.Hash),
		zap.String("profile", string(p.Profile)), zap.Stringer("mode", p.Mode), zap.Stringer("socket", listener.Addr()))
	watcher := newWatcher(authorizer, engine, handler.LastCall, log)
	defer monitor.serve(ctx, authorizer, policies, records, handler, watcher, listener.Addr())()
	defer watcher.start(ctx)()
	server := &plugin.Server{Handler: handler, Log: log, Grace: o.grace}
	if err := server.Serve(ctx, listener); err != nil {
		return &exitError{exitFailed, err}
	}
	log.Info("caisson has stopped")
	return nil
}

// listen takes the socket that systemd passes, or else makes one.
func listen(path string, log *zap.Logger) (net.Listener, error) {
	l, err := plugin.Activated(log)
	if l != nil || err != nil {
		return l, err
	}
	return plugin.Listen(path, log)
}

func checkEngine(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%q is not an address", address)
	}
	if u.Scheme != "unix" || u.Host != "" || !filepath.IsAbs(u.Path) || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("use unix:// and an absolute path; other addresses would need credentials")
	}
	return nil
}
