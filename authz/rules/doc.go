// Package rules holds what Caisson refuses, one rule a file.
//
// A rule file is the only place that knows its rule: the ID, what it is for and what to do instead, the API fields it guards,
// the doors it stands at, its options with their defaults, its setting in each profile, and the check. The policy file's
// tables, the default policy, "caisson rules", the reference in docs/ and the metric labels are all derived from it.
//
// A check is a pure function of the request: it does no I/O, keeps no clock and logs nothing. It reports every violation it
// finds, never only the first. Its zero options are the strict ones.
//
// To add a rule, copy the shortest file here, change all of it, and add one case that is refused and one that passes to
// authz/testdata/cases/<id>/. Tests fail until both are there.
package rules
