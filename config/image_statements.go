package config

import (
	"crypto/x509"
	"maps"
	"slices"
	"strings"

	"caisson/authz/image"
	"caisson/authz/image/cosign"
	"caisson/authz/image/identity"
	"caisson/authz/image/notation"
	"caisson/authz/image/revocation"
)

// The verifiers that a statement can name.
const (
	verifierNotation = "notation"
	verifierCosign   = "cosign-key"
	verifierEngine   = "engine-identity"
)

// keysOf lists which keys of a statement belong to which verifier.
var keysOf = map[string][]string{
	verifierNotation: {
		"certificates", "signing_authorities", "timestamping_certificates", "identities", "level", "timestamp", "revocation", "last_known",
	},
	verifierCosign: {"keys", "same_repository"},
	verifierEngine: {"signers"},
}

// verifier makes the verifier of a statement, nil if something is wrong with it.
func (d *decoder) verifier(at path, s *trustTable) image.Verifier {
	if s.Verifier == "" {
		s.Verifier = verifierNotation
	}
	kinds := slices.Sorted(maps.Keys(keysOf))
	if !slices.Contains(kinds, s.Verifier) {
		d.problem(at.key("verifier"), "%v", notOneOf(s.Verifier, kinds))
		return nil
	}
	for kind, keys := range keysOf {
		for _, key := range keys {
			if p := at.key(key); kind != s.Verifier && d.lines[p] > 0 {
				d.problem(p, "is for the verifier %s; this statement has %s", kind, s.Verifier)
			}
		}
	}
	before := len(d.problems)
	var v image.Verifier
	switch s.Verifier {
	case verifierCosign:
		v = d.cosign(at, s)
	case verifierEngine:
		v = d.identity(at, s)
	default:
		v = d.notation(at, s)
	}
	if len(d.problems) > before {
		return nil
	}
	return v
}

func (d *decoder) notation(at path, s *trustTable) image.Verifier {
	o := notation.Options{
		Identities: s.Identities, Level: notation.Level(s.Level), Timestamp: notation.Timestamp(s.Timestamp), LastKnown: s.LastKnown, Answers: d.answers,
	}
	d.missing(at, "identities", len(s.Identities) == 0)
	for _, list := range []struct {
		key   string
		names []string
		into  *[]*x509.Certificate
	}{
		{"certificates", s.Certificates, &o.CA},
		{"signing_authorities", s.SigningAuthorities, &o.SigningAuthority},
		{"timestamping_certificates", s.Timestamping, &o.TSA},
	} {
		var err error
		if *list.into, err = d.inputs.certificates(list.names); err != nil {
			d.problem(at.key(list.key), "%v", err)
		}
	}
	if len(s.Certificates)+len(s.SigningAuthorities) == 0 {
		d.missing(at, "certificates", true)
	}
	modes := map[string]revocation.Mode{"": revocation.LastKnown, "last-known": revocation.LastKnown, "require": revocation.Require, "ignore": revocation.Ignore}
	mode, ok := modes[s.Revocation]
	if !ok {
		d.problem(at.key("revocation"), "%v", notOneOf(s.Revocation, []string{"last-known", "require", "ignore"}))
	}
	o.Revocation = mode
	if d.reported(at) {
		return nil
	}
	v, err := notation.New(o)
	for _, err := range split(err) {
		d.problem(at, "%v", err)
	}
	if err != nil {
		return nil
	}
	return v
}

func (d *decoder) cosign(at path, s *trustTable) image.Verifier {
	texts, err := d.inputs.all(s.Keys)
	if err != nil {
		d.problem(at.key("keys"), "%v", err)
	}
	d.missing(at, "keys", len(s.Keys) == 0)
	o := cosign.Options{SameRepository: s.SameRepository}
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		o.Keys = append(o.Keys, cosign.Key{Name: name(file), PEM: texts[file]})
	}
	if d.reported(at) {
		return nil
	}
	v, err := cosign.New(o)
	if err != nil {
		for _, err := range split(err) {
			d.problem(at.key("keys"), "%v", err)
		}
		return nil
	}
	return v
}

func (d *decoder) identity(at path, s *trustTable) image.Verifier {
	d.missing(at, "signers", len(s.Signers) == 0)
	if d.reported(at) {
		return nil
	}
	var o identity.Options
	for _, signer := range s.Signers {
		o.Signers = append(o.Signers, identity.Signer(signer))
	}
	v, err := identity.New(o)
	if err != nil {
		for _, err := range split(err) {
			d.problem(at.key("signers"), "%v", err)
		}
		return nil
	}
	return v
}

// name is what a key is called in messages: its file, without folder and ending.
func name(file string) string {
	base := file[strings.LastIndexByte(file, '/')+1:]
	if i := strings.LastIndexByte(base, '.'); i > 0 {
		base = base[:i]
	}
	return base
}
