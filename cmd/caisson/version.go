package main

import (
	"encoding/json"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"caisson/authz/request"
)

// Both are set when the program is linked: -ldflags "-X main.version=v1.2.3".
var version, revision string

// build describes this program. The JSON names are part of the command's contract.
type build struct {
	Version   string `json:"version"`
	Revision  string `json:"revision,omitempty"`
	Go        string `json:"go"`
	OldestAPI string `json:"oldest_api"`
	NewestAPI string `json:"newest_api"`
}

func thisBuild() build {
	b := build{Version: version, Revision: revision, OldestAPI: request.OldestVersion.String(), NewestAPI: request.NewestVersion.String()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && b.Revision == "" {
			b.Revision = s.Value
		}
	}
	return b
}

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version, and the Engine API versions it knows",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(b)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "caisson %s\nGo %s\nDocker Engine API %s to %s\n", b.Version, b.Go, b.OldestAPI, b.NewestAPI)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
