package interop

import "testing"

// TestCosigners is asked of the series that most chains run: how a signature comes about is no matter of the node's.
func TestCosigners(t *testing.T) { suite.Cosigners(t) }
