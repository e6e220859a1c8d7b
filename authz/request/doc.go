// Package request says what the Docker Engine will do with an API call.
//
// An authorization plugin is shown the raw request target, a flat header map and, sometimes, the body. Everything a policy
// wants to know has to be read out of those the way dockerd reads them, and dockerd reads leniently: it routes on the decoded
// path, folds the case of JSON keys, merges repeated objects and takes form bodies for queries. A plugin that reads in any
// other way can be told one thing while the Engine is told another. So [Parse] goes the Engine's own way, step by step:
//
//	Call ─ target.go   split the target as net/http does; refuse what no client sends
//	     ─ routes.go   match the decoded path against the Engine's route table: the Operation
//	     ─ body.go     is the body there, and is it the one the Engine will read?
//	     ─ plain/      decode JSON that no two readers could read differently; all other JSON takes the next step instead
//	     ─ shape.go    walk the JSON beside the Engine's types; refuse what two readers could read differently
//	     ─ create.go … decode into the Engine's types and normalise into one Workload
//
// The result is a [Request]. Where our view could differ from the Engine's, Parse returns an [*Error] and no Request, and the
// caller must refuse: an error here is "cannot decide", never "nothing to decide".
//
// [Workload] is the one view that rules judge, whichever door the workload comes through: container create, exec, and the
// volumes and endpoints that other calls make. Every value in it knows its place in the API body, so that a refusal can name it.
package request
