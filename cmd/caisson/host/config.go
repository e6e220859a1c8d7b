package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Where dockerd keeps its things unless a flag or its configuration says otherwise.
const (
	ConfigFile   = "/etc/docker/daemon.json"
	EngineSocket = "/run/docker.sock"
	pidFile      = "/run/docker.pid"
)

// Config is what Caisson looks at in dockerd's configuration file. The zero value is a file without settings.
type Config struct {
	Plugins      []string `json:"authorization-plugins"`
	Hosts        []string `json:"hosts"`
	TLS          *bool    `json:"tls"`
	TLSVerify    *bool    `json:"tlsverify"`
	TLSCACert    string   `json:"tlscacert"`
	TLSCert      string   `json:"tlscert"`
	Experimental bool     `json:"experimental"`
	LiveRestore  bool     `json:"live-restore"`
	UsernsRemap  string   `json:"userns-remap"`
	MinAPI       string   `json:"min-api-version"`
	PIDFile      string   `json:"pidfile"`
	Containerd   string   `json:"containerd"`
	Builder      struct {
		Entitlements map[string]bool `json:"entitlements"`
	} `json:"builder"`

	Missing bool `json:"-"` // there is no file
}

// ReadConfig reads dockerd's configuration file. A file that is not there is one without settings. What dockerd would not take, or not
// alike in every version, is an error.
func (f Files) ReadConfig(file string) (*Config, error) {
	text, err := f.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &Config{Missing: true}, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// ParseConfig reads the text of a configuration file.
func ParseConfig(text []byte) (*Config, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	if _, err := d.plugins(); err != nil {
		return nil, err
	}
	var c Config
	text = bytes.TrimSpace(bytes.TrimPrefix(text, bom))
	if len(text) == 0 {
		return &c, nil
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("dockerd would not take it: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return &c, nil
}
