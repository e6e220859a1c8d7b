// Package image finds out who vouches for an image.
//
// A name proves nothing: whoever reaches the Engine can give any name to any image, and can write any digest next to it. What the Engine will
// run is its image ID, so everything starts there:
//
//	reference → the Engine's own image ([Subject]) → manifest bytes that this image was made of ([Artifact]) → a signature on these
//	bytes ([Verifier], by the [Statement] for their repository) → [Verdict]
//
// Bytes come from a [Source]: a registry of the policy, or the evidence that was kept of an earlier look. They are believed only if they hash
// to the digest that they were asked for by, so neither has to be trusted. A Verdict holds under one [Policy] and until its ValidUntil.
//
// The zero Verdict vouches for nothing.
package image
