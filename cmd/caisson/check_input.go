package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"caisson/authz/cases"
	"caisson/authz/request"
	"caisson/authz/state"
	"caisson/plugin"
)

// recorded is a request from a file.
type recorded struct {
	file   string
	number int // of the request in its file; 0 if the file holds one by its kind
	call   request.Call
	policy []byte      // that a case file brings along
	state  state.Fixed // likewise
	err    error       // the message is no call
}

// name is the file, and which of its requests.
func (r *recorded) name() string {
	if r.number == 0 {
		return r.file
	}
	return fmt.Sprintf("%s:%d", r.file, r.number)
}

// readRecorded calls yield for every request in a file. Its errors name the file.
func readRecorded(file string, stdin io.Reader, yield func(*recorded) error) error {
	in := io.NopCloser(stdin)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		in = f
	}
	defer in.Close() //nolint:errcheck // it is only read
	b := bufio.NewReader(in)
	if filepath.Ext(file) == ".txtar" || file == "-" && !startsJSON(b) {
		return readCase(file, b, yield)
	}
	return readMessages(file, b, yield)
}

// startsJSON tells whether standard input holds JSON, so not a case file.
func startsJSON(b *bufio.Reader) bool {
	for n := 1; ; n++ {
		head, err := b.Peek(n)
		if err != nil {
			return true // nothing but white space, or more of it than the buffer takes
		}
		if c := head[n-1]; !bytes.ContainsRune([]byte(" \t\r\n"), rune(c)) {
			return c == '{' || c == '['
		}
	}
}

func readCase(file string, in io.Reader, yield func(*recorded) error) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	c, err := cases.Parse(file, text)
	if err != nil {
		return err
	}
	return yield(recordedCase(file, c))
}

func recordedCase(file string, c *cases.Case) *recorded {
	return &recorded{file: file, call: c.Call(), policy: c.Policy, state: c.State}
}

// readMessages reads JSON values as they come, one to a line or not. Each is decoded like a message from dockerd.
func readMessages(file string, in io.Reader, yield func(*recorded) error) error {
	d := json.NewDecoder(in)
	for n := 1; ; n++ {
		var text json.RawMessage
		switch err := d.Decode(&text); {
		case errors.Is(err, io.EOF) && n == 1:
			return fmt.Errorf("%s: there is no request in it", file)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
		r := &recorded{file: file, number: n}
		r.call, r.err = plugin.DecodeCall(text)
		if err := yield(r); err != nil {
			return err
		}
	}
}
