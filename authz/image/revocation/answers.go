package revocation

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/renameio/v2"
)

// The most that is kept, in memory and in the directory each.
const (
	maxAnswers     = 256
	maxAnswerBytes = 64 << 20
)

// Answers keeps answers of responders: in memory, and in a directory if it has one, where they outlive the process. Whatever comes out of
// it is verified like an answer that came over the network; a directory that others can write costs availability, not trust. It is safe for
// concurrent use, and several checkers may share it.
type Answers struct {
	dir string

	mu     sync.Mutex
	memory map[string]answer
}

// answer is what a responder said.
type answer struct {
	key  string
	body []byte
	got  time.Time
}

// NewAnswers keeps answers in memory, and in a directory unless that is "". The directory is made when it is needed; if that cannot be done,
// or it is full, memory serves alone.
func NewAnswers(dir string) *Answers {
	return &Answers{dir: dir, memory: map[string]answer{}}
}

// get returns an answer.
func (s *Answers) get(key string) (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.memory[key]; ok {
		return a, true
	}
	a, ok := s.read(key)
	if ok {
		s.keep(a)
	}
	return a, ok
}

// put keeps answers.
func (s *Answers) put(list []answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range list {
		s.keep(a)
		s.write(a)
	}
}

// keep puts an answer into memory, and the oldest ones out of it.
func (s *Answers) keep(a answer) {
	s.memory[a.key] = a
	all := make([]answer, 0, len(s.memory))
	size := 0
	for _, a := range s.memory {
		all = append(all, a)
		size += len(a.body)
	}
	slices.SortFunc(all, func(a, b answer) int { return a.got.Compare(b.got) })
	for i := 0; len(all)-i > maxAnswers || size > maxAnswerBytes; i++ {
		delete(s.memory, all[i].key)
		size -= len(all[i].body)
	}
}

// suffix tells our files from others in the directory.
const suffix = ".revocation"

func (s *Answers) file(key string) string { return filepath.Join(s.dir, key+suffix) }

// read looks an answer up in the directory. The file's time is when it was got; a time to come is none.
func (s *Answers) read(key string) (answer, bool) {
	if s.dir == "" {
		return answer{}, false
	}
	f, err := os.Open(s.file(key))
	if err != nil {
		return answer{}, false
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.ModTime().After(time.Now()) {
		return answer{}, false
	}
	body, err := io.ReadAll(io.LimitReader(f, maxCRL+1))
	if err != nil || len(body) > maxCRL {
		return answer{}, false
	}
	return answer{key: key, body: body, got: info.ModTime()}, true
}

// write puts an answer into the directory, and the oldest ones out of it.
func (s *Answers) write(a answer) {
	if s.dir == "" || os.MkdirAll(s.dir, 0o700) != nil || renameio.WriteFile(s.file(a.key), a.body, 0o600) != nil {
		return
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	var files []os.FileInfo
	size := int64(0)
	for _, e := range entries {
		if filepath.Ext(e.Name()) != suffix {
			continue // it is somebody else's
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
			size += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int { return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano()) })
	for i := 0; i < len(files) && (len(files)-i > maxAnswers || size > maxAnswerBytes); i++ {
		_ = os.Remove(filepath.Join(s.dir, files[i].Name()))
		size -= files[i].Size()
	}
}
