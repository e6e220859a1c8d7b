package engine

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Container is what the engine wrote down when it created one.
type Container struct {
	ID, Name   string
	Image      string // ID of the image that it was made of
	Running    bool
	Started    bool // runs, or has run
	Config     json.RawMessage
	HostConfig json.RawMessage
}

// Containers reads the containers from the engine's own files, past the API and so past the plugin.
func (e *Engine) Containers() ([]Container, error) {
	files, err := filepath.Glob(filepath.Join(e.Data, "containers/*/config.v2.json"))
	if err != nil {
		return nil, err
	}
	var containers []Container
	for _, file := range files {
		container, err := readContainer(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, or not yet complete
		}
		if err != nil {
			return nil, err
		}
		containers = append(containers, container)
	}
	return containers, nil
}

// Container finds a container by name or full ID.
func (e *Engine) Container(name string) (c Container, found bool, err error) {
	containers, err := e.Containers()
	for _, c := range containers {
		if c.Name == name || c.ID == name {
			return c, true, err
		}
	}
	return Container{}, false, err
}

func readContainer(file string) (Container, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Container{}, err
	}
	var stored struct {
		ID, Name, Image string
		State           struct {
			Running   bool
			StartedAt time.Time
		}
		Config json.RawMessage
	}
	if err := json.Unmarshal(text, &stored); err != nil {
		return Container{}, err
	}
	hostConfig, err := os.ReadFile(filepath.Join(filepath.Dir(file), "hostconfig.json"))
	return Container{
		ID:         stored.ID,
		Name:       strings.TrimPrefix(stored.Name, "/"),
		Image:      stored.Image,
		Running:    stored.State.Running,
		Started:    stored.State.Running || !stored.State.StartedAt.IsZero(),
		Config:     stored.Config,
		HostConfig: hostConfig,
	}, err
}
