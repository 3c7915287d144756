package interop

import "testing"

// TestReload is asked of the series that most chains run: what a reload does to a link is the same for all.
func TestReload(t *testing.T) { suite.Reload(t) }

// TestCommits asks what the chain says, which is the same in all series (TestAnswers).
func TestCommits(t *testing.T) { suite.Commits(t) }
