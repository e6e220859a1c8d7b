package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"caisson/cmd/caisson/host"
)

// People read what counts first, and quiet leaves out what is all right.
func TestText(t *testing.T) {
	f := good(t)
	f.Guard, f.Outcomes[0] = host.Unguarded, host.Outcome{Attack: "an attack", Status: 404}
	f.Version.Version = "28.5.2"
	var whole, quiet bytes.Buffer
	r := NewReport(f)
	if err := errors.Join(r.Text(&whole, false), r.Text(&quiet, true)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(whole.String(), "\n")
	if lines[0] != "enforcing: NO; failed: 3, warnings: 2" {
		t.Errorf("first line: %s", lines[0])
	}
	if want := "fail  caisson is configured, but dockerd has not read that yet  [dockerd-config]"; lines[1] != want {
		t.Errorf("got  %s\nwant %s", lines[1], want)
	}
	if !strings.HasPrefix(lines[2], "      why: ") || !strings.HasPrefix(lines[3], "      do:  caisson enforce on") {
		t.Errorf("%q", lines[2:4])
	}
	if strings.Contains(quiet.String(), "\nok ") || !strings.Contains(whole.String(), "\nok ") || !strings.Contains(quiet.String(), "\nwarn  ") {
		t.Errorf("quiet:\n%s", quiet.String())
	}
}

// Programs find what they look for under names that stay.
func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := NewReport(good(t)).JSON(&out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Version   int
		Enforcing bool
		Engine    string
		Findings  []map[string]string
		Failed    *int
		Warned    *int
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != 1 || !got.Enforcing || got.Engine != "25.0.17" || got.Failed == nil || got.Warned == nil || len(got.Findings) < len(Checks())-1 {
		t.Errorf("%+v", got)
	}
	for _, x := range got.Findings {
		if x["check"] == "" || x["severity"] == "" || x["what"] == "" || (x["why"] == "") != (x["severity"] == "ok") {
			t.Errorf("%v", x)
		}
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Error("not on one line")
	}
}
