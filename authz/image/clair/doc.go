// Package clair asks a Clair v4 for the vulnerabilities of images.
//
// It only reads. Whoever can reach Clair's indexer can file harmless layers under the digest of any image, so the indexer must be open to
// the registry or the build system alone; an image that nobody has submitted stays unknown.
//
// Clair knows an image by the digest of its platform's manifest: not by that of an index, nor by an image ID. Its reports carry no date: it
// matches what it indexed with what it knows of vulnerabilities when it is asked. What it cannot read, it reports as it reports what is clean; the
// packages tell.
package clair
