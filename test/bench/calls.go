package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/docker/go-plugins-helpers/authorization"
)

// call is an authorization call that is measured.
type call struct {
	name    string
	request bool   // AuthZReq, of which Caisson writes a record
	message []byte // HTTP, as dockerd sends it
	refused bool   // what Caisson must answer under the profile restricted
}

// Names of the calls that make up the whole transaction of a create.
const (
	createRequest  = "AuthZReq create, permitted"
	createResponse = "AuthZRes create"
)

// newCalls makes the calls. The folder holds the create bodies that the benchmarks of package authz use as well.
func newCalls(dir string) ([]call, error) {
	permitted, err := os.ReadFile(filepath.Join(dir, "create-permitted.json"))
	if err != nil {
		return nil, err
	}
	refused, err := os.ReadFile(filepath.Join(dir, "create-refused.json"))
	if err != nil {
		return nil, err
	}
	created := create(permitted)
	created.ResponseStatusCode, created.ResponseHeaders = http.StatusCreated, responseHeaders
	created.ResponseBody = fmt.Appendf(nil, `{"Id":"%064x","Warnings":[]}`+"\n", 1)
	images := func(size int) []byte {
		return encode(authorization.AuthZApiResponse, authorization.Request{
			RequestMethod: "GET", RequestURI: "/v1.50/images/json", RequestHeaders: headers(nil),
			ResponseStatusCode: http.StatusOK, ResponseHeaders: responseHeaders, ResponseBody: imageList(size),
		})
	}
	ping := authorization.Request{RequestMethod: "HEAD", RequestURI: "/_ping", RequestHeaders: headers(nil)}
	list := authorization.Request{RequestMethod: "GET", RequestURI: "/v1.50/containers/json?all=1", RequestHeaders: headers(nil)}
	return []call{
		{"AuthZReq ping", true, encode(authorization.AuthZApiRequest, ping), false},
		{"AuthZReq container list", true, encode(authorization.AuthZApiRequest, list), false},
		{createRequest, true, encode(authorization.AuthZApiRequest, create(permitted)), false},
		{"AuthZReq create, refused", true, encode(authorization.AuthZApiRequest, create(refused)), true},
		{"AuthZReq create, 1 MiB", true, encode(authorization.AuthZApiRequest, create(enlarged(permitted, 1<<20))), false},
		{createResponse, false, encode(authorization.AuthZApiResponse, created), false},
		{"AuthZRes list, 1 KiB", false, images(1 << 10), false},
		{"AuthZRes list, 64 KiB", false, images(64 << 10), false},
		{"AuthZRes list, 1 MiB", false, images(1 << 20), false},
	}, nil
}

var responseHeaders = map[string]string{
	"Api-Version": "1.50", "Content-Type": "application/json", "Docker-Experimental": "false", "Ostype": "linux", "Server": "Docker/28.2.2 (linux)",
}

func create(body []byte) authorization.Request {
	return authorization.Request{
		RequestMethod: "POST", RequestURI: "/v1.50/containers/create?name=web-1", RequestHeaders: headers(body), RequestBody: body,
	}
}

func headers(body []byte) map[string]string {
	h := map[string]string{"User-Agent": "Docker-Client/28.2.2 (linux)"}
	if body != nil {
		h["Content-Type"], h["Content-Length"] = "application/json", strconv.Itoa(len(body))
	}
	return h
}

// enlarged adds environment variables to a create body until it is of a size, or a little less.
func enlarged(body []byte, size int) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		panic(err) // a file of this repository
	}
	const variable = 64 // bytes of one, in JSON
	env := make([]string, max(0, size-len(body))/variable)
	for i := range env {
		env[i] = fmt.Sprintf("VARIABLE_%06d=%0*d", i, variable-len(`"VARIABLE_000000=",`), i)
	}
	if len(env) > 0 {
		members["Env"], _ = json.Marshal(env)
	}
	body, _ = json.Marshal(members)
	return body
}

// imageList is a response of nearly a size. The Engine shows a plugin no more than 64 KiB.
func imageList(size int) []byte {
	const entry = 512
	list := []byte("[")
	for i := 0; len(list) < size-entry; i++ {
		if i > 0 {
			list = append(list, ',')
		}
		list = fmt.Appendf(list, `{"Containers":-1,"Created":1700000000,"Id":"sha256:%064x",`+
			`"Labels":{"org.opencontainers.image.version":"1.%d"},"ParentId":"","RepoDigests":["registry.example/team/app@sha256:%064x"],`+
			`"RepoTags":["registry.example/team/app:%d"],"SharedSize":-1,"Size":%d}`, i, i, i, i, i)
	}
	return append(list, "]\n"...)
}

// encode makes an HTTP message as dockerd does.
func encode(endpoint string, r authorization.Request) []byte {
	body, err := json.Marshal(r)
	if err != nil {
		panic(err) // texts and numbers always encode
	}
	body = append(body, '\n')
	head := fmt.Sprintf("POST /%s HTTP/1.1\r\nHost: plugin.moby.localhost\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: %d\r\n"+
		"Accept: application/vnd.docker.plugins.v1.2+json\r\n\r\n", endpoint, len(body))
	return append([]byte(head), body...)
}
