// Package plugin speaks Docker's authorization plugin protocol: HTTP on a unix socket, one POST before each Engine API request
// and one after it.
//
// A call takes this way: [Handler] bounds and reads the message, wire.go decodes it, [authz.Authorizer] decides, and the decision
// goes back as one of three answers. wire.go is the only file that knows how these look:
//
//	the request may pass     200 {"Allow":true}
//	it breaks a rule         200 {"Allow":false,"Msg":"…"}   the client sees 403
//	it cannot be decided     500 {"Err":"…"}                 the client sees 500
//
// What makes this more than plumbing:
//
//   - dockerd reads Err only if the status is not 200. {"Allow":true,"Err":"…"} with 200 lets the request pass.
//   - When a connection breaks after dockerd has sent a call, dockerd sends it again with an empty body. A plugin that a request can
//     crash, and that takes an empty call for a harmless one, is no gate. So panics are answered, no timeout of ours closes a busy
//     connection, and an empty call is refused whatever the policy says.
//   - dockerd waits for this plugin without limit of its own, so every step here has one.
//   - A socket file that nobody answers holds up dockerd for 15 seconds at every call, so the socket is removed on exit.
package plugin
