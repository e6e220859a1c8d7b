package rules_test

import (
	"testing"
	"time"

	"caisson/authz/request"
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
		{&rules.LogDriver{MaxFiles: -1}, "max_files: -1 is below 0"},
		{&rules.ImageChanges{MaxVariables: -1}, "max_variables: -1 is below 0"},
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
		{&rules.ImageAge{OnUnknown: "deny"}, "max: a length of time above 0 is needed; switch the rule off if there is to be no bound"},
		{&rules.ImageAge{Max: 90, OnUnknown: "pass"}, `on_unknown: "pass" is neither "allow" nor "deny"`},
		{&rules.ImageVulnerabilities{MaxSeverity: "High", OnUnknown: "deny"}, `max_severity: "High" is no severity; use none, negligible, low, medium, high, critical`},
		{&rules.ImageVulnerabilities{MaxSeverity: "high"}, `on_unknown: "" is neither "allow" nor "deny"`},
		{ignoring(rules.IgnoredVulnerability{Reason: "r", Expires: inMay}), "ignore: id is missing"},
		{ignoring(rules.IgnoredVulnerability{ID: "CVE-2026-1", Expires: inMay}), "ignore: reason is missing for CVE-2026-1"},
		{ignoring(rules.IgnoredVulnerability{ID: "CVE-2026-1", Reason: "r"}), "ignore: expires is missing for CVE-2026-1; what is never looked at again is forgotten"},
		{ignoring(rules.IgnoredVulnerability{ID: "CVE-2026-1", Reason: "r", Package: "[a", Expires: inMay}), `ignore: package: "[a" is no pattern`},
		{ignoring(rules.IgnoredVulnerability{ID: "CVE-2026-1", Reason: "r", Expires: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}), "ignore: expires: the year 9999 is not one to plan for"},
		{&rules.ProtectedImages{Names: []string{"base"}}, `names: "base" does not begin with a registry; write docker.io/library/busybox for busybox`},
		{&rules.SelfProtection{Paths: []string{"/srv/docker/"}}, `paths: "/srv/docker/" is not a clean absolute path; write it like /srv/docker`},
		{&rules.UnknownOperation{Allow: []string{"/new/route"}}, `allow: "/new/route" is not a method and a path such as "GET /new/route"`},
	} {
		if err := c.rule.Prepare(); err == nil || err.Error() != c.want {
			t.Errorf("%T: got %v, want %s", c.rule, err, c.want)
		}
	}
}

var inMay = time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC)

func ignoring(i rules.IgnoredVulnerability) *rules.ImageVulnerabilities {
	return &rules.ImageVulnerabilities{MaxSeverity: "high", OnUnknown: "deny", Ignore: []rules.IgnoredVulnerability{i}}
}

func TestDays(t *testing.T) {
	for text, want := range map[string]string{"180d": "180d", "26w": "182d", "1y": "365d", "0": "0d", "0d": "0d", "100y": "36500d"} {
		var d rules.Days
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%s: got %s and %v, want %s", text, d, err, want)
		}
	}
	for _, text := range []string{"", "d", "180", "180h", "-1d", "1.5d", "101y", "99999999999d", "1d1d", "+1d"} {
		d := rules.Days(7)
		if err := d.UnmarshalText([]byte(text)); err == nil || d != 7 {
			t.Errorf("%q: got %s and %v, want an error and the value left alone", text, d, err)
		}
	}
}

// vouched are facts of an image about which there is nothing to say.
func vouched(place, named string) *request.ImageFacts {
	return &request.ImageFacts{
		Place: place, Named: named, At: inMay, Trust: request.ImageTrust{Verified: true}, Age: request.ImageAge{Known: true, Time: inMay},
		Vulnerabilities: request.ImageVulnerabilities{Source: "x"},
	}
}

// TestUnseenImages holds the rules to refusing images that nobody has looked at, whatever else is known.
func TestUnseenImages(t *testing.T) {
	w := &request.Workload{Door: request.DoorCreate}
	w.Image = request.Value[string]{Field: "Image", V: "app"}
	w.Mounts = []request.Mount{{Field: "HostConfig.Mounts[0]", Type: request.MountImage, Source: "data"}}
	r := &request.Request{Workload: w}
	for _, facts := range [][]*request.ImageFacts{
		nil,
		{{Place: "Image"}, {Place: "HostConfig.Mounts[1]", At: inMay}},
		{vouched("Image", "another app"), vouched("HostConfig.Mounts[0]", "other data")},
		{{Place: "Image", Age: request.ImageAge{Known: true}, Vulnerabilities: request.ImageVulnerabilities{Source: "x"}}},
	} {
		w.ImageFacts = facts
		for _, id := range []rules.ID{"image-age", "image-signature", "image-vulnerabilities"} {
			spec := rules.Get(id)
			found := new(rules.Findings)
			found.Start(spec, r)
			spec.New().Check(r, found)
			if len(found.Violations()) != 2 {
				t.Errorf("%s: %v, want the image and the mount to be refused", id, found.Violations())
			}
		}
	}
}
