package config

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// Watch puts each change of the policy file in force until the context ends.
//
// It watches folders, not the file: editors and configuration management put a new file in the place of the old one, and
// Kubernetes swaps a symbolic link to a folder. An event only says when to look; what counts is whether the content is
// another. As events can get lost (the folder is replaced, the kernel's queue is full, the file system sends none), it looks
// every few seconds besides.
func (s *Store) Watch(ctx context.Context) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		s.log.Warn("the policy file is not watched; changes are seen later", zap.Error(err), zap.Duration("every", s.poll))
		watcher = &fsnotify.Watcher{} // its channels are nil and never ready
	} else {
		defer func() { _ = watcher.Close() }()
	}
	poll := time.NewTicker(s.poll)
	defer poll.Stop()

	// An event starts the wait, and those that follow do not start it again: a busy folder cannot put a reload off for ever.
	// One that comes while the file is read starts the next wait, so that no write goes unseen.
	var wait <-chan time.Time
	look := func() {
		wait = nil
		if err == nil {
			s.addFolders(watcher)
		}
		if s.reloadIfChanged() {
			wait = time.After(s.debounce)
		}
	}
	look() // the file may have changed since it was loaded
	for {
		select {
		case <-ctx.Done():
			return
		case <-watcher.Events:
			if wait == nil {
				wait = time.After(s.debounce)
			}
		case err := <-watcher.Errors:
			s.log.Debug("watching the policy file", zap.Error(err))
			look()
		case <-wait:
			look()
		case <-poll.C:
			look()
		}
	}
}

// addFolders watches the folder of the file, and that of the file it links to. A folder that is not there is tried again
// with the next look.
func (s *Store) addFolders(watcher *fsnotify.Watcher) {
	folders := []string{filepath.Dir(s.options.Path)}
	if target, err := filepath.EvalSymlinks(s.options.Path); err == nil {
		folders = append(folders, filepath.Dir(target))
	}
	for _, f := range folders {
		if err := watcher.Add(f); err != nil {
			s.log.Debug("folder of the policy file is not watched", zap.String("folder", f), zap.Error(err))
		}
	}
}
