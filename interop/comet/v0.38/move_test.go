package interop

import "testing"

// TestMove is asked of the series that most chains run: older nodes wait for seconds before they take another link.
func TestMove(t *testing.T) { suite.Move(t) }
