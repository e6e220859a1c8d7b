package image_test

import (
	"testing"
	"time"

	"caisson/authz/image"
)

func TestAgeOf(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	day := func(s string) time.Time {
		d, _ := time.Parse(time.DateOnly, s)
		return d
	}
	created := func(s string, labels ...string) *image.Subject {
		subject := &image.Subject{Created: day(s), Labels: map[string]string{}}
		for _, l := range labels {
			subject.Labels["org.opencontainers.image.created"] = l
		}
		return subject
	}
	for name, c := range map[string]struct {
		evidence image.Dates
		want     string // a day, or why there is none
		source   string
	}{
		"all": {image.Dates{
			Signature: image.Signature{Timestamp: day("2026-01-01"), Signed: day("2026-01-02")}, Built: day("2026-01-03"), Scanned: day("2026-01-04"),
			Annotation: "2026-01-05T00:00:00Z", Subject: created("2026-01-07", "2026-01-06T00:00:00Z"),
		}, "2026-01-01", "the timestamp of its signature"},
		"signed":          {image.Dates{Signature: image.Signature{Signed: day("2026-01-02")}, Built: day("2026-01-03")}, "2026-01-02", "the time that its signer gives"},
		"built":           {image.Dates{Built: day("2026-01-03"), Scanned: day("2026-01-04")}, "2026-01-03", "its signed provenance"},
		"scanned":         {image.Dates{Scanned: day("2026-01-04"), Subject: created("2026-01-07")}, "2026-01-04", "its newest scan report"},
		"annotation":      {image.Dates{Annotation: "2026-01-05T00:00:00Z", Subject: created("2026-01-07")}, "2026-01-05", "its annotation org.opencontainers.image.created"},
		"label":           {image.Dates{Subject: created("2026-01-07", "2026-01-06T00:00:00+02:00")}, "2026-01-05", "its label org.opencontainers.image.created"},
		"created":         {image.Dates{Subject: created("2026-01-07")}, "2026-01-07", "the date that its builder gives"},
		"tomorrow":        {image.Dates{Subject: created("2026-11-25")}, "2026-11-25", "the date that its builder gives"},
		"bad label":       {image.Dates{Subject: created("2026-01-07", "yesterday")}, "2026-01-07", "the date that its builder gives"},
		"old annotation":  {image.Dates{Annotation: "1970-01-01T00:00:00Z", Subject: created("2026-01-07")}, "2026-01-07", "the date that its builder gives"},
		"1970":            {image.Dates{Subject: created("1970-01-01")}, "it says 1970-01-01, as reproducible builds do, and nobody else says anything", ""},
		"1980":            {image.Dates{Subject: created("1980-12-31")}, "it says 1980-12-31, as reproducible builds do, and nobody else says anything", ""},
		"2099":            {image.Dates{Subject: created("2099-01-01")}, "its builder says 2099-01-01, and nobody else says anything", ""},
		"day after":       {image.Dates{Subject: created("2026-11-26")}, "its builder says 2026-11-26, and nobody else says anything", ""},
		"nothing":         {image.Dates{Subject: &image.Subject{}}, "no signature, report or builder gives a date", ""},
		"no subject":      {image.Dates{}, "no signature, report or builder gives a date", ""},
		"future signer":   {image.Dates{Signature: image.Signature{Signed: day("2099-01-01")}, Subject: created("2026-01-07")}, "the time that its signer gives is 2099-01-01", ""},
		"ancient signer":  {image.Dates{Signature: image.Signature{Signed: day("1970-01-01")}}, "the time that its signer gives is 1970-01-01", ""},
		"future scan":     {image.Dates{Scanned: day("2099-01-01"), Subject: created("2026-01-07")}, "its newest scan report is 2099-01-01", ""},
		"zone of the day": {image.Dates{Subject: &image.Subject{Created: time.Date(1981, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))}}, "it says 1980-12-31, as reproducible builds do, and nobody else says anything", ""},
	} {
		got := image.AgeOf(&c.evidence, now)
		text := got.Why
		if got.Known {
			text = got.Time.UTC().Format(time.DateOnly)
		}
		if text != c.want || got.Source != c.source || got.Known == (got.Why != "") {
			t.Errorf("%s: got %+v, want %s", name, got, c.want)
		}
		if f := got.Facts(); f.Known != got.Known || f.Source != got.Source || f.Why != got.Why || !f.Time.Equal(got.Time) {
			t.Errorf("%s: the rules are told %+v", name, f)
		}
	}
}
