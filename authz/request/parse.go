package request

import (
	"github.com/moby/moby/api/types/network"
)

// decoders fill in a Request from the body of the operations whose body is judged.
var decoders = map[Operation]func(*Request, []byte) error{
	ContainerCreate: decodeCreate,
	ContainerExec:   decodeExec,
	ContainerUpdate: decodeUpdate,
	VolumeCreate:    decodeVolumeCreate,
	NetworkCreate:   decodeNetworkCreate,
	NetworkConnect:  decodeNetworkConnect,
	ServiceCreate:   decodeService,
	ServiceUpdate:   decodeService,

	NetworkDisconnect: decodeNetworkDisconnect,
}

// The types of bodies.
var (
	createFormat     = formatOf[createBody](createShape)
	execFormat       = newFormat[execBody]()
	updateFormat     = newFormat[updateBody]()
	volumeFormat     = newFormat[volumeBody]()
	networkFormat    = newFormat[networkBody]()
	connectFormat    = newFormat[networkConnectBody]()
	disconnectFormat = newFormat[network.DisconnectRequest]()
	serviceFormat    = newFormat[serviceBody]()
)

// Parse says what the Engine will do with a call. An error is always an [*Error] and always means: refuse.
//
// A call to a route that is not in the table is no error; its Operation is empty, and the rule unknown-operation judges it.
func Parse(c Call) (*Request, error) {
	r := new(Request)
	if err := r.Parse(c); err != nil {
		return nil, err
	}
	return r, nil
}

// Parse is [Parse] into a Request whose memory the caller provides. It is of no use after an error.
func (r *Request) Parse(c Call) error {
	if err := r.outline(c); err != nil || r.Route == nil {
		return err
	}
	if err := r.Query.single(r.Route.Params...); err != nil {
		return err
	}
	if err := checkBody(&r.Call, r.Route, r.Query); err != nil {
		return err
	}
	if err := checkParameters(r); err != nil {
		return err
	}
	if err := checkImageParameters(r); err != nil {
		return err
	}
	r.Images, r.Build = imagesOf(r), buildOf(r)
	if decode := decoders[r.Operation]; decode != nil {
		if err := decode(r, c.Body); err != nil {
			return err
		}
	}
	return checkImageNames(r.Workload)
}

// Outline is what the target alone tells of a call: the operation, the path and the version. It is for records of calls that [Parse] does
// not understand, and nothing to judge by. It is nil if the target cannot be read either.
func Outline(c Call) *Request {
	r := new(Request)
	if r.outline(c) != nil {
		return nil
	}
	return r
}

func (r *Request) outline(c Call) error {
	if c.Method == "" || c.Target == "" {
		// dockerd repeats a call whose connection broke with an empty body (moby pkg/plugins/client.go, callWithRetry).
		return &Error{"authorization call", "it has no method or no request target", "repeat the request; if this recurs, look for crashes in Caisson's log"}
	}
	t, err := parseTarget(c.Target)
	if err != nil {
		return err
	}
	*r = Request{Call: c, Version: t.version, Path: t.path, Query: t.query}
	if r.Route, r.Vars = match(c.Method, t.path); r.Route != nil {
		r.Operation = r.Route.Operation
	}
	return nil
}
