package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"caisson/authz/image"
	"caisson/authz/state"
)

func newImage() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Find out who vouches for images, and keep evidence of it",
	}
	return group(cmd, newImageVerify(), newImageEvidence())
}

// imageOptions are the flags of the commands about images.
type imageOptions struct {
	policy, state, engine string
	platform              string
	remote, asJSON        bool
}

func newImageVerify() *cobra.Command {
	var o imageOptions
	cmd := &cobra.Command{
		Use:   "verify REF...",
		Short: "Say who vouches for images, or why nobody does",
		Long: `Say who vouches for images, or why nobody does, by the policy's image_trust tables. It is the look that the plugin takes when a
container is created: the Engine is asked what a REF stands for on this host, that is followed to the manifest that it was made of, and a
signature is looked for on that.

With --remote, REF must have a digest, and the registry is asked what it has there, as for services; the image need not be on this host.

Exit status: 0 all are vouched for, 1 at least one is not, 2 the question cannot be asked.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, refs []string) error { return o.verify(cmd.Context(), refs, cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.policy, "policy", "", policyUsage)
	f.StringVar(&o.state, "state-dir", stateDir, "`FOLDER` with the evidence that the plugin keeps")
	f.StringVar(&o.engine, "engine", "unix:///run/docker.sock", "`ADDRESS` of the Docker Engine")
	f.StringVar(&o.platform, "platform", "", "`PLATFORM` such as linux/arm64, of images of several; the Engine's choice if left out")
	f.BoolVar(&o.remote, "remote", false, "ask about what the registry has, not about what is on this host")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object for each image, on a line of its own")
	return cmd
}

// verify looks at each image and prints what it finds.
func (o *imageOptions) verify(ctx context.Context, refs []string, out io.Writer) error {
	f, err := loadPolicy(o.policy)
	if err != nil {
		return unusable(err)
	}
	view := state.None // --remote asks no Engine
	if !o.remote {
		engine, err := askableEngine(ctx, o.engine)
		if err != nil {
			return unusable(err)
		}
		defer engine.Close() //nolint:errcheck // only read from
		view = engine
	}
	assessor := image.NewAssessor()
	store, err := openEvidence(o.state)
	if err != nil {
		return unusable(fmt.Errorf("--state-dir: %w", err))
	}
	assessor.Keep = store
	code := exitOK
	for _, ref := range refs {
		q := image.Question{Ref: ref, Platform: o.platform, Remote: o.remote, Reports: true}
		found, err := assessor.Assess(ctx, f.Policy.Images, state.NewMemo(view), q)
		if err != nil {
			return unusable(fmt.Errorf("%s: %w", ref, err))
		}
		if !found.Verdict.Verified() {
			code = exitFailed
		}
		if err := o.print(out, newFinding(ref, found)); err != nil {
			return err
		}
	}
	if code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

// finding is what verify prints about an image. It is the form of --json.
type finding struct {
	Ref        string     `json:"ref"`
	Verified   bool       `json:"verified"`
	Reason     string     `json:"reason"` // as in the audit log
	Detail     string     `json:"detail,omitempty"`
	ID         string     `json:"id,omitempty"`
	Platform   string     `json:"platform,omitempty"`
	Bound      string     `json:"bound,omitempty"` // the manifest or index that is vouched for: repository@digest
	MediaType  string     `json:"media_type,omitempty"`
	Statement  string     `json:"statement,omitempty"`
	Verifier   string     `json:"verifier,omitempty"`
	Signer     string     `json:"signer,omitempty"`
	Thumbprint string     `json:"thumbprint,omitempty"`
	Signature  string     `json:"signature,omitempty"` // digest of its manifest
	Signed     *time.Time `json:"signed,omitempty"`
	Timestamp  *time.Time `json:"timestamp,omitempty"`
	Expires    *time.Time `json:"expires,omitempty"`
	ValidUntil *time.Time `json:"valid_until,omitempty"` // when it is looked at again

	Reports []reported `json:"reports,omitempty"`
}

// reported is what one source of reports says.
type reported struct {
	Source          string         `json:"source,omitempty"`
	Unknown         string         `json:"unknown,omitempty"`
	Made            *time.Time     `json:"made,omitempty"`
	Vulnerabilities map[string]int `json:"vulnerabilities"`  // number by severity
	Unread          string         `json:"unread,omitempty"` // why it is not known which of them do no harm
}

func newFinding(ref string, a *image.Assessment) finding {
	v := a.Verdict
	f := finding{
		Ref: ref, Verified: v.Verified(), Reason: string(v.Reason), Detail: v.Detail, ID: a.Subject.ID.String(), Statement: v.Statement,
		Verifier: v.Signature.Verifier, Signer: v.Signature.Signer, Thumbprint: v.Signature.Thumbprint, Signature: v.Signature.Digest.String(),
		Signed: set(v.Signature.Signed), Timestamp: set(v.Signature.Timestamp), Expires: set(v.Signature.Expires), ValidUntil: set(v.ValidUntil),
	}
	if a.Absent {
		f.Reason, f.Detail = "absent", "is not on this host"
	}
	if p := a.Subject.Platform; p.OS != "" {
		f.Platform = p.OS + "/" + p.Architecture
		if p.Variant != "" {
			f.Platform += "/" + p.Variant
		}
	}
	if art := v.Artifact; art.Descriptor.Digest != "" {
		f.Bound, f.MediaType = art.Descriptor.Digest.String(), art.Descriptor.MediaType
		if art.Repository != nil {
			f.Bound = art.Repository.Name() + "@" + f.Bound
		}
	}
	for i := range a.Reports {
		r := &a.Reports[i]
		own := reported{Source: r.Source, Unknown: r.Unknown, Made: set(r.Made), Unread: r.Unread, Vulnerabilities: map[string]int{}}
		for _, found := range r.Found {
			own.Vulnerabilities[found.Severity.String()]++
		}
		f.Reports = append(f.Reports, own)
	}
	return f
}

// set leaves out a time that there is none of.
func set(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (o *imageOptions) print(out io.Writer, f finding) error {
	if o.asJSON {
		return json.NewEncoder(out).Encode(f)
	}
	return f.write(out)
}

// evidenceDir is where in the folder for its state the plugin keeps evidence.
func evidenceDir(state string) string { return filepath.Join(state, "evidence") }
