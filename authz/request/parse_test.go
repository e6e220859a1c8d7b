package request

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func create(body string) Call {
	return Call{Method: "POST", Target: "/v1.41/containers/create", Headers: map[string]string{"Content-Type": "application/json"}, Body: []byte(body)}
}

// TestCreateSetsEveryValue makes sure that no Value of a container create is left without its Field, because rules that
// guard several doors take that for "this door has no such setting".
func TestCreateSetsEveryValue(t *testing.T) {
	r, err := Parse(create(`{"Image":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	var visit func(path string, v reflect.Value)
	visit = func(path string, v reflect.Value) {
		for i := range v.NumField() {
			f, name := v.Field(i), path+"."+v.Type().Field(i).Name
			switch {
			case strings.HasPrefix(f.Type().Name(), "Value["):
				if f.FieldByName("Field").String() == "" {
					t.Errorf("%s has no Field", name)
				}
			case f.Kind() == reflect.Struct && f.Type() != reflect.TypeFor[Version]():
				visit(name, f)
			}
		}
	}
	visit("Workload", reflect.ValueOf(*r.Workload))
}

func TestParseRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		call Call
		want string
	}{
		"empty call": {Call{}, "authorization call: it has no method or no request target"},
		"no body": {
			Call{Method: "POST", Target: "/v1.41/containers/create", Headers: map[string]string{"Content-Type": "application/json"}},
			"body: the Engine showed Caisson no body, so this container create cannot be judged (likely cause: a chunked body",
		},
		"large body withheld": {
			Call{Method: "POST", Target: "/containers/create", Headers: map[string]string{"Content-Type": "application/json", "Content-Length": "1048576"}},
			"(likely cause: 1048576 bytes of body; engines before 29.3.1 withhold 1 MiB or more); fix: make the body smaller, or upgrade the Engine to 29.3.1 or later",
		},
		"other type": {
			Call{Method: "POST", Target: "/containers/create", Headers: map[string]string{"Content-Type": "text/plain"}},
			`(likely cause: Content-Type is "text/plain")`,
		},
		"form": {
			Call{Method: "POST", Target: "/images/create?fromImage=x", Headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
			"header Content-Type: the Engine hides form bodies",
		},
		"multipart": {
			Call{Method: "POST", Target: "/build", Headers: map[string]string{"Content-Type": "Multipart/Form-Data; boundary=x"}},
			"header Content-Type: the Engine hides form bodies",
		},
		"twice":         {Call{Method: "POST", Target: "/containers/create?name=a&name=b", Body: []byte(`{}`)}, "query parameter name: it is given more than once"},
		"start body":    {Call{Method: "POST", Target: "/containers/x/start", Body: []byte(`{"Privileged":true}`)}, "body: container start takes no body, but one was sent"},
		"null":          {create(`null`), "body: it is not a JSON object"},
		"array":         {create(`[]`), "body: it is not the JSON that the Engine expects (a array where"},
		"trailing":      {create(`{}garbage`), "body: it is not the JSON that the Engine expects (invalid character 'g' after top-level value at byte 3)"},
		"two":           {create(`{}{}`), "body: it is not the JSON"},
		"brace":         {create(`{}}`), "body: it is not the JSON"},
		"bom":           {create("\uFEFF{}"), "body: it is not the JSON"},
		"wrong type":    {create(`{"HostConfig":{"Privileged":"true"}}`), "HostConfig.Privileged: it is not the JSON that the Engine expects (a string where bool belongs)"},
		"duplicate":     {create(`{"HostConfig":{"Privileged":true},"HostConfig":{"Memory":1}}`), "HostConfig: it is given more than once"},
		"case":          {create(`{"HostConfig":{"Privileged":true},"hostconfig":{}}`), "hostconfig: it is given more than once, perhaps in another spelling"},
		"unicode":       {create(`{"HostConfig":{},"ho\u017ftconfig":{"Privileged":true}}`), "given more than once, perhaps in another spelling"},
		"null resets":   {create(`{"HostConfig":{"Privileged":true,"Privileged":null}}`), "HostConfig.Privileged: it is given more than once"},
		"stale element": {create(`{"HostConfig":{"Binds":["/:/h"],"binds":[null]}}`), "HostConfig.binds: it is given more than once"},
		"map key twice": {create(`{"HostConfig":{"Sysctls":{"a":"1","\u0061":"2"}}}`), "HostConfig.Sysctls.a: it is given more than once"},
		"deep unknown":  {create(`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `,"HostConfig":{},"HostConfig":{}}`), "HostConfig: it is given more than once"},
		"flat":          {create(`{"Image":"x","Privileged":true}`), "Privileged: engines up to 26.1 read this HostConfig field at the top level of the body; fix: put it inside HostConfig"},
		"flat folded":   {create(`{"Image":"x","mounTs":[{}]}`), "mounTs: engines up to 26.1 read"},
		"flat empty":    {create(`{"Image":"x","MaskedPaths":[]}`), "MaskedPaths: engines up to 26.1 read"},
		"flat cpuset":   {create(`{"Image":"x","Cpuset":"0"}`), "Cpuset: engines up to 26.1 read"},
		"surrogate":     {create(`{"HostConfig":{"PidMode":"host\ud800"}}`), "HostConfig.PidMode: the text is not valid Unicode"},
		"replacement":   {create("{\"HostConfig\":{\"Binds\":[\"/a\uFFFD:/b\"]}}"), "HostConfig.Binds[0]: the text is not valid Unicode"},
		"bad utf-8":     {create("{\"HostConfig\":{\"Runtime\":\"\xff\"}}"), "HostConfig.Runtime: the text is not valid Unicode"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Parse(tt.call)
			if err == nil {
				t.Fatalf("accepted: %+v", r)
			}
			if e := (*Error)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for name, body := range map[string]string{
		"flat zero values":   `{"Image":"x","Runtime":null,"Memory":0,"Privileged":false,"VolumeDriver":""}`,
		"unknown null":       `{"Image":"x","PortSpecs":null}`,
		"free duplicates":    `{"Image":"x","Labels":{"a":"1","a":"2"}}`,
		"free broken text":   "{\"Image\":\"x\",\"Env\":[\"A=\xff\"],\"Cmd\":[\"\\ud800\"],\"Labels\":{\"\xff\":\"\"}}",
		"folded key":         `{"image":"x","hostCONFIG":{"memory":1}}`,
		"escaped key":        `{"Host\u0043onfig":{"Memory":1}}`,
		"white space":        " \n{ \"Image\" : \"x\" , \"HostConfig\" : { } }\t\n",
		"null HostConfig":    `{"Image":"x","HostConfig":null,"NetworkingConfig":null}`,
		"null list elements": `{"Image":"x","HostConfig":{"Ulimits":[null],"BlkioWeightDevice":[null],"Mounts":[],"Devices":[]},"NetworkingConfig":{"EndpointsConfig":{"n":null}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Parse(create(body))
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Unknown) != 0 {
				t.Errorf("unknown: %v", r.Unknown)
			}
		})
	}
}

func TestUnknownFields(t *testing.T) {
	r, err := Parse(create(`{"Image":"x","New":1,"HostConfig":{"Newer":[],"Mounts":[{"Type":"bind","Odd":{"a":1}}]},"NetworkingConfig":{"EndpointsConfig":{"n":{"Newest":""}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Unknown{{"New"}, {"HostConfig.Newer"}, {"HostConfig.Mounts[0].Odd"}, {"NetworkingConfig.EndpointsConfig.n.Newest"}}
	if !reflect.DeepEqual(r.Unknown, want) {
		t.Errorf("got %v, want %v", r.Unknown, want)
	}
}

func TestStrSlice(t *testing.T) {
	r, err := Parse(create(`{"Image":"x","Cmd":"ls","HostConfig":{"CapAdd":"\u017fy\u017f_admin","CapDrop":["all"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Workload.CapAdd.V; len(got) != 1 || got[0] != "SYS_ADMIN" {
		t.Errorf("CapAdd: %q", got)
	}
	if got := r.Workload.CapDrop.V; len(got) != 1 || got[0] != "ALL" {
		t.Errorf("CapDrop: %q", got)
	}
}

func TestUnknownOperation(t *testing.T) {
	r, err := Parse(Call{Method: "POST", Target: "/v1.41/brand/new"})
	if err != nil || r.Operation != "" || r.Route != nil {
		t.Errorf("got %+v, %v", r, err)
	}
}
