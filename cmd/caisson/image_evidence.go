package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"caisson/authz/image/evidence"
)

// openEvidence opens the evidence that the plugin keeps.
func openEvidence(state string) (*evidence.Store, error) {
	dir, err := filepath.Abs(evidenceDir(state))
	if err != nil {
		return nil, err
	}
	return evidence.Open(dir, evidence.Options{})
}

func newImageEvidence() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:   "evidence",
		Short: "Manage what proves images while no registry can be asked",
		Long: `Manage what proves images while no registry can be asked: manifests, signatures and reports, in an OCI image layout. The plugin keeps there
what proved an image, and looks there first. Nothing in it is trusted: it is verified each time that it is used.`,
	}
	cmd.PersistentFlags().StringVar(&state, "state-dir", stateDir, "`FOLDER` with the evidence that the plugin keeps")
	return group(cmd, newEvidenceAdd(&state), newEvidenceList(&state), newEvidencePrune(&state))
}

func newEvidenceAdd(state *string) *cobra.Command {
	var envelopeFor string
	cmd := &cobra.Command{
		Use:   "add PATH...",
		Short: "Take over evidence from OCI image layouts, or a signature of an image of this host",
		Long: `Take over evidence from OCI image layouts: folders, or tar files of them, as "oras copy --to-oci-layout", skopeo and other tools make them.
Layers are left out.

With --id, a PATH is a notation signature (JWS or COSE) of that image ID, for images that were built or loaded on this host and that no registry
has. It counts if a signer of a statement of the policy made it.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			store, err := openEvidence(*state)
			if err != nil {
				return unusable(err)
			}
			for _, path := range paths {
				if envelopeFor != "" {
					err = addEnvelope(store, envelopeFor, path)
				} else {
					err = addLayout(cmd.OutOrStdout(), store, path)
				}
				if err != nil {
					return unusable(fmt.Errorf("%s: %w", path, err))
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&envelopeFor, "id", "", "`ID` of the image, sha256:…, that the signatures are of")
	return cmd
}

func addLayout(out io.Writer, store *evidence.Store, path string) error {
	added, err := store.Add(path)
	for i := range added {
		if _, err := fmt.Fprintln(out, "added "+subjectLine(&added[i])); err != nil {
			return err
		}
	}
	return err
}

func addEnvelope(store *evidence.Store, id, path string) error {
	parsed, err := digest.Parse(id)
	if err != nil {
		return fmt.Errorf("--id: %q is no image ID; docker image inspect --format {{.Id}} shows it", id)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return store.AddEnvelope(parsed, text)
}

func newEvidenceList(state *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the images that there is evidence of",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := openEvidence(*state)
			if err != nil {
				return unusable(err)
			}
			list, err := store.List()
			if err != nil {
				return unusable(err)
			}
			for i := range list {
				if asJSON {
					err = json.NewEncoder(cmd.OutOrStdout()).Encode(list[i])
				} else {
					_, err = fmt.Fprintln(cmd.OutOrStdout(), subjectLine(&list[i]))
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each image, on a line of its own")
	return cmd
}

func newEvidencePrune(state *string) *cobra.Command {
	var olderThan time.Duration
	var size string
	var forget []string
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove evidence: of images that were not asked about for long, down to a size, or of one image",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if olderThan == 0 && size == "" && len(forget) == 0 {
				return unusable(fmt.Errorf("nothing is named that is to go; use --older-than, --max-size or --forget"))
			}
			store, err := openEvidence(*state)
			if err != nil {
				return unusable(err)
			}
			removed, err := prune(store, olderThan, size, forget)
			for i := range removed {
				cmd.Println("removed " + subjectLine(&removed[i]))
			}
			return unusable(err)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&olderThan, "older-than", 0, "remove what was last used longer ago than `DURATION`, such as 720h")
	f.StringVar(&size, "max-size", "", "then remove what was used longest ago, until no more than `SIZE` is left, such as 100MiB")
	f.StringArrayVar(&forget, "forget", nil, "remove what belongs to one `DIGEST`: an image ID, a manifest or an index")
	return cmd
}

func prune(store *evidence.Store, olderThan time.Duration, size string, forget []string) (removed []evidence.Subject, err error) {
	for _, text := range forget {
		d, err := digest.Parse(text)
		if err != nil {
			return removed, fmt.Errorf("--forget: %q is no digest", text)
		}
		list, err := store.Forget(d)
		if removed = append(removed, list...); err != nil {
			return removed, err
		}
	}
	if olderThan == 0 && size == "" {
		return removed, nil
	}
	limit := int64(evidence.MaxBytes)
	if size != "" {
		if limit, err = units.RAMInBytes(size); err != nil {
			return removed, fmt.Errorf("--max-size: %q is no size such as 100MiB", size)
		}
	}
	list, err := store.Prune(olderThan, limit)
	return append(removed, list...), err
}

// subjectLine is an image that there is evidence of, on one line.
func subjectLine(s *evidence.Subject) string {
	repositories := strings.Join(s.Repositories, ", ")
	if repositories == "" {
		repositories = "(no repository)"
	}
	line := fmt.Sprintf("%s  %s  %s  %s", s.Digest, s.Kind, repositories, units.BytesSize(float64(s.Bytes)))
	if s.Used.IsZero() { // it has just been added
		return line
	}
	return line + "  last used " + s.Used.UTC().Format(time.DateOnly)
}
