package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBadOptions holds rules to refusing options that would not do what they seem to say. The error names the option first.
func TestBadOptions(t *testing.T) {
	for _, tt := range []struct {
		rule Preparer
		want string // beginning of the error
	}{
		{&Capabilities{Allow: []string{"SYS_PTRCE"}}, `allow: "SYS_PTRCE" is no capability; did you mean "SYS_PTRACE"?`},
		{&Capabilities{Allow: []string{"cap_net_bind"}}, `allow: "cap_net_bind" is no capability; did you mean "NET_BIND_SERVICE"?`},
		{&Capabilities{Allow: []string{"all"}, RequireDropAll: true}, `allow: "ALL" makes require_drop_all meaningless`},
		{&Seccomp{Allow: []string{"unconfined"}}, `allow: "unconfined" is not of the form`},
		{&Seccomp{Allow: []string{"sha256:ABC"}}, `allow: "sha256:ABC" is not of the form`},
		{&SELinux{Allow: []string{"level:[s0"}}, `allow: "level:[s0" is no pattern`},
		{&SharedNamespaces{Allow: []string{""}}, `allow: "" is no pattern`},
		{&VolumesFrom{Allow: []string{"a{b"}}, `allow: "a{b" is no pattern`},
		{&ImageMounts{Allow: []string{"[a"}}, `allow: "[a" is no pattern`},
		{&Sysctls{Allow: []string{"[a"}}, `allow: "[a" is no pattern`},
		{&Annotations{Allow: []string{"[a"}}, `allow: "[a" is no pattern`},
		{&BindMounts{Allow: []BindPath{{Path: "srv"}}}, `allow: "srv" is not a clean absolute path`},
		{&BindMounts{Allow: []BindPath{{Path: "/srv/"}}}, `allow: "/srv/" is not a clean absolute path`},
		{&BindMounts{Allow: []BindPath{{Path: "/srv/**/../etc"}}}, `allow: "/srv/**/../etc" is not a clean absolute path`},
		{&BindMounts{Allow: []BindPath{{Path: "/srv/[a"}}}, `allow: "/srv/[a" is no pattern`},
		{&BindMounts{Allow: []BindPath{{Path: "/"}}}, `allow: "/" stays protected: it holds /run/docker`},
		{&BindMounts{Allow: []BindPath{{Path: "/run/docker/**"}}}, `allow: "/run/docker/**" stays protected: it lies in /run/docker`},
		{&BindMounts{Allow: []BindPath{{Path: "/var/run/docker.sock"}}}, `allow: "/var/run/docker.sock" stays protected: it is a socket that controls all containers`},
		{&BindMounts{Allow: []BindPath{{Path: "/srv/a"}}, Protect: []string{"/srv/a"}}, `allow: "/srv/a" stays protected`},
		{&BindMounts{Allow: []BindPath{{Path: "/srv/\ufffd"}}}, "allow: \"/srv/\ufffd\" holds what is no text"},
		{&BindMounts{Allow: []BindPath{{Path: "/srv/\x8d"}}}, `allow: "/srv/\x8d" holds what is no text`},
		{&BindMounts{Protect: []string{"/srv/**/"}}, `protect: "/srv/**/" is not a clean absolute path`},
		{&MountPropagation{Allow: []string{"rshard"}}, `allow: "rshard" is no propagation mode`},
		{&VolumeDrivers{Allow: []string{"a/b"}}, `allow: "a/b" is not a plain driver name`},
		{&VolumeDrivers{Allow: []string{"a..b"}}, `allow: "a..b" is not a plain driver name`},
		{&VolumeDrivers{LocalTypes: []string{"none"}}, `local_types: "none" mounts parts of the host`},
		{&VolumeDrivers{LocalTypes: []string{""}}, `local_types: "" mounts parts of the host`},
		{&Devices{Allow: []DevicePath{{Path: "fuse"}}}, `allow: "fuse" is not a clean absolute path`},
		{&Devices{Allow: []DevicePath{{Path: "/dev/fuse", Permissions: "rx"}}}, `allow: permissions "rx" are not made of r, w and m`},
		{&ImageImport{URLs: []string{"[a"}}, `urls: "[a" is no pattern`},
		{&Build{Networks: []string{""}}, `networks: "" is no pattern`},
		{&Build{Remotes: []string{"[a"}}, `remotes: "[a" is no pattern`},
		{&DeviceCgroupRules{Allow: []string{"c 189:*"}}, `allow: "c 189:*" is not of the form`},
	} {
		if err := tt.rule.Prepare(); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%T %+v: Prepare gives %v, want %s…", tt.rule, tt.rule, err, tt.want)
		}
	}
}

// TestProfileOptions holds every profile to options that their rules accept.
func TestProfileOptions(t *testing.T) {
	for _, s := range All() {
		for profile, change := range s.Profiles {
			r := s.New()
			change(r)
			if p, ok := r.(Preparer); ok {
				if err := p.Prepare(); err != nil {
					t.Errorf("%s in profile %s: %v", s.ID, profile, err)
				}
			}
		}
	}
}

func TestCapabilitiesPrepareSpelling(t *testing.T) {
	c := &Capabilities{Allow: []string{"cap_sys_ptrace", "Net_Admin", "all"}}
	if err := c.Prepare(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"SYS_PTRACE", "NET_ADMIN", "ALL"}, c.Allow); diff != "" {
		t.Error(diff)
	}
}
