package config

import "time"

// imageTrustTable is [image_trust] as written.
type imageTrustTable struct {
	Deadline     time.Duration `toml:"deadline" comment:"how long a request waits while its image is verified, 1s to 25s; \"8s\" if left out. Verification then goes on, so that the next request finds it done"`
	Lifetime     time.Duration `toml:"verdict_lifetime" comment:"how long a verification counts at most before it is done again; \"24h\" if left out"`
	AllowDigests []string      `toml:"allow_digests" comment:"images that need no signature: IDs, or digests of manifests and indexes, as sha256:…"`
	DenyDigests  []string      `toml:"deny_digests" comment:"images that no signature helps, likewise"`
	Evidence     []string      `toml:"evidence" comment:"folders with evidence beside Caisson's own: OCI image layouts with manifests and signatures, for hosts without a network"`

	// Decoded later, each by itself: a mistake in one hides none in another.
	Registries []map[string]any `toml:"registries" comment:"the registries that may be asked; see image_trust.registries[]"`
	Statements []map[string]any `toml:"statements" comment:"who has to vouch for which images; see image_trust.statements[]"`
	Reports    []map[string]any `toml:"reports" comment:"where reports about vulnerabilities are read; see image_trust.reports[]"`
}

// registryTable is one [[image_trust.registries]] as written.
type registryTable struct {
	Host        string   `toml:"host" comment:"as in names of images, with the port if there is one; Docker Hub is docker.io"`
	CA          []string `toml:"ca" comment:"PEM files, or folders of them, of authorities that are trusted for this registry beside the system's"`
	Credentials string   `toml:"credentials" comment:"a file like Docker's config.json; credential helpers that it names are used"`
	PlainHTTP   bool     `toml:"plain_http" comment:"speak HTTP without TLS"`
	Proxy       string   `toml:"proxy" comment:"URL of an HTTP proxy; none is used otherwise, whatever the environment says"`
}

// trustTable is one [[image_trust.statements]] as written.
type trustTable struct {
	Name         string   `toml:"name" comment:"what the statement is about, in messages"`
	Repositories []string `toml:"repositories" comment:"beginnings of repositories with their registry, by whole components: \"registry.example.com/team\" is itself and all below it. Of several that fit, the longest counts. Left out for a statement that only reports use"`
	Verifier     string   `toml:"verifier" comment:"notation (if left out), cosign-key or engine-identity"`

	Certificates       []string      `toml:"certificates" comment:"notation: PEM files, or folders of them, of the authorities that issue the signers' certificates"`
	SigningAuthorities []string      `toml:"signing_authorities" comment:"notation: the same for signatures of the scheme signingAuthority"`
	Timestamping       []string      `toml:"timestamping_certificates" comment:"notation: root certificates of timestamping authorities (RFC 3161). Without them, a signature ends with its certificate"`
	Identities         []string      `toml:"identities" comment:"notation: who may sign, such as \"x509.subject: C=DE, ST=Berlin, O=Example\"; \"*\" is everyone with a certificate of these authorities"`
	Level              string        `toml:"level" comment:"notation: strict (if left out), or permissive, which does without timestamps, expiry and revocation"`
	Timestamp          string        `toml:"timestamp" comment:"notation: always (if left out), or after-cert-expiry: when a timestamp is looked at"`
	Revocation         string        `toml:"revocation" comment:"notation: last-known (if left out), require or ignore: what happens if the certificate authority cannot be asked whether a certificate is revoked"`
	LastKnown          time.Duration `toml:"last_known" comment:"notation: how old an answer about revocation may be that serves while the authority cannot be asked; \"24h\" if left out"`

	Keys           []string `toml:"keys" comment:"cosign-key: PEM files of public keys"`
	SameRepository bool     `toml:"same_repository" comment:"cosign-key: the signature must name the repository in which the image is found, as those of cosign 3 do not"`

	Signers []signerTable `toml:"signers" comment:"engine-identity: who may sign; everything that one names has to match"`
}

// signerTable is one of the signers of a statement.
type signerTable struct {
	Known            string `toml:"known" comment:"one that the Engine knows by name: DHI, Docker's hardened images"`
	Issuer           string `toml:"issuer" comment:"who confirmed the signer's identity, such as https://token.actions.githubusercontent.com"`
	Subject          string `toml:"subject" comment:"the signer as its certificate names it; * and ** are wildcards"`
	SourceRepository string `toml:"source_repository" comment:"the repository that the image was built from"`
}

// reportTable is one [[image_trust.reports]] as written.
type reportTable struct {
	Source        string   `toml:"source" comment:"clair, or attached: a report that hangs on the image in its registry and is signed"`
	Statement     string   `toml:"statement" comment:"attached: name of the statement that the report's signer has to fulfil"`
	ArtifactTypes []string `toml:"artifact_types" comment:"attached: artifact types of reports beside the usual ones"`
	OpenVEX       bool     `toml:"openvex" comment:"attached: leave out of all reports, also of Clair's, what a signed OpenVEX document says does no harm"`
	URL           string   `toml:"url" comment:"clair: address of the matcher, such as https://clair.example.com:6060"`
	PSKFile       string   `toml:"psk_file" comment:"clair: file with the shared key, in base64"`
	Issuer        string   `toml:"issuer" comment:"clair: issuer of the tokens that are made with the key"`
	CA            []string `toml:"ca" comment:"clair: PEM files, or folders of them, of authorities that are trusted for it beside the system's"`
}
