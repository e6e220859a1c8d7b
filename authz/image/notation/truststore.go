package notation

import (
	"context"
	"crypto/x509"
	"fmt"

	"github.com/notaryproject/notation-go/verifier/truststore"
)

// snapshot is a trust store that does not change.
type snapshot map[truststore.Type][]*x509.Certificate

// GetCertificates implements [truststore.X509TrustStore].
func (s snapshot) GetCertificates(_ context.Context, kind truststore.Type, name string) ([]*x509.Certificate, error) {
	if name != storeName {
		return nil, truststore.TrustStoreError{Msg: fmt.Sprintf("no trust store %q", name)}
	}
	return s[kind], nil
}
