package revocation

import (
	"context"
	"time"
)

// Report is what the checks of one verification found. A verification has one of its own; it is not safe for concurrent use.
type Report struct {
	Signer Finding // of the signer's chain
	TSA    Finding // of the timestamping authority's chain
}

// Finding is what was found out about a chain. The zero value says that nobody asked.
type Finding struct {
	Result  Result
	Subject string    // of the certificate that is revoked or of which nothing is known
	Why     string    // what stood in the way of an answer; "" if nothing did
	Until   time.Time // when it has to be asked again; zero if nothing of the chain can be revoked
}

// Result is whether a chain is good.
type Result uint8

// The results.
const (
	NotAsked Result = iota
	Good
	Unknown
	Revoked
)

type reportKey struct{}

// WithReport returns a context in which checks fill in the report.
func WithReport(ctx context.Context, r *Report) context.Context {
	return context.WithValue(ctx, reportKey{}, r)
}
