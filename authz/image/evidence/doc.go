// Package evidence keeps on disk what proved an image: manifests, signatures, reports. With it a verdict can be reached again after a restart,
// under a changed policy, or at a site that has no registry.
//
// It is an OCI image layout, so that ordinary copy tools can fill it and read it. Layers and configurations of images are not needed and need
// not be there. Nothing in it is trusted: bytes are hashed each time that they are read, those that do not fit are not there (and are removed
// where that is possible), and a signature is verified anew. Whoever can write to the folder can therefore take evidence away, and not forge any.
//
// # Names
//
// An entry of index.json may say where a manifest is from: in the annotation [AnnotationRepository], which Caisson writes, or as a full name in
// org.opencontainers.image.ref.name or io.containerd.image.name, as other tools do. If it does not, the repository is not known. For questions about bytes
// the repository does not matter at all: a digest stands for the same bytes everywhere, and a signature is found through the digest that it
// is of and says itself of what it is. So [Layout] answers them whatever repository is asked for. What a name decides is which statement of the policy
// applies to an image. For that, [Candidate] tells the repositories that are known, and whoever finds none must take the name from elsewhere,
// as a hint: the keys of that statement must have signed these very bytes, whatever the name. That a layout holds a manifest is never evidence that a registry
// serves it.
//
// # Why not the store of oras-go
//
// Its content/oci keeps one process's view in memory and writes index.json as a whole without a lock, so that serve and the command line would undo each other's work;
// it wants all of an index's or manifest's successors to be there; it neither hashes what it reads nor bounds what it keeps. Reading a layout is a page of code.
package evidence
