package main

import (
	"fmt"

	"go.uber.org/zap"

	"caisson/authz/image"
)

// newAssessor prepares looks at images, with the evidence that is kept in the folder for state.
func newAssessor(state string, log *zap.Logger) (*image.Assessor, error) {
	store, err := openEvidence(state)
	if err != nil {
		return nil, err
	}
	if err := store.Err(); err != nil {
		log.Warn("what proves images cannot be kept; they are proved again after each start", zap.Error(err))
	}
	a := image.NewAssessor()
	a.Keep = store
	a.OnKeepError = func(err error) { log.Warn("what proved an image could not be kept", zap.Error(err)) }
	a.OnPanic = func(recovered any, stack []byte) {
		// Only the kind: the text may hold parts of what somebody pushed to a registry.
		log.Error("panic while an image was verified", zap.String("panic", fmt.Sprintf("%T", recovered)), zap.ByteString("stack", stack))
	}
	return a, nil
}
