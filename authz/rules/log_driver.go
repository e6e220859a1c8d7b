package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"caisson/authz/request"
)

// LogDriver says where a container's output may go, and what that may cost the daemon.
type LogDriver struct {
	Allow     []string `toml:"allow" comment:"log drivers, by exact name; the daemon's own always passes when none is named"`
	MaxFiles  int64    `toml:"max_files" comment:"most files that a log is rotated through (max-file); 0 sets no bound"`
	MaxBuffer Size     `toml:"max_buffer" comment:"largest buffer of a log in mode non-blocking (max-buffer-size); 0 sets no bound"`
	AnyTag    bool     `toml:"any_tag" comment:"let tags be any template, such as one with functions that daemon.json sets for all containers"`
}

var _ = register(&Spec{
	ID:    "log-driver",
	Title: "Only listed log drivers",
	Why: "The daemon writes logs as root, from the host's network: to any address or socket that the options name. An unknown driver's name " +
		"makes it look for a program to trust. The daemon's time and memory count against no container's limit: each rotation renames all files " +
		"that there may be, a buffer grows, and a tag is a program.",
	Fix:    "drop --log-driver (logging in a compose file), or have the operator add the driver to rules.log-driver.allow",
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.LogConfig", "TaskTemplate.LogDriver"},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default,
		// A container without logs leaves nothing to look at after it has been broken into.
		Restricted: With(func(l *LogDriver) { l.Allow = []string{"json-file", "local", "journald"} }),
	},
	New: func() Rule {
		return &LogDriver{Allow: []string{"json-file", "local", "journald", "none"}, MaxFiles: 1000, MaxBuffer: 64 << 20}
	},
})

// Prepare implements [Preparer]. Names that are paths are found in moby daemon/logger/plugin.go, getPlugin.
func (l *LogDriver) Prepare() error {
	if l.MaxFiles < 0 {
		return fmt.Errorf("max_files: %d is below 0", l.MaxFiles)
	}
	return checkDriverNames("allow", l.Allow)
}

// Check implements [Rule]. Other options need no look: those of the drivers allowed by default only shape files on the host.
func (l *LogDriver) Check(r *request.Request, out *Findings) {
	log := r.Workload.Log
	if d := log.V.Driver; d != "" && !slices.Contains(l.Allow, d) {
		out.Add(log.Field+out.Either(".Type", ".Name"), "is "+quote(d), listed(l.Allow))
	}
	for _, option := range []string{"max-file", "cache-max-file"} {
		if v, given := log.V.Options[option]; given && l.tooMany(v) {
			out.AddFix(logOption(log, out, option), "is "+quote(v), fmt.Sprintf("at most %d", l.MaxFiles), "lower "+option)
		}
	}
	if !l.AnyTag && grows(log.V.Options["tag"]) {
		out.AddFix(logOption(log, out, "tag"), "may grow without end", "a short text with members such as {{.Name}}", "drop functions and loops from tag, or have the operator set rules.log-driver.any_tag")
	}
	const buffer = "max-buffer-size"
	if v, given := log.V.Options[buffer]; given && l.tooLarge(v) {
		out.AddFix(logOption(log, out, buffer), "is "+quote(v), "at most "+l.MaxBuffer.String(), "lower "+buffer)
	}
}

// plainAction is what the Engine's documents write in tags: a member, or one of the functions that do not make a text longer.
// A text in it holds no backslash, behind which its end may be another one for the Engine than it is here.
var plainAction = regexp.MustCompile(`\{\{-? *(\.[A-Za-z]+|index +\.[A-Za-z]+ +"[^"{}\\]*"|\(\.ExtraAttributes +nil\)\.[A-Za-z_]+|` +
	`(lower|upper|title|json) +\.[A-Za-z]+|truncate +\.[A-Za-z]+ +[0-9]+) *-?\}\}`)

// longestTag bounds a tag. Each member in it may be as long as a label.
const longestTag = 512

// grows tells whether a tag may become much longer than it is: it is a program, which the daemon runs, and which may repeat and pad.
//
// Source: moby daemon/logger/loggerutil/log_tag.go, daemon/logger/templates/templates.go.
func grows(tag string) bool {
	return len(tag) > longestTag || strings.Contains(plainAction.ReplaceAllString(tag, "-"), "{{")
}

// logOption is the place of an option of the log driver.
func logOption(log request.Value[request.LogConfig], out *Findings, option string) string {
	return log.Field + out.Either(".Config", ".Options") + "[" + option + "]"
}

// tooMany reads a number as the Engine does. What is none it refuses itself.
//
// Source: moby daemon/logger/loggerutil/logfile.go, rotate.
func (l *LogDriver) tooMany(files string) bool {
	n, err := strconv.Atoi(files)
	return l.MaxFiles > 0 && (err != nil || int64(n) > l.MaxFiles)
}

// tooLarge does the same with a size.
//
// Source: moby daemon/logger/ring.go.
func (l *LogDriver) tooLarge(buffer string) bool {
	n, err := units.RAMInBytes(buffer)
	return l.MaxBuffer > 0 && (err != nil || n < 0 || n > int64(l.MaxBuffer))
}
