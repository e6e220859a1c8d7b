package imagetest

import (
	"context"
	"crypto"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/notaryproject/tspclient-go"
)

// TSA is a timestamping authority (RFC 3161) without a network.
type TSA struct {
	PKI *PKI
	At  time.Time // the time that it testifies; zero: now
}

// NewTSA makes one with certificates of its own. Of the options, those that concern its leaf count.
func NewTSA(tb testing.TB, o PKIOptions) *TSA {
	tb.Helper()
	o.TSA = true
	return &TSA{PKI: NewPKI(tb, o)}
}

// Timestamp answers a request.
func (a *TSA) Timestamp(_ context.Context, req *tspclient.Request) (*tspclient.Response, error) {
	at := a.At
	if at.IsZero() {
		at = time.Now()
	}
	stamp := timestamp.Timestamp{
		HashAlgorithm: hashOf(len(req.MessageImprint.HashedMessage)), HashedMessage: req.MessageImprint.HashedMessage,
		Time: at, Accuracy: time.Second, Nonce: new(big.Int).Set(req.Nonce), Policy: []int{1, 3, 6, 1, 4, 1, 4146, 2, 3},
		AddTSACertificate: true, Certificates: []*x509.Certificate{a.PKI.Intermediate.Certificate},
	}
	der, err := stamp.CreateResponseWithOpts(a.PKI.Leaf.Certificate, a.PKI.Leaf.Key, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var resp tspclient.Response
	return &resp, resp.UnmarshalBinary(der)
}

func hashOf(size int) crypto.Hash {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if h.Size() == size {
			return h
		}
	}
	return 0
}
