package config

import (
	"testing"

	"caisson/authz/rules"
)

// FuzzParse checks that no text makes the program panic, and that what Show writes of an accepted policy means the same.
func FuzzParse(f *testing.F) {
	for _, p := range rules.AllProfiles {
		f.Add(string(DefaultFile(p)))
	}
	f.Add("version = 1\n" + exception() + exception("owner = 1"))
	f.Add("version = 1\nprofile = \"none\"\nrules = { memory = { max = 1, mode = \"audit\" }, bind-mounts.allow = [{ path = \"/srv\" }] }\n")
	f.Add(accessText)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Read("fuzz", []byte(text), noon)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		shown := Show(file)
		again, err := Read("shown", shown, noon)
		if err != nil {
			t.Fatalf("%v\n%s", err, shown)
		}
		if again.Policy.Hash != file.Policy.Hash {
			t.Errorf("Show means something else:\n%s", shown)
		}
	})
}
