// Package registry asks registries for manifests, signatures and reports.
//
// Names of images are chosen by whoever reaches the Engine, so only the hosts of a list are ever connected to, and everything that such a host
// can send is bounded: time, bytes, redirects, pages. What it sends is hashed before anybody sees it. Nothing is tried twice inside a call: the
// caller has a request waiting, and evidence kept on disk to fall back to. A host that fails three times in a row is left alone for a while.
//
// Credentials come from a file in the form of Docker's config.json, with the credential helpers that it names. They go to the registry and to the
// token service that it names over TLS (over plain HTTP only if the registry itself is listed as such), never along with a redirect, and they are in
// no error. The file is read again when it changes; a version that cannot be read changes nothing. It is never written.
//
// No proxy is used unless the list names one: the environment of a daemon is no place where an operator looks for what decides.
//
// The protocol is oras-go's; what is added here are bounds, the list, and words for what goes wrong.
package registry
