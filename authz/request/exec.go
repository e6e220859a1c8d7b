package request

import "github.com/moby/moby/api/types/container"

// execBody is the body of exec create. Engines before 25.0 also decode fields that came from elsewhere and do nothing.
//
// Source: moby api/types/container ExecCreateRequest; v20.10.24 api/types ExecConfig.
type execBody struct {
	container.ExecCreateRequest
	Cmd       strSlice
	Detach    bool   // ignored by every supported engine
	Container string // likewise; sent by old clients
}

func decodeExec(r *Request, body []byte) error {
	b, unknown, err := execFormat.decode(body)
	if err != nil {
		return err
	}
	r.Unknown = unknown
	r.Workload = NewExec(b.Privileged, b.User)
	r.Workload.Version, r.Workload.Env = r.Version, Value[[]string]{"Env", b.Env}
	return nil
}

// NewExec is the workload of an exec, from its create or from the Engine's record of it.
func NewExec(privileged bool, user string) *Workload {
	return &Workload{
		Door:      DoorExec,
		Identity:  Identity{User: Value[string]{"User", user}},
		Isolation: Isolation{Privileged: Value[bool]{"Privileged", privileged}},
	}
}
