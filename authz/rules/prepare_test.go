package rules_test

import (
	"testing"
	"time"

	"caisson/authz/rules"
)

// TestPrepareRefuses shows each option that cannot be meant, and what the operator is told.
func TestPrepareRefuses(t *testing.T) {
	for _, c := range []struct {
		rule rules.Preparer
		want string
	}{
		{&rules.Memory{MaxSwappiness: 101}, "max_swappiness: 101 is not between 0 and 100"},
		{&rules.Memory{Max: 2 << 30, MaxSwap: 1 << 30}, "max_swap: 1GiB is less than max, though it counts memory and swap together"},
		{&rules.CPU{Max: -1}, "max: -1 is not a number of CPUs"},
		{&rules.CPU{MaxShares: -1}, "max_shares: -1 is below 0"},
		{&rules.Pids{Max: -1}, "max: -1 is below 0"},
		{&rules.Ulimits{Max: map[string]int64{"files": 1}}, `max: "files" is no resource limit; see ulimits in the reference of docker run`},
		{&rules.Ulimits{Max: map[string]int64{"nofile": -2}}, "max: nofile is -2; write -1 for no bound"},
		{&rules.OOM{MinScoreAdj: -1001}, "min_score_adj: -1001 is not between -1000 and 1000"},
		{&rules.ShmSize{}, "max: a size above 0 is needed; switch the rule off if there is to be no bound"},
		{&rules.RestartPolicy{Allow: []string{"never"}}, `allow: "never" is no restart policy; use no, on-failure, always, unless-stopped`},
		{&rules.RestartPolicy{MaxRetries: -1}, "max_retries: -1 is below 0"},
		{&rules.Healthcheck{MinInterval: -time.Second}, "min_interval: -1s is below 0"},
		{&rules.PublishedPorts{MinPort: 70000}, "min_port: 70000 is no port"},
		{&rules.PublishedPorts{HostIPs: []string{"localhost"}}, `host_ips: "localhost" is neither an address nor a network such as 10.0.0.0/8`},
		{&rules.NetworkDrivers{Allow: []string{"../x"}}, `allow: "../x" is not a plain driver name; install a managed plugin under an alias and list that`},
		{&rules.NetworkDrivers{Subnets: []string{"10"}}, `subnets: "10" is neither an address nor a network such as 10.0.0.0/8`},
		{&rules.LogDriver{Allow: []string{"a/b"}}, `allow: "a/b" is not a plain driver name; install a managed plugin under an alias and list that`},
		{&rules.ImageReference{Registries: []string{"busybox"}}, `registries: "busybox" does not begin with a registry; write docker.io/library/busybox for busybox`},
		{&rules.ImageReference{Registries: []string{"library/*"}}, `registries: "library/*" does not begin with a registry; write docker.io/library/busybox for busybox`},
		{&rules.Labels{Match: map[string]string{"team": "("}}, `match: "(" for "team" is no regular expression`},
		{&rules.Operations{Allow: []string{"ContainerUpdates"}}, `allow: "ContainerUpdates" is no operation; did you mean "ContainerUpdate"?`},
		{&rules.Operations{Allow: []string{"ImageBuild"}, Deny: []string{"ImageBuild"}}, `allow: "ImageBuild" is in deny as well`},
		{&rules.Operations{Allow: []string{"SwarmInit"}}, `allow: "SwarmInit" is decided by the rule swarm; see rules.swarm.services and rules.swarm.manage`},
		{&rules.Operations{Allow: []string{"ServiceUpdate"}}, `allow: "ServiceUpdate" is decided by the rule swarm; see rules.swarm.services and rules.swarm.manage`},
		{&rules.Swarm{Manage: []string{"SwarmInt"}}, `manage: "SwarmInt" is no operation of a swarm; did you mean "SwarmInit"?`},
		{&rules.Swarm{Manage: []string{"ServiceCreate"}}, `manage: "ServiceCreate" is judged by what it asks for; set services = true instead`},
		{&rules.Swarm{Rollback: true}, "rollback: it means nothing without services = true"},
		{&rules.Operations{Allow: []string{"PluginDisable"}}, `allow: "PluginDisable" is decided by the rule self-protection, which is part of every policy`},
		{&rules.ImagePull{Registries: []string{"busybox"}}, `registries: "busybox" does not begin with a registry; write docker.io/library/busybox for busybox`},
		{&rules.ImagePush{Registries: []string{"a/*"}}, `registries: "a/*" does not begin with a registry; write docker.io/library/busybox for busybox`},
		{&rules.ProtectedImages{Names: []string{"base"}}, `names: "base" does not begin with a registry; write docker.io/library/busybox for busybox`},
		{&rules.SelfProtection{Paths: []string{"/srv/docker/"}}, `paths: "/srv/docker/" is not a clean absolute path; write it like /srv/docker`},
		{&rules.UnknownOperation{Allow: []string{"/new/route"}}, `allow: "/new/route" is not a method and a path such as "GET /new/route"`},
	} {
		if err := c.rule.Prepare(); err == nil || err.Error() != c.want {
			t.Errorf("%T: got %v, want %s", c.rule, err, c.want)
		}
	}
}
