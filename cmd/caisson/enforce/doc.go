// Package enforce puts Caisson into dockerd's configuration, and takes it out, so that nobody is locked out by either.
//
// dockerd is unforgiving here. It does not start when its configuration names a plugin that does not answer, and it ends itself when it
// is told to read such a configuration while it runs. So everything that can be found out before is: that all plugins answer, that
// Caisson refuses what it should and lets a ping pass, that dockerd would take the file. Then the file is replaced in one step, dockerd
// reads it, and the effect is measured. If it is not there, the file before comes back.
package enforce
