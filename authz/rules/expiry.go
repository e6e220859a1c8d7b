package rules

import (
	"fmt"
	"time"
)

// Expiry gives the first moment at which something with an "expires" no longer counts. A date counts through the end of that day; dates
// and times without an offset are in UTC, wherever the host stands.
func Expiry(t time.Time) (time.Time, error) {
	end := t.UTC()
	// The library marks the local kinds of TOML by the name of the location, and gives them the host's offset.
	switch t.Location().String() {
	case "date-local":
		end = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
	case "datetime-local":
		end = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	case "time-local":
		return time.Time{}, fmt.Errorf("%s is a time without a date", t.Format("15:04:05"))
	}
	// Outside of these years a date is a slip of the finger, or a way to say never; some cannot even be written as TOML.
	if y := end.Year(); y < 2000 || y > 9000 {
		return time.Time{}, fmt.Errorf("the year %d is not one to plan for", y)
	}
	return end, nil
}
