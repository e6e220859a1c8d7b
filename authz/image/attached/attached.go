package attached

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"caisson/authz/image"
)

// Options says what of what is attached counts.
type Options struct {
	Verifier image.Verifier // whoever it vouches for may say what is in images; nil vouches for nobody
	Keys     Keys           // whose envelopes count, whatever manifest carries them; nil is none
	Types    []string       // artifact types to look at, beside the usual ones
	VEX      bool           // what OpenVEX documents say does no harm is left out of reports
	Now      func() time.Time
}

// Reader reads what is attached to images. It is an [image.Reporter].
type Reader struct {
	verifier image.Verifier
	keys     Keys
	types    map[string]bool
	vex      bool
	now      func() time.Time
}

// usual are the artifact types under which documents of the known formats are found.
var usual = []string{
	"application/sarif+json",
	"application/json", // Trivy's referrer plugin, for scan records; oras, for anything
	"application/vnd.in-toto+json",
	"application/vnd.dsse.envelope.v1+json",
	"application/vnd.dev.cosign.artifact.att.v1+json",
	"application/vnd.dev.sigstore.bundle.v0.3+json",
	"application/vnd.openvex+json",
	"application/vnd.openvex",
	"application/vnd.openvex.vex+json",
}

// signatures are the artifact types of signatures, which are not for here.
var signatures = map[string]bool{
	"application/vnd.cncf.notary.signature":           true,
	"application/vnd.dev.cosign.artifact.sig.v1+json": true,
}

// New makes a Reader. Without a Verifier and without Keys it believes nobody.
func New(o Options) *Reader {
	r := &Reader{verifier: o.Verifier, keys: o.Keys, types: make(map[string]bool), vex: o.VEX, now: o.Now}
	for _, t := range slices.Concat(usual, o.Types) {
		r.types[t] = true
	}
	if r.now == nil {
		r.now = time.Now
	}
	return r
}

// Report implements [image.Reporter]: the newest of the reports, by its own date or that of its signature.
func (r *Reader) Report(ctx context.Context, source image.Source, a image.Artifact) image.Report {
	found := r.Read(ctx, source, a)
	report := found.Report()
	if r.vex {
		report = found.Exempt(report)
	}
	report.Built = found.Built
	return report
}

// Filtered is a reporter of which this Reader's OpenVEX documents take away what does no harm.
func (r *Reader) Filtered(next image.Reporter) image.Reporter { return filtered{r, next} }

type filtered struct {
	vex  *Reader
	next image.Reporter
}

// Report implements [image.Reporter].
func (f filtered) Report(ctx context.Context, source image.Source, a image.Artifact) image.Report {
	report := f.next.Report(ctx, source, a)
	if len(report.Found) == 0 {
		return report
	}
	return f.vex.Read(ctx, source, a).Exempt(report)
}

// Documents are what hangs on an image and counts. The zero value is nothing at all.
type Documents struct {
	Unknown string         // why not all of them are known; then none is there
	Reports []image.Report // newest first, those without a date last
	Built   time.Time      // when the build finished, as signed SLSA provenance says; zero if there is none

	signed     int // documents that counted, of whatever kind
	rejected   image.Verdict
	passed     string // artifact type of something that was not looked at
	statements []statement
	digests    []string // that stand for the image, as "sha256:…"
}

// Report returns the newest report, or one that says why there is none.
func (d *Documents) Report() image.Report {
	switch {
	case d.Unknown != "":
		return image.Report{Unknown: d.Unknown}
	case len(d.Reports) > 0:
		return d.Reports[0]
	case d.signed > 0:
		return image.Report{Unknown: "no scan report is among the signed documents that are attached to it"}
	case d.rejected.Reason != image.Unknown:
		return image.Report{Unknown: fmt.Sprintf("what is attached to it does not count (%s)%s", d.rejected.Reason, detail(d.rejected))}
	case d.passed != "":
		return image.Report{Unknown: fmt.Sprintf("no signed scan report is attached to it (of the artifact type %.100q something is, which artifact_types does not list)", d.passed)}
	default:
		return image.Report{Unknown: "no signed scan report is attached to it"}
	}
}

func detail(v image.Verdict) string {
	if v.Detail == "" {
		return ""
	}
	return ": it " + v.Detail
}

// sort puts the newest report first. Of two that are equally new, the one that found more comes first.
func (d *Documents) sort() {
	slices.SortStableFunc(d.Reports, func(a, b image.Report) int {
		return cmp.Or(b.Made.Compare(a.Made), cmp.Compare(len(b.Found), len(a.Found)), cmp.Compare(a.Source, b.Source))
	})
}
