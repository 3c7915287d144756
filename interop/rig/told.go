package rig

import (
	"encoding/json"
	"strings"
	"testing"
)

// told is what `tmkms status --json` says of what the node asked for.
type told struct {
	Chains []struct {
		History struct {
			MissedHeights int `json:"missed_heights"`
			Votes         struct {
				Prevotes, Precommits struct{ Block, Nil int }
				AboveRound0          int `json:"above_round_0"`
				ProposalsAsked       int `json:"proposals_asked"`
				PublicKeyAsked       int `json:"public_key_asked"`
				Late                 int
			}
		}
		Links []struct {
			Height          *int64
			HeightsBehind   *int64   `json:"heights_behind"`
			ClockSkewMs     *float64 `json:"clock_skew_ms"`
			ClockUnreadable int      `json:"clock_unreadable"`
		}
	}
}

// wordsOf compares what the signer counted of a node's requests with what stands in the node's commits. The node has ended, and
// the signer was there all the while.
func wordsOf(t *testing.T, series Series, subject *Subject, found Findings) {
	t.Helper()
	// The exit code is 1, and a line behind the answer says why: no node is linked any more.
	out, _ := run(t, subject.binary, "status", "--json", "-c", subject.ConfigPath())
	var told told
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&told); err != nil || len(told.Chains) != 1 || len(told.Chains[0].Links) != 1 {
		t.Fatalf("status: %v\n%s", err, out)
	}
	history, link := told.Chains[0].History, told.Chains[0].Links[0]
	votes := history.Votes
	t.Logf("of %d commits: %+v", found.Commits, votes)
	// Everything in the node's write-ahead log was asked for here, once, and nothing else was.
	signed := votes.Prevotes.Block + votes.Prevotes.Nil + votes.Precommits.Block + votes.Precommits.Nil
	if signed+votes.ProposalsAsked != found.Positions {
		t.Errorf("%d votes and %d proposals, and %d positions in the write-ahead log", signed, votes.ProposalsAsked, found.Positions)
	}
	// The last blocks of the node need not stand in a commit that it could check: two, and on a busy machine more until it ends.
	if votes.Precommits.Block < found.Signed {
		t.Errorf("%d precommits for a block, and %d commits are signed", votes.Precommits.Block, found.Signed)
	}
	if votes.Prevotes.Block < votes.Precommits.Block || history.MissedHeights != 0 || votes.Late != 0 {
		t.Errorf("prevotes, missed heights or late ones: %+v", history)
	}
	// It is the only validator, so each proposal is its own.
	if votes.ProposalsAsked < found.Commits {
		t.Errorf("%d proposals were asked for, at %d heights", votes.ProposalsAsked, found.Commits)
	}
	// Once at its start, and again after each block.
	if votes.PublicKeyAsked < found.Commits {
		t.Errorf("the public key was asked for %d times, at %d heights", votes.PublicKeyAsked, found.Commits)
	}
	if link.Height == nil || *link.Height < int64(found.Commits) || link.HeightsBehind == nil || *link.HeightsBehind != 0 {
		t.Errorf("where the node is: %+v", link)
	}
	// Both have the clock of this host. In v0.34 a vote is a second (time_iota_ms) above its block at least, and these blocks come
	// faster than that.
	ahead := 1_000.0
	if series.Traits().Name == "v0.34" {
		ahead *= float64(found.Commits + 2)
	}
	if link.ClockUnreadable != 0 || link.ClockSkewMs == nil {
		t.Errorf("the clock of the node: %+v", link)
	} else if *link.ClockSkewMs < -1_000 || *link.ClockSkewMs > ahead {
		t.Errorf("the clock of the node is said to be %f ms ahead", *link.ClockSkewMs)
	} else {
		t.Logf("the node's clock is said to be %.3f ms ahead", *link.ClockSkewMs)
	}
}
