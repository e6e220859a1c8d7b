// Package doctor finds out whether a host really enforces its policy, and what else would let somebody past it.
//
// [Gather] collects the facts, from files, from the Engine and from the plugin. The checks, one to a file, are functions of the facts:
// a test makes up the facts, and a check changes nothing. To add a check, add its file, and a case to TestChecks.
package doctor

//go:generate go run reference_generate.go
