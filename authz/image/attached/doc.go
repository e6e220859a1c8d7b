// Package attached reads what hangs on images in their registries, as far as somebody signed it: scan reports, OpenVEX documents and SLSA
// provenance.
//
// Whoever can push to a repository can attach "0 vulnerabilities" to any image in it. So a document counts only if
//
//   - the manifest that carries it names the image, by its digest, as its subject,
//   - the [image.Verifier] of a trust statement for such documents vouches for that manifest, or one of the [Keys] signed an envelope in it, and
//   - the document, if it names an image itself, names that one.
//
// Documents that fail this are as good as absent. One that passes and cannot be read, or that cannot be fetched, makes the answer unknown:
// it may be the newest, and bad news.
//
// The formats are those that scanners write and registries are given: SARIF, Trivy's and Grype's own JSON, the scan record of cosign, and
// in-toto statements around them, also in an envelope. They are told apart by what is in them, as media types say little: oras and Trivy
// push most of them as application/json. Bills of materials are no reports.
package attached
