package config

import (
	"testing"

	"github.com/BurntSushi/toml"
)

// TestQuote holds the short way to the library's, for every character that could matter, and for one that is no UTF-8: hashes of policies
// depend on it.
func TestQuote(t *testing.T) {
	list := []string{"", " ", "ä", "\u2028", "\xff", "a\xffb", "日本"}
	for c := range rune(256) {
		list = append(list, string(c), "a"+string(c)+"b")
	}
	for _, s := range list {
		out, err := toml.Marshal(map[string]string{"s": s})
		if err != nil {
			t.Fatal(err)
		}
		if got := "s = " + quote(s) + "\n"; got != string(out) {
			t.Errorf("%q is %s, want %s", s, got, out)
		}
	}
}
