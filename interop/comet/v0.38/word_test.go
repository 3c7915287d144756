package interop

import "testing"

// TestSecondSigner and TestFloor ask what the chain's word does, which is the same in all series (TestAnswers).
func TestSecondSigner(t *testing.T) { suite.SecondSigner(t) }

func TestFloor(t *testing.T) { suite.Floor(t) }
