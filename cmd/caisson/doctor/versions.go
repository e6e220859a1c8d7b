package doctor

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// version is a version of the Engine: three numbers.
type version [3]int

// parseVersion reads "29.3.1", "20.10.24+dfsg1", "28.0.0-rc.1" and "1.41". What comes after the numbers does not count, so that a
// release candidate counts as its release.
func parseVersion(text string) (v version, ok bool) {
	text = strings.TrimPrefix(text, "v")
	if i := strings.IndexAny(text, "-+~ "); i >= 0 {
		text = text[:i]
	}
	parts := strings.Split(text, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return version{}, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return version{}, false
		}
		v[i] = n
	}
	return v, true
}

func (v version) compare(w version) int { return slices.Compare(v[:], w[:]) }

// span is a range of versions: from the first, to before the second. Without a second there is no end.
type span struct{ from, before string }

func (s span) has(v version) bool {
	from, _ := parseVersion(cmp.Or(s.from, "0.0"))
	before, ends := parseVersion(s.before)
	return v.compare(from) >= 0 && (!ends || v.compare(before) < 0)
}

// fact is something about the Engines of some versions that whoever relies on a plugin ought to know.
type fact struct {
	spans    []span
	severity Severity
	what     string
	why      string
	do       string
}

func (f *fact) holds(v version) bool {
	return slices.ContainsFunc(f.spans, func(s span) bool { return s.has(v) })
}

// versionFacts are taken from the Engine's source and advisories, and most were seen on running Engines. 24.0 has had no fixed release,
// and 26 to 28 have not had the second of the two fixes for bodies.
var versionFacts = []fact{
	{
		spans:    []span{{"", "20.10.24"}},
		severity: Fail,
		what:     "this Engine is older than 20.10.24",
		why:      "Caisson is tested with 20.10.24 and later; what earlier ones do with a request, it does not know",
		do:       "upgrade the Engine",
	},
	{
		spans:    []span{{"", "23.0.15"}, {"24.0", "25.0.6"}, {"26.0", "26.1.5"}, {"27.0", "27.1.1"}},
		severity: Warn,
		what:     "this Engine can be made not to show a plugin the body of a request (CVE-2024-41110)",
		why:      "Caisson refuses such requests, so they are no way past it; but clients that send a body without its length are refused with them",
		do:       "upgrade the Engine to 23.0.15, 25.0.6, 26.1.5, 27.1.1 or later",
	},
	{
		spans:    []span{{"", "25.0.16"}, {"26.0", "29.3.1"}},
		severity: Warn,
		what:     "this Engine shows no plugin a body of 1 MiB or more (CVE-2026-34040)",
		why:      "Caisson refuses such requests, so they are no way past it; but large requests that are harmless are refused with them",
		do:       "upgrade the Engine to 25.0.16 of its line, or to 29.3.1 or later",
	},
	{
		spans:    []span{{"29.2", "29.3.1"}},
		severity: Warn,
		what:     "this Engine shows no plugin a body that comes over HTTP/2 without its length",
		why:      "Caisson refuses such requests, so they are no way past it",
		do:       "upgrade the Engine to 29.3.1 or later",
	},
	{
		spans:    []span{{"29.2", ""}},
		severity: Warn,
		what:     "on this Engine's socket the builder answers too, over gRPC, and no plugin is asked about that",
		why:      "whoever may open the socket may build, whatever the policy says: as root, with Docker's default capabilities, on the host's network",
		do:       "keep the socket for root and hand out a proxy that speaks HTTP/1.1 only; set the three builder.entitlements to false",
	},
	{
		spans:    []span{{"", "27.0.1"}},
		severity: Info,
		what:     "this Engine takes settings of containers at the top level of a request too",
		why:      "Caisson refuses requests with such settings, which no client of today sends",
		do:       "nothing",
	},
	{
		spans:    []span{{"", "25.0.17"}, {"26.0", "29.5.1"}},
		severity: Warn,
		what:     "copying into a container can harm this Engine's host (CVE-2026-41567, CVE-2026-41568, CVE-2026-42306)",
		why:      "a plugin is not shown what is copied",
		do:       "upgrade the Engine to 25.0.17 of its line, or to 29.5.1 or later; until then keep docker cp for those you trust, see docs/access.md",
	},
}

var _ = register(&Check{
	ID:    "engine-version",
	Title: "The Engine's version shows plugins what they must see",
	Why:   "what a plugin is shown of a request has changed several times",
	run: func(f *Facts, out *findings) {
		if f.Version.Version == "" {
			return
		}
		v, ok := parseVersion(f.Version.Version)
		if !ok {
			out.info("compare its source with docs/doctor.md", "the version %q is not that of a release, so nothing is known about it", f.Version.Version)
			return
		}
		known := 0
		for i := range versionFacts {
			if fact := &versionFacts[i]; fact.holds(v) {
				known++
				out.add(fact.severity, fact.why, fact.do, fact.what)
			}
		}
		if known == 0 {
			out.ok("nothing is known against Docker Engine %s", f.Version.Version)
		}
	},
})
