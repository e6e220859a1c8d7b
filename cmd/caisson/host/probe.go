package host

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
)

// Guard says who stands before the Engine.
type Guard int

// What the mark shows. The zero value is that nobody knows.
const (
	Unknown   Guard = iota
	Guarded         // dockerd asks the plugin
	Unguarded       // dockerd asks no plugin, or one that lets everything pass
)

func (g Guard) String() string { return [...]string{"unknown", "yes", "no"}[g] }

// Mark finds out whether dockerd asks the plugin, in every mode and under every policy of Caisson. The Engine's own list of plugins does
// not say: it is that of dockerd's start, and a reload changes what is asked but not the list.
//
// What is sent is a ping with so much about it that the message to the plugin is larger than Caisson reads. Caisson refuses such a
// message always, as one that was not understood; without a plugin the Engine answers the ping. The explanation is for people.
func (e *Engine) Mark(ctx context.Context, plugin string) (g Guard, explanation string, err error) {
	a, err := e.Send(ctx, mark())
	if err != nil {
		return Unknown, "", err
	}
	switch by := a.RefusedBy(); {
	case SamePlugin(by, plugin):
		return Guarded, "a request that Caisson always refuses was refused by plugin " + by, nil
	case by != "":
		return Unknown, fmt.Sprintf("plugin %s refused the question, and is asked before %s: %s", by, plugin, a.Message()), nil
	case a.Status == http.StatusOK:
		return Unguarded, "a request that Caisson always refuses was let pass", nil
	}
	return Unknown, fmt.Sprintf("the Engine answered %d %s", a.Status, a.Message()), nil
}

// mark is 6.7 MiB as a message: dockerd writes "<" as six bytes, and the body as four for three. Both halves stay below the limits
// of 1 MiB that every dockerd has.
func mark() *Request {
	return &Request{
		Method: http.MethodGet, Target: "/_ping", Body: bytes.Repeat([]byte(" "), 1_000_000),
		Header: http.Header{"Content-Type": {"application/json"}, "X-Caisson": {strings.Repeat("<", 950_000)}},
	}
}

// SamePlugin tells whether the name under which dockerd speaks of a plugin is a plugin's.
func SamePlugin(spoken, plugin string) bool {
	return spoken != "" && strings.TrimSuffix(spoken, ":latest") == strings.TrimSuffix(plugin, ":latest")
}

// Attack is a request that must be refused, and can do no harm if it is not: the image that it names does not exist, and the Engine
// answers that.
type Attack struct {
	Name    string
	Request *Request
}

// NoImage is where the images of attacks are named. Nothing is ever there: the domain is reserved for that. Containers and all else that attacks
// ask for have the same name, by which they are found in the audit log.
const NoImage = "caisson-doctor.invalid"

// Attacks are requests for a privileged container in several disguises. The image's name is made up anew each time, so that nobody can
// have made an image of that name.
func Attacks() []Attack {
	image := NoImage + "/" + strings.ToLower(rand.Text())
	plain := []byte(`{"Image":"` + image + `","HostConfig":{"Privileged":true}}`)
	send := func(name, target, body string, change func(*Request)) Attack {
		r := &Request{
			Method: http.MethodPost, Target: target, Body: []byte(body),
			Header: http.Header{"Content-Type": {"application/json"}},
		}
		if change != nil {
			change(r)
		}
		return Attack{name, r}
	}
	const create = "/containers/create?name=" + NoImage // the name is for the audit log
	return []Attack{
		send("a privileged container", create, string(plain), nil),
		send("the same, its settings at the top level", create, `{"Image":"`+image+`","Privileged":true}`, nil),
		send("the same, its settings twice", create, `{"Image":"`+image+`","HostConfig":{"Privileged":false},"hostconfig":{"Privileged":true}}`, nil),
		send("the same, its length not stated", create, string(plain), func(r *Request) { r.Chunks = true }),
		send("the same, in a body of 2 MiB", create, strings.Repeat(" ", 2<<20)+string(plain), nil),
		send("the same, its path encoded", "/containers%2F%63reate?name="+NoImage, string(plain), nil),
	}
}

// Outcome is what became of an attack.
type Outcome struct {
	Attack  string
	Refused bool
	By      string // the plugin that refused it; "" is the Engine itself
	Status  int
	Text    string
}

// Attack sends an attack.
func (e *Engine) Attack(ctx context.Context, a Attack) (Outcome, error) {
	answer, err := e.Send(ctx, a.Request)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{Attack: a.Name, By: answer.RefusedBy(), Status: answer.Status, Text: answer.Message()}
	// Engines that refuse large bodies do that in the plugin's place, because they cannot show them to it.
	o.Refused = o.By != "" || strings.Contains(o.Text, "too large for authorization plugin")
	return o, nil
}
