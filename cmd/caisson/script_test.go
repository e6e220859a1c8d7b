package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"caisson": main})
}

// TestScript runs the scripts of testdata/script. Besides testscript's own commands they have those below.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			// The path of a socket must be short, and that of the script's folder is not.
			dir, err := os.MkdirTemp("/tmp", "caisson-") //nolint:usetesting // too long
			e.Defer(func() { _ = os.RemoveAll(dir) })
			// With the race detector, a program waits for a second before it ends.
			e.Vars = append(e.Vars, "RUN="+dir, "GORACE=atexit_sleep_ms=0")
			return err
		},
		Condition: func(name string) (bool, error) {
			if name != "installed" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			_, err := os.Lstat(policyFile)
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"serving": serving,
			"ask":     ask,
			"page":    page,
			"signal":  sendSignal,
			"mode":    mode,
			"logged":  logged,
		},
	})
}

// exits CODE COMMAND...: runs a command that must end with a code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want || neg {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func eventually(ts *testscript.TestScript, what string, f func() bool) {
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("in vain: %s", what)
		}
	}
}

// serving SOCKET: waits until a socket is accepted on, or with ! is not there.
func serving(ts *testscript.TestScript, neg bool, args []string) {
	eventually(ts, "wait for "+args[0], func() bool {
		conn, err := net.Dial("unix", args[0])
		if err == nil {
			_ = conn.Close()
		}
		return err == nil && !neg || errors.Is(err, os.ErrNotExist) && neg
	})
}

var decisionID = regexp.MustCompile(`[0-9A-HJKMNP-TV-Z]{26}`)

// ask SOCKET FILE TEXT: posts a message until the answer, in which ID stands for the ID of the decision, is a text.
func ask(ts *testscript.TestScript, _ bool, args []string) {
	message := ts.ReadFile(args[1])
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", args[0]) },
	}}
	var last string
	defer func() { ts.Logf("answer: %s", last) }()
	eventually(ts, args[2], func() bool {
		answer, err := client.Post("http://caisson/AuthZPlugin.AuthZReq", "", strings.NewReader(message))
		ts.Check(err)
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		ts.Check(err)
		last = string(bytes.TrimSpace(decisionID.ReplaceAll(text, []byte("ID"))))
		return last == args[2]
	})
}

// page SOCKET PATH LINE: gets a page until it has a line.
func page(ts *testscript.TestScript, _ bool, args []string) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", args[0]) },
	}}
	var last string
	defer func() { ts.Logf("page: %s", last) }()
	eventually(ts, args[2], func() bool {
		answer, err := client.Get("http://caisson" + args[1])
		ts.Check(err)
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		ts.Check(err)
		last = string(text)
		return strings.Contains("\n"+last, "\n"+args[2]+"\n")
	})
}

// signal NAME: sends a signal to the last command in the background.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	s, ok := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "USR1": syscall.SIGUSR1, "TERM": syscall.SIGTERM}[args[0]]
	background := ts.BackgroundCmds()
	if !ok || len(background) == 0 {
		ts.Fatalf("no such signal, or nothing in the background")
	}
	ts.Check(background[len(background)-1].Process.Signal(s))
}

// mode MODE FILE: checks type and permissions, as ls shows them.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Lstat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := info.Mode().String(); got != args[0] {
		ts.Fatalf("mode is %s, want %s", got, args[0])
	}
}

// logged FILE TEXT: waits until a log holds a text.
func logged(ts *testscript.TestScript, _ bool, args []string) {
	eventually(ts, args[1], func() bool { return strings.Contains(ts.ReadFile(args[0]), args[1]) })
}
