// Package cosign verifies signatures that cosign makes with a key of one's own ("cosign sign --key"), by the public half of that key.
//
// Signatures are looked for where cosign puts them: as payloads under the tag sha256-<hex>.sig (cosign 1 and 2), as the same payloads in a
// referrer of the image (OCI 1.1 mode), and as sigstore bundles in a referrer (cosign 3). Certificates of Fulcio, transparency logs and
// timestamps are not looked at: a signature counts if one of the keys made it, and for as long as the policy has the key.
//
//   - A payload must be a "cosign container image signature" of the image's digest, with nothing critical in it that is not understood.
//   - A bundle must hold an in-toto statement of the type https://sigstore.dev/cosign/sign/v1 with the image's digest as a subject. The same
//     key also signs attestations (provenance, scan reports, bills of materials) in the same form and the same place; none of them says that the
//     image may run. Bundles with a bare signature of the image's bytes, which is what "cosign sign-blob" makes, count for nothing either.
//
// A signature covers a digest. The repository in a payload is what the signer claims, cosign itself ignores it, and cosign 3 writes none: a
// signature that is copied with its image counts where it arrives, unless [Options] say that the repository has to match.
package cosign
