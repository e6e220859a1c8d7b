// Null-http is an authorization plugin that allows everything without reading it: what net/http alone costs.
package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
)

const (
	allow    = `{"Allow":true}` + "\n"
	manifest = `{"Implements": ["authz"]}` + "\n"
)

func main() {
	l, err := net.Listen("unix", os.Args[1])
	if err == nil {
		err = http.Serve(l, http.HandlerFunc(answer))
	}
	panic(err)
}

func answer(w http.ResponseWriter, r *http.Request) {
	body := allow
	if r.URL.Path == "/Plugin.Activate" {
		body = manifest
	}
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/vnd.docker.plugins.v1.1+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = io.WriteString(w, body)
}
