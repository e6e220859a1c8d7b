// Package revocation asks whether the certificates of a chain are revoked: by OCSP, and by CRL where there is no OCSP or it does not know.
//
// notation-core-go judges the answers. This package decides how they are got: each responder has a second, answers are bounded in size, are
// used again for an hour, and can be kept in a directory; and what happens when a responder cannot be reached is the operator's choice
// ([Mode]). The URLs come from certificates whose chain ends in the trust store, never from anybody else.
//
// An OCSP answer that somebody signed on behalf of the issuer counts only if the issuer lets them sign such answers: whoever stole a signing
// key could otherwise testify for it.
package revocation
