// Package notation verifies signatures of the Notary Project (notation) on images.
//
// notation-go judges a signature; this package finds the signatures, reads them within limits, hands them over as bytes, and turns what the
// library says into a verdict. Nothing is read from disk and no configuration of notation on the host has any influence: certificates come as
// a snapshot ([Options]), and the trust policy document is made from them. The network is asked through the [image.Source], and about
// revocations (package revocation); nowhere else.
//
// The library returns no error for a signature that its level lets pass with a failed check. So levels that log failures of authenticity
// are not offered, and a signature counts only if both its integrity and its authenticity were found to be in order, whatever the library
// returns.
//
// A signature names a digest, a media type and a size, and no repository: an image that is copied with its signature is signed where it
// arrives, and an old image stays signed until the signature expires.
package notation
