package main

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// TestLogHangs has nobody read Caisson's own log. Those who write to it wait no longer than for the audit log, and when somebody reads again, later
// lines are there, and whole.
func TestLogHangs(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	log, err := newLogger(write, "text", "info")
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		for range 1000 { // more than fits in a pipe
			log.Error("cannot write the audit record", zap.String("decision", strings.Repeat("0", 200)))
		}
	}()
	select {
	case <-told:
	case <-time.After(20 * time.Second):
		t.Fatal("who writes to the log hangs with it")
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(read); s.Scan(); {
			lines <- s.Text()
		}
	}()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case line := <-lines:
			if strings.Contains(line, "again") {
				return
			}
			if !strings.HasSuffix(line, `"}`) {
				t.Fatalf("torn: %s", line)
			}
		case <-again.C:
			go log.Info("again")
		case <-time.After(20 * time.Second):
			t.Fatal("the log stays silent")
		}
	}
}
