// Package identity lets an image run because the Engine itself found out who signed it.
//
// Engine 29.2 and later, with the containerd image store, verify sigstore signatures on the provenance of images that BuildKit made, and show
// the signer in an inspect (API 1.53, Identity.Signature). The Engine takes any signer for good whom a certificate of Fulcio names; whose word
// counts is what [Options] say. Nothing is fetched, and no registry is asked.
//
// What it is good for, and where its limits are:
//
//   - The Engine judges one manifest of an index: that of the platform it was asked about. The verdict holds for that manifest alone, so the
//     subject has to say of which one the Engine spoke ([image.Subject.IdentityOf]), and which one will run.
//   - The chain is signature → provenance → manifest, each by digest. Whoever loads images, tags them, or adds signatures to the store can
//     take an identity away from an image, and cannot give one.
//   - Any statement that the signer signed about the provenance counts, as the Engine does not show its type.
//   - The Engine keeps what it found for two days. A signature that is added to an image that is already there shows late.
//
// Identity.Pull and Identity.Build are not looked at: both can be had without the one they name.
package identity
