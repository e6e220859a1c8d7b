package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody runs PostgreSQL, which refuses to run as root.
const nobody = 65534

// startPostgres starts a database that listens on a socket in a folder only, and keeps its files there. It ends with the test. The programs are copied
// to the folder: whoever runs them may not be let into the cache.
func startPostgres(tb testing.TB, installed, folder string) error {
	tb.Helper()
	data := filepath.Join(folder, "database")
	if err := errors.Join(
		run("cp", "--recursive", installed, filepath.Join(folder, "postgresql")),
		os.Mkdir(data, 0o700), os.Chown(data, nobody, nobody), os.Chown(folder, nobody, nobody),
	); err != nil {
		return err
	}
	programs := filepath.Join(folder, "postgresql/lib/postgresql/15/bin")
	as := &syscall.Credential{Uid: nobody, Gid: nobody}
	initdb := exec.Command(filepath.Join(programs, "initdb"), "--pgdata", data, "--username=clair", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: as}, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	log, err := openLog(filepath.Join(folder, "postgres.log"))
	if err != nil {
		return err
	}
	server := exec.Command(filepath.Join(programs, "postgres"), "-D", data, "-k", folder, "-c", "listen_addresses=",
		"-c", "jit=off", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	server.Stdout, server.Stderr, server.Dir = log.File, log.File, folder
	// Killed at once, it would leave its shared memory behind.
	server.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT}
	p, err := startProcess(server)
	if err != nil {
		return err
	}
	tb.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		if err := p.waitExit(stopTimeout); err != nil {
			tb.Error(err)
			p.kill()
		}
	})
	if err := p.waitFor(func() bool { return strings.Contains(log.text(), "ready to accept connections") }); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(log.text()))
	}
	return nil
}
