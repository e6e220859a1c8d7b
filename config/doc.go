// Package config reads policy files, and keeps the policy in force.
//
// A policy file is TOML:
//
//	version = 1                # required
//	mode    = "enforce"        # enforce (default) | audit: refuse nothing, record what would have been refused
//	profile = "standard"       # baseline (default) | standard | restricted | cis-docker-1.6 | none
//
//	[rules.memory]             # switches the rule on, whatever the profile says
//	mode = "audit"             # enforce (default) | audit | off
//	max  = "8GiB"              # options; those left out keep the profile's values, a list or map replaces the profile's
//
//	[[exceptions]]
//	name    = "node-exporter"  # all of these keys are required, but for image and user, of which one will do
//	rules   = ["host-network", "host-pid"]
//	image   = "quay.io/prometheus/node-exporter@sha256:…"
//	user    = "monitoring"     # common name of the TLS client certificate
//	expires = 2027-03-31       # through the end of that day, UTC; or a date with a time
//	owner   = "ops"
//	reason  = "needs the host's network counters"
//
//	[[groups]]
//	name    = "ci"
//	members = ["cn:runner-1", "ou:Builders"]
//
//	[[access]]                 # who may ask for what; without any, everyone may ask for everything
//	name       = "ci"
//	effect     = "allow"       # allow | deny | read-only
//	principals = ["group:ci", "local"]
//	operations = ["Container*", "read", "sensitive"]
//
//	[[overrides]]              # rules of their own for some principals; the first override that is for one counts
//	name       = "ci gets more memory"
//	principals = ["group:ci"]
//	[overrides.rules.memory]
//	max        = "32GiB"
//
//	[audit]
//	on_failure = "deny"        # deny (default) | continue: what happens with a request whose record cannot be written
//
//	[existing_containers]
//	mode = "enforce"           # enforce (default) | audit | off: containers that could not be created today
//
// Reading is strict: what is unknown, misspelt or of the wrong kind is an error. All mistakes are reported at once as [Errors],
// each with file, line, key and, if there is one, the nearest valid name:
//
//	policy.toml:6: rules.memory.maks: unknown key; did you mean "max"?
//
// The tables of rules are the rules' own structs from package rules: this package knows no rule. [Read] decodes into them,
// [Show] and [DefaultFile] write them, [Reference] documents them. A [Store] follows the file while the service runs.
package config

//go:generate go run reference_generate.go
