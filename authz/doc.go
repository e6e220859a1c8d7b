// Package authz decides whether the Docker Engine may do what a request asks for.
//
// Start reading at [Authorizer.Authorize]: parse the call, see whether whoever sends it may, run the rules that judge it, apply modes
// and exceptions, record the decision. Data flows one way, and imports point the same way:
//
//	plugin → authz → request → rules → decision → audit → reply
//
// The zero value of everything denies: the zero [Verdict] is [Undecided], and a [Policy] without rules or mode allows nothing.
package authz
