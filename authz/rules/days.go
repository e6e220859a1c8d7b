package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Days is a length of time that a policy file spells in days, weeks or years of 365 days: "90d", "26w", "1y". Images and reports age in
// days; hours would promise an exactness that their dates do not have.
type Days int

const day = 24 * time.Hour

// maxDays is a hundred years. More than that is a slip of the finger.
const maxDays = 36500

var daysIn = map[byte]int{'d': 1, 'w': 7, 'y': 365}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Days) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	if text == "0" {
		*d = 0
		return nil
	}
	if text != "" {
		unit := daysIn[text[len(text)-1]]
		n, err := strconv.ParseUint(text[:len(text)-1], 10, 16)
		if err == nil && unit > 0 && int(n)*unit <= maxDays {
			*d = Days(int(n) * unit)
			return nil
		}
	}
	return fmt.Errorf("%q is not a length of time such as \"90d\", \"26w\" or \"1y\"", b)
}

// MarshalText implements [encoding.TextMarshaler].
func (d Days) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String gives the length in days.
func (d Days) String() string { return strconv.Itoa(int(d)) + "d" }

// Exceeded tells whether something of an age is older.
func (d Days) Exceeded(age time.Duration) bool { return age > time.Duration(d)*day }

// inDays words an age that exceeds a length of time: full days, of which there is at least one then.
func inDays(age time.Duration) string {
	if n := int(age / day); n != 1 {
		return strconv.Itoa(n) + " days"
	}
	return "1 day"
}
