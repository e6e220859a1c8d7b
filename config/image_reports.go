package config

import (
	"crypto/x509"
	"reflect"

	"caisson/authz/image"
	"caisson/authz/image/attached"
	"caisson/authz/image/clair"
)

// The sources of reports.
const (
	reportsClair    = "clair"
	reportsAttached = "attached"
)

// imageReports compiles the sources of reports into the policy.
func (d *decoder) imageReports(t *imageTrust, p *image.Policy, verifiers map[string]image.Verifier) {
	var vex []*attached.Reader
	for i, raw := range t.Reports {
		at := imageTrustPath.key("reports").index(i)
		var r reportTable
		d.decodeStruct(at, raw, reflect.ValueOf(&r).Elem())
		t.reports = append(t.reports, r)
		before := len(d.problems)
		var reporter image.Reporter
		switch r.Source {
		case reportsClair:
			reporter = d.clair(at, &r)
		case reportsAttached:
			reader := d.attached(at, &r, verifiers)
			if reporter = reader; r.OpenVEX {
				vex = append(vex, reader)
			}
		case "":
			d.missing(at, "source", true)
		default:
			d.problem(at.key("source"), "%v", notOneOf(r.Source, []string{reportsClair, reportsAttached}))
		}
		if len(d.problems) == before {
			p.Reporters = append(p.Reporters, reporter)
		}
	}
	for i, reporter := range p.Reporters {
		if _, own := reporter.(*attached.Reader); !own && len(vex) > 0 && len(d.problems) == 0 {
			p.Reporters[i] = vex[0].Filtered(reporter)
		}
	}
}

func (d *decoder) clair(at path, r *reportTable) image.Reporter {
	d.missing(at, "url", r.URL == "")
	o := clair.Options{URL: r.URL, Issuer: r.Issuer}
	if r.PSKFile != "" {
		text, err := d.inputs.read(r.PSKFile)
		if err != nil {
			d.problem(at.key("psk_file"), "%v", err)
		}
		o.Key = string(text)
	}
	if len(r.CA) > 0 {
		certificates, err := d.inputs.certificates(r.CA)
		if err != nil {
			d.problem(at.key("ca"), "%v", err)
		}
		if o.CA, err = x509.SystemCertPool(); err != nil {
			o.CA = x509.NewCertPool() // a plugin's file system has none
		}
		for _, c := range certificates {
			o.CA.AddCert(c)
		}
	}
	if d.reported(at) {
		return nil
	}
	c, err := clair.New(o)
	if err != nil {
		d.prepareProblem(at, err)
		return nil
	}
	return c
}
