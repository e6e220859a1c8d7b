// Package imagetest makes what tests of image trust need: certificates, responders that tell of revocations, a timestamping authority,
// images, and signatures on them, in memory or in a registry on 127.0.0.1. Only tests import it.
//
//	pki := imagetest.NewPKI(tb, imagetest.PKIOptions{})
//	source := imagetest.NewSource()
//	image := imagetest.Image(tb, source, "hello")
//	imagetest.Sign(tb, source, image, imagetest.SignOptions{PKI: pki})
//
// A helper that cannot do its work ends the test.
package imagetest
