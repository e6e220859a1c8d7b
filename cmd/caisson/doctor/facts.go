package doctor

import (
	"slices"
	"time"

	"caisson/authz"
	"caisson/cmd/caisson/host"
	"caisson/config"
)

// Facts are what the checks look at.
type Facts struct {
	Now    time.Time
	Files  host.Files
	Plugin string // name under which dockerd knows Caisson

	Dockerd    *host.Dockerd // nil if none runs
	ConfigFile string        // dockerd's
	Config     *host.Config  // nil if it cannot be read
	ConfigErr  error

	EngineSocket string
	EngineErr    error // why the Engine cannot be asked; nil if it answers
	Version      EngineVersion
	Info         EngineInfo
	Guard        host.Guard // what the mark showed
	GuardSeen    string
	Outcomes     []host.Outcome // of attacks on the Engine; none if they were not tried

	Places       []host.Place // where dockerd finds the plugin
	PluginSocket string       // "" if there is none
	PluginErr    error        // why the plugin could not guard an Engine; nil if it can

	PolicyFile string
	Policy     *config.File // nil if it cannot be used
	PolicyErr  error
	Serving    *Serving  // nil if no "caisson serve" is seen
	Attacks    []Verdict // on the policy, and on the plugin

	Existing    *Existing // nil if nobody could be asked
	ExistingErr error
}

// EngineVersion is what the Engine says of itself.
type EngineVersion struct {
	Version      string
	APIVersion   string `json:"ApiVersion"`
	MinAPI       string `json:"MinAPIVersion"`
	Experimental bool
}

// EngineInfo is what the Engine says of its state.
type EngineInfo struct {
	SecurityOptions    []string
	LiveRestoreEnabled bool
	ExperimentalBuild  bool
}

// Serving is the running Caisson, as its command line and its folder show it.
type Serving struct {
	Mode     string // --mode, "" if it is left to the policy
	Policy   string // --policy
	StateDir string // --state-dir
	LastGood string // text of the copy of the policy that it loaded last; "" if there is none to be seen
	Offline  bool   // it has no network but a loopback of its own
}

// Verdict is what is said to one of the attacks.
type Verdict struct {
	Name    string
	Refused bool // by the policy of the file
	Rules   []string

	Asked         bool // the plugin too
	PluginRefused bool
	PluginRules   []string
}

// named tells whether dockerd is configured to ask the plugin.
func (f *Facts) named() (inFile, onCommandLine bool) {
	return f.Config != nil && slices.Contains(f.Config.Plugins, f.Plugin), f.Dockerd != nil && slices.Contains(f.Dockerd.Plugins, f.Plugin)
}

// auditing tells whether nothing is refused, and by whose word.
func (f *Facts) auditing() (by string, yes bool) {
	switch {
	case f.Serving != nil && f.Serving.Mode != "":
		return "--mode", f.Serving.Mode == authz.Audit.String()
	case f.Policy != nil:
		return "mode", f.Policy.Policy.Mode == authz.Audit
	}
	return "", false
}

// asked tells whether Caisson was seen to be asked: what another plugin refuses before it tells nothing about that.
func (f *Facts) asked() bool {
	byCaisson := func(o host.Outcome) bool { return host.SamePlugin(o.By, f.Plugin) }
	return f.Guard == host.Guarded || f.Guard == host.Unknown && slices.ContainsFunc(f.Outcomes, byCaisson)
}

// Enforcing tells whether what the policy forbids was seen to be refused.
func (f *Facts) Enforcing() bool {
	refused := len(f.Outcomes) > 0 && !slices.ContainsFunc(f.Outcomes, func(o host.Outcome) bool { return !o.Refused })
	_, auditing := f.auditing()
	return f.asked() && refused && !auditing && f.PluginErr == nil
}
