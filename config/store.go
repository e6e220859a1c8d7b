package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/renameio/v2"
	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/rules"
)

// Store holds the policy in force and replaces it when its file changes. What it holds is always a policy that was compiled
// without a mistake. It is safe for concurrent use.
type Store struct {
	options StoreOptions
	log     *zap.Logger
	current atomic.Pointer[File]

	debounce, poll time.Duration

	mu    sync.Mutex // held while reloading, one at a time
	last  attempt    // what the latest reload was made of
	named *inputs    // files that the policy of the latest reload names; nil: none
	seen  attempt    // what was there the last time that anybody looked
	stats Stats
}

// StoreOptions says where a [Store] finds its files.
type StoreOptions struct {
	Path string // the policy file

	// Optional lets the built-in baseline profile be in force while there is no file. Otherwise a missing file is an error.
	Optional bool

	// LastGood is where a copy of the last good policy is kept for a start with a bad file; "" keeps none.
	LastGood string

	// Reader compiles the file.
	Reader Reader

	// Prepare completes each policy before it is in force; nil leaves it as the file says.
	Prepare func(*authz.Policy)

	Log *zap.Logger
	Now func() time.Time // the clock; nil is time.Now
}

// Stats counts reloads, for metrics.
type Stats struct {
	Reloads  uint64    // policies taken into use, that of the start included
	Failures uint64    // policies that were refused
	Failed   bool      // the latest attempt was one of them: what is in force is not what the file says
	LastGood time.Time // when the policy in force was taken into use; zero if it is the copy of an earlier run
}

// attempt is what was found when the file was read.
type attempt struct {
	text   string
	inputs string // stands for the files that the text names; "" until it has been compiled once
	err    error
}

func (a attempt) equal(b attempt) bool {
	return a.text == b.text && a.inputs == b.inputs && fmt.Sprint(a.err) == fmt.Sprint(b.err)
}

// Open loads the policy. If the file is bad, the copy of the last good one is put in force; it is an error if there is none.
func Open(o StoreOptions) (*Store, error) {
	s := &Store{options: o, log: o.Log, debounce: 100 * time.Millisecond, poll: 10 * time.Second}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.options.Now == nil {
		s.options.Now = time.Now
	}
	err := s.Reload()
	if err == nil {
		return s, nil
	}
	if o.LastGood == "" {
		return nil, err
	}
	f, copyErr := s.lastGood()
	if copyErr != nil {
		return nil, errors.Join(err, fmt.Errorf("the copy of the last good policy cannot be used: %w", copyErr))
	}
	f.Name = "last good policy " + o.LastGood
	s.use(f)
	s.log.Error("starting with the copy of the last good policy", zap.String("copy", o.LastGood), zap.String("policy", f.Policy.Hash))
	return s, nil
}

// lastGood reads the copy of the last good policy. Files that it names are found from the folder of the policy file, as ever.
func (s *Store) lastGood() (*File, error) {
	text, err := os.ReadFile(s.options.LastGood)
	if err != nil {
		return nil, err
	}
	return s.options.Reader.read(newInputs(s.options.Reader.files(), s.options.Path), s.options.LastGood, text, s.options.Now())
}

// Policy returns the policy in force. It is never nil.
func (s *Store) Policy() *authz.Policy { return s.current.Load().Policy }

// File returns the policy in force with its file.
func (s *Store) File() *File { return s.current.Load() }

// Stats returns the counts so far.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Reload reads the file and puts its policy in force. If that cannot be done, the policy before stays. The outcome is logged;
// the error is for callers who tell it to somebody else.
func (s *Store) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reload(s.read())
}

// reloadIfChanged is [Store.Reload] once the file is not what it was the last time and stays so from one call to the next: half
// a file can be a good policy, and one that refuses less. It tells whether to call again soon.
func (s *Store) reloadIfChanged() (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.read()
	settled := now.equal(s.seen)
	s.seen = now
	switch {
	case now.equal(s.last):
		return false
	case !settled:
		return true
	}
	_ = s.reload(now) // has been logged
	return false
}

func (s *Store) read() attempt {
	text, err := os.ReadFile(s.options.Path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, linkErr := os.Lstat(s.options.Path); linkErr == nil {
			// There is to be a policy. That is not the same as no policy.
			err = fmt.Errorf("%s links to a file that is not there", s.options.Path)
		}
	}
	a := attempt{text: string(text), err: err}
	if s.named != nil && a.text == s.last.text {
		a.inputs = s.named.again()
	}
	return a
}

func (s *Store) reload(a attempt) error {
	f, err := s.compile(a)
	if s.last = a; s.named != nil {
		s.last.inputs = s.named.fingerprint()
	}
	if err != nil {
		s.stats.Failures++
		s.stats.Failed = true
		s.log.Error("policy not loaded", zap.Strings("problems", strings.Split(err.Error(), "\n")), zap.String("in force", s.hash()))
		return err
	}
	before := s.hash()
	s.use(f)
	s.stats.Reloads++
	s.stats.Failed = false
	s.stats.LastGood = s.options.Now()
	s.log.Info("policy loaded", zap.String("file", f.Name), zap.String("policy", f.Policy.Hash), zap.String("before", before),
		zap.String("profile", string(f.Policy.Profile)), zap.Stringer("mode", f.Policy.Mode),
		zap.Int("rules", len(f.Policy.Rules)), zap.Int("exceptions", len(f.Policy.Exceptions)))
	for _, w := range f.Warnings {
		s.log.Warn("policy warning", zap.Stringer("warning", w))
	}
	s.keep(a)
	return nil
}

// use puts a policy in force.
func (s *Store) use(f *File) {
	if s.options.Prepare != nil {
		s.options.Prepare(f.Policy)
	}
	s.current.Store(f)
}

// compile makes a policy of what was read. Without a file there is one only at the start, or if there has never been one.
func (s *Store) compile(a attempt) (*File, error) {
	missing := errors.Is(a.err, fs.ErrNotExist)
	now := s.current.Load()
	switch {
	case missing && s.options.Optional && (now == nil || now.builtin()):
		return Builtin(rules.Baseline), nil
	case missing && now != nil:
		return nil, fmt.Errorf("%w; the last good policy stays in force", a.err)
	case a.err != nil:
		return nil, a.err
	}
	s.named = newInputs(s.options.Reader.files(), s.options.Path)
	f, err := s.options.Reader.read(s.named, s.options.Path, []byte(a.text), s.options.Now())
	if err == nil {
		f.warnWritable(s.options.Path)
	}
	return f, err
}

// keep writes the copy of the last good policy. Without a copy the service still runs, so a failure is no more than logged.
func (s *Store) keep(a attempt) {
	if s.options.LastGood == "" || a.err != nil {
		return
	}
	if old, err := os.ReadFile(s.options.LastGood); err == nil && string(old) == a.text {
		return
	}
	err := os.MkdirAll(filepath.Dir(s.options.LastGood), 0o700)
	if err == nil {
		err = renameio.WriteFile(s.options.LastGood, []byte(a.text), 0o600)
	}
	if err != nil {
		s.log.Warn("no copy of the policy could be kept", zap.Error(err))
	}
}

// hash identifies the policy in force, "" if there is none yet.
func (s *Store) hash() string {
	if f := s.current.Load(); f != nil {
		return f.Policy.Hash
	}
	return ""
}
