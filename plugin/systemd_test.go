package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
)

const childEnv = "CAISSON_TEST_ACTIVATED"

// activatedChild is a service as systemd would start it.
func activatedChild() {
	log := zap.NewExample() // to standard output
	l, err := Activated(log)
	if err != nil || l == nil {
		fmt.Println("error:", err)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	h := NewHandler(&authz.Authorizer{Policy: func() *authz.Policy { return usual }, Log: log}, log)
	if err := (&Server{Handler: h, Log: log}).Serve(ctx, l); err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Println("ended")
}

// activate starts this test program with sockets passed in the way of systemd.
func activate(t *testing.T, sockets ...*os.File) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf(`LISTEN_PID=$$ LISTEN_FDS=%d exec "$0"`, len(sockets)), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1", "GORACE=atexit_sleep_ms=0") // the race detector waits for a second
	cmd.ExtraFiles = sockets
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// With the socket held outside, no call is lost over a restart, not even over a crash.
func TestActivated(t *testing.T) {
	s := &service{t: t, socket: socketIn(t)}
	if err := os.Mkdir(filepath.Dir(s.socket), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	held, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()

	text := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", requestPath, len(pingCall), pingCall)
	if err := os.Chmod(s.socket, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM} {
		answered := make(chan string, 1)
		go func() { // before the service is there
			_, body := s.raw(text, false)
			answered <- body
		}()
		time.Sleep(20 * time.Millisecond)
		child, out := activate(t, held)
		if got := <-answered; got != allowText {
			t.Errorf("%s\n%s", got, out)
		}
		if err := child.Process.Signal(end); err != nil {
			t.Fatal(err)
		}
		err := child.Wait()
		if end == syscall.SIGTERM && (err != nil || out.String() != "ended\n") {
			t.Errorf("%v, output %q", err, out)
		}
		if _, err := os.Lstat(s.socket); err != nil {
			t.Fatalf("the socket of systemd is gone: %v", err)
		}
	}
}

func TestActivatedWarnsOfOpenSocket(t *testing.T) {
	path := filepath.Join(filepath.Dir(filepath.Dir(socketIn(t))), "open.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	held, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, socket: path}
	child, out := activate(t, held)
	s.raw(fmt.Sprintf("POST %s HTTP/1.0\r\n\r\n", activatePath), false)
	if err := errors.Join(child.Process.Signal(syscall.SIGTERM), child.Wait()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), `"level":"warn","msg":"others can connect to the socket`) {
		t.Error(out)
	}
}

func TestActivatedRefuses(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	port, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for want, sockets := range map[string][]*os.File{
		"systemd passes 2 sockets":            {port, port},
		"systemd passes a socket of kind tcp": {port},
		"the socket that systemd passes":      {null},
		"error: <nil>":                        nil, // not activated
	} {
		child, out := activate(t, sockets...)
		if err := child.Wait(); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v %q, want %q", err, out, want)
		}
	}
}

// systemd is told when the service is ready, alive, reloading and about to end.
func TestNotify(t *testing.T) {
	path := filepath.Join(filepath.Dir(filepath.Dir(socketIn(t))), "notify")
	manager, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "300000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	next := func() string {
		b := make([]byte, 200)
		_ = manager.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, _, err := manager.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	seen := map[string]int{}
	until := func(prefix string) {
		t.Helper()
		for range 50 {
			state := next()
			seen[strings.SplitN(state, "\n", 2)[0]]++
			if strings.HasPrefix(state, prefix) {
				return
			}
		}
		t.Fatalf("no %s: %v", prefix, seen)
	}
	s := start(t, usual)
	until("READY=1")
	until("WATCHDOG=1")
	until("WATCHDOG=1")
	NotifyReloading(zap.NewNop())
	until("RELOADING=1\nMONOTONIC_USEC=")
	NotifyReady(zap.NewNop())
	until("READY=1")
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	until("STOPPING=1")
}
