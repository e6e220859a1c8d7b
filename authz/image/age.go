package image

import (
	"fmt"
	"time"

	"caisson/authz/request"
)

// Dates is what may tell how old an image is.
type Dates struct {
	Signature Signature // that of a [Verified] verdict, or the zero value
	Built     time.Time // when the build finished, as signed provenance says; zero if there is none
	Scanned   time.Time // when the newest scan report was made that can be believed; zero if there is none

	// Annotation is org.opencontainers.image.created of the manifest that the image is bound to; "" if it has none.
	Annotation string
	Subject    *Subject
}

// Age is since when an image exists, as far as anybody can tell. The zero value is unknown.
type Age struct {
	Known  bool
	Time   time.Time
	Source string // who tells: completes "by …"
	Why    string // why nobody can: completes "its age is not known: …"
}

// AgeOf takes the best of the dates that an image has. What somebody signed counts before what the image says of itself, since that is
// whatever its builder wanted it to be. When a signature expires is for those who verify it.
//
// A signed date in the future means that a clock was wrong; then nothing tells the age, because the next best date would only make
// the mistake harder to see. What the image says of itself counts if it may be true: reproducible builds write 1970 or 1980, and that does
// not make them old.
func AgeOf(e *Dates, now time.Time) Age {
	for _, signed := range []struct {
		time   time.Time
		source string
	}{
		{e.Signature.Timestamp, "the timestamp of its signature"},
		{e.Signature.Signed, "the time that its signer gives"},
		{e.Built, "its signed provenance"},
		{e.Scanned, "its newest scan report"},
	} {
		switch {
		case signed.time.IsZero():
		case !plausible(signed.time, now):
			return Age{Why: fmt.Sprintf("%s is %s", signed.source, signed.time.UTC().Format(time.DateOnly))}
		default:
			return Age{Known: true, Time: signed.time, Source: signed.source}
		}
	}
	return e.claimed(now)
}

// createdKey is where an image says when it was made, as an annotation or a label.
const createdKey = "org.opencontainers.image.created"

// claimed takes what the image says of itself.
func (e *Dates) claimed(now time.Time) Age {
	claims := []struct{ text, source string }{{e.Annotation, "its annotation " + createdKey}}
	var created time.Time
	if e.Subject != nil {
		claims = append(claims, struct{ text, source string }{e.Subject.Labels[createdKey], "its label " + createdKey})
		created = e.Subject.Created
	}
	for _, c := range claims {
		if t, err := time.Parse(time.RFC3339, c.text); err == nil && plausible(t, now) {
			return Age{Known: true, Time: t, Source: c.source}
		}
	}
	switch {
	case plausible(created, now):
		return Age{Known: true, Time: created, Source: "the date that its builder gives"}
	case created.IsZero():
		return Age{Why: "no signature, report or builder gives a date"}
	case created.After(now):
		return Age{Why: fmt.Sprintf("its builder says %s, and nobody else says anything", created.UTC().Format(time.DateOnly))}
	default:
		return Age{Why: fmt.Sprintf("it says %s, as reproducible builds do, and nobody else says anything", created.UTC().Format(time.DateOnly))}
	}
}

// firstYear is the first whose dates may be true. Buildpacks write 1980, and most others who want builds to be reproducible 1970.
const firstYear = 1981

// Tolerance is how far a date may lie in the future: clocks differ, and some write local time.
const Tolerance = 24 * time.Hour

func plausible(t, now time.Time) bool {
	return t.UTC().Year() >= firstYear && !t.After(now.Add(Tolerance))
}

// Facts gives the age to the rules.
func (a Age) Facts() request.ImageAge {
	return request.ImageAge{Known: a.Known, Time: a.Time, Source: a.Source, Why: a.Why}
}
