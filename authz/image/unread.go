package image

import (
	"context"
	"errors"
	"fmt"
)

// Unread is the verdict if a source does not give something that a verifier needs: "the list of its signatures", "its signature sha256:…".
func Unread(err error, what string) Verdict {
	var unavailable *UnavailableError
	switch {
	case errors.As(err, &unavailable) && unavailable.Denied:
		return Verdict{Reason: RegistryDenied, Detail: fmt.Sprintf("cannot be verified: %v, for %s", unavailable, what)}
	case errors.As(err, &unavailable):
		return Verdict{Reason: RegistryUnavailable, Detail: fmt.Sprintf("cannot be verified: %v, for %s", unavailable, what)}
	case errors.Is(err, ErrNotFound):
		return Verdict{Reason: BadSignature, Detail: fmt.Sprintf("cannot be verified: %s is listed, and not there", what)}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Verdict{Reason: Timeout, Detail: "could not be verified in time"}
	default:
		return Verdict{Reason: RegistryUnavailable, Detail: fmt.Sprintf("cannot be verified: %s cannot be read", what)}
	}
}
