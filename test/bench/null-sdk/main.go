// Null-sdk is an authorization plugin that allows everything, made with Docker's helper library: what a plugin costs before it
// decides anything.
package main

import (
	"net"
	"os"

	"github.com/docker/go-plugins-helpers/authorization"
)

type plugin struct{}

func (plugin) AuthZReq(authorization.Request) authorization.Response {
	return authorization.Response{Allow: true}
}

func (plugin) AuthZRes(authorization.Request) authorization.Response {
	return authorization.Response{Allow: true}
}

func main() {
	l, err := net.Listen("unix", os.Args[1])
	if err == nil {
		err = authorization.NewHandler(plugin{}).Serve(l)
	}
	panic(err)
}
