package rules

import (
	"fmt"

	"github.com/docker/go-units"
)

// Size is a number of bytes that a policy file spells as Docker does: "512MiB", "8g", or a plain number.
type Size int64

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Size) UnmarshalText(b []byte) error {
	n, err := units.RAMInBytes(string(b))
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a size such as \"512MiB\"", b)
	}
	*s = Size(n)
	return nil
}

// MarshalText implements [encoding.TextMarshaler].
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String gives the size in binary units.
func (s Size) String() string {
	return units.CustomSize("%.4g%s", float64(s), 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"})
}
