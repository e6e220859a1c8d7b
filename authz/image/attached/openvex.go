package attached

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"

	"caisson/authz/image"
)

// openVEX begins the context of OpenVEX documents, and the type of predicates that are one.
const openVEX = "https://openvex.dev/ns"

// vexDocument is an OpenVEX document of version 0.2.0. The library of the project is not used for it: it brings protobuf and YAML along, and
// what decides here, that a product is this very image, it takes less strictly.
//
// Source: openvex/spec OPENVEX-SPEC.md.
type vexDocument struct {
	Timestamp   time.Time `json:"timestamp"`
	LastUpdated time.Time `json:"last_updated"`
	Statements  []struct {
		Vulnerability struct {
			Name    string   `json:"name"`
			Aliases []string `json:"aliases"`
		} `json:"vulnerability"`
		Timestamp       time.Time    `json:"timestamp"`
		LastUpdated     time.Time    `json:"last_updated"`
		Products        []vexProduct `json:"products"`
		Status          string       `json:"status"`
		Justification   string       `json:"justification"`
		ImpactStatement string       `json:"impact_statement"`
	} `json:"statements"`
}

type vexProduct struct {
	vexComponent
	Subcomponents []vexComponent `json:"subcomponents"`
}

type vexComponent struct {
	ID          string            `json:"@id"`
	Identifiers map[string]string `json:"identifiers"`
	Hashes      map[string]string `json:"hashes"`
}

// statement is what somebody says about a vulnerability of products.
type statement struct {
	vulnerabilities []string // its names
	products        []vexProduct
	about           []string // digests that it is about if it names no products, from the statement around it
	harmless        bool     // fixed, or not affected and why not
	when            time.Time
}

// parseVEX reads an OpenVEX document. The digests are those of the in-toto statement around it; nil if there is none.
func parseVEX(text []byte, digests []string) (document, error) {
	var d vexDocument
	if err := unmarshal(text, &d); err != nil {
		return document{}, err
	}
	if len(d.Statements) > maxFindings {
		return document{}, errors.New("it has too many statements")
	}
	doc := document{statements: []statement{}}
	for i := range d.Statements {
		s := &d.Statements[i]
		said := statement{vulnerabilities: append(s.Vulnerability.Aliases, s.Vulnerability.Name), products: s.Products, about: digests}
		switch s.Status {
		case "fixed":
			said.harmless = true
		case "not_affected": // which the specification wants a reason for
			said.harmless = s.Justification != "" || s.ImpactStatement != ""
		case "affected", "under_investigation":
		default:
			return document{}, errors.New("it is an OpenVEX document with a status that is not known")
		}
		for _, t := range []time.Time{s.LastUpdated, s.Timestamp, d.LastUpdated, d.Timestamp} {
			if said.when = t; !t.IsZero() {
				break
			}
		}
		doc.statements = append(doc.statements, said)
	}
	return doc, nil
}

// Exempt takes out of a report what the newest OpenVEX statement about it says does no harm in this image. If not all that is attached is
// known, nothing is taken out, and the report says so. The report given stays as it is.
func (d *Documents) Exempt(r image.Report) image.Report {
	if d.Unknown != "" {
		r.Unread = d.Unknown
		return r
	}
	by := make(map[string][]*statement)
	for i := range d.statements {
		s := &d.statements[i]
		for _, id := range s.vulnerabilities {
			by[id] = append(by[id], s)
		}
	}
	r.Found = slices.DeleteFunc(slices.Clone(r.Found), func(v image.Vulnerability) bool { return d.harmless(by[v.ID], &v) })
	return r
}

// harmless tells whether the newest of some statements says that a finding does no harm. Of two at once, the worse one counts.
func (d *Documents) harmless(list []*statement, v *image.Vulnerability) bool {
	var newest *statement
	for _, s := range list {
		if !d.concerns(s, v) {
			continue
		}
		if newest == nil || s.when.After(newest.when) || s.when.Equal(newest.when) && !s.harmless {
			newest = s
		}
	}
	return newest != nil && newest.harmless
}

// concerns tells whether a statement is about a finding in this image. One that says that something is affected hangs on this image for a
// reason, and counts however it names what it is about: authors and scanners have different names for the same thing.
func (d *Documents) concerns(s *statement, v *image.Vulnerability) bool {
	if !s.harmless {
		return true
	}
	if len(s.products) == 0 {
		return slices.ContainsFunc(s.about, func(about string) bool { return slices.Contains(d.digests, about) })
	}
	return slices.ContainsFunc(s.products, func(p vexProduct) bool {
		return d.isImage(&p.vexComponent) && (len(p.Subcomponents) == 0 ||
			slices.ContainsFunc(p.Subcomponents, func(c vexComponent) bool { return c.isPackage(v.Package) }))
	})
}

// isImage tells whether a component is this image, by its digest. A name alone may be any image's.
func (d *Documents) isImage(c *vexComponent) bool {
	if h := c.Hashes["sha-256"]; h != "" && slices.Contains(d.digests, "sha256:"+h) {
		return true
	}
	for _, p := range c.packages() {
		if (p.Type == packageurl.TypeOCI || p.Type == packageurl.TypeDocker) && p.Version != "" && slices.Contains(d.digests, p.Version) {
			return true
		}
	}
	return false
}

// isPackage tells whether a component is a package that a scanner calls by this name and version.
func (c *vexComponent) isPackage(nameVersion string) bool {
	for _, p := range c.packages() {
		for _, name := range []string{p.Name, p.Namespace + "/" + p.Name, p.Namespace + ":" + p.Name} {
			rest, ok := strings.CutPrefix(nameVersion, name)
			if ok && (p.Version == "" && (rest == "" || rest[0] == ' ') || p.Version != "" && rest == " "+p.Version) {
				return true
			}
		}
	}
	return false
}

// packages lists the package URLs of a component.
func (c *vexComponent) packages() []packageurl.PackageURL {
	var list []packageurl.PackageURL
	for _, text := range []string{c.ID, c.Identifiers["purl"]} {
		if p, err := packageurl.FromString(text); err == nil {
			list = append(list, p)
		}
	}
	return list
}
