package rig

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// moveTo moves the chain to another host in a bundle while both services run, and gives the height at which the node was then.
// The node has one signer at a time, so the host that is left ends once the other one has taken the chain in.
func (h *handOverHost) moveTo(to *handOverHost, bundle string, node *RealNode) int64 {
	h.t.Helper()
	signed := h.precommits()
	h.tmkms("state", "move", "out", chainID, bundle)
	at := node.Height()
	armed := to.count("armed with the")
	if said := to.tmkms("state", "move", "in", bundle, "--yes"); !strings.Contains(said, "the running service signs for it") {
		h.t.Fatalf("moved in, and not armed: %s", said)
	}
	to.waitFor("armed with the", armed)
	if len(signed) == 0 {
		h.t.Fatal("it has signed nothing before it was moved")
	}
	if err := h.running.terminate(5 * time.Second); err != nil {
		h.t.Errorf("SIGTERM: %v", err)
	}
	return at
}

// Move is a validator whose state moves from one host to another, by mistake is started on the first one again, and moves back, all
// in a network of four that goes on: `state move out` and `state move in` beside services that run. No height is signed on both
// hosts, and each move costs two commits at most.
func (s Suite) Move(t *testing.T) {
	binaryOnly(t)
	t.Parallel()
	secret := SecretNamed(t.Name())
	socket := "unix://" + filepath.Join(tempDir(t), "node.sock")
	spec := NodeSpec{
		Home: tempDir(t), ChainID: chainID, Validator: s.Series.PublicKey(Ed25519, secret), Others: 3, Listen: socket,
	}
	here := newHandOverHost(t, "here", socket, secret, false)
	there := newHandOverHost(t, "there", socket, secret, true)
	here.tmkms("state", "init", chainID, "--never-signed")
	here.start()
	node := NewRealNode(t, spec)
	node.Start()
	node.Reach(5)
	// It answers why it does not sign, and stands in the queue of the node's socket.
	there.startUntil("not armed")
	node.Reach(node.Height() + 10)

	travel := tempDir(t)
	out := here.moveTo(there, filepath.Join(travel, "first.bundle"), node)
	node.Reach(node.Height() + 20)

	// The first host comes back by mistake, and the other one is killed.
	here.startUntil("was handed over")
	refused := here.count("refused (moved_out)")
	gone := node.Height()
	there.running.kill()
	here.waitFor("refused (moved_out)", refused)
	node.Reach(node.Height() + 3)
	here.running.kill()
	there.start()
	returned := node.Height()
	node.Reach(returned + 10)

	// And the chain comes back to it.
	here.startUntil("was handed over")
	back := there.moveTo(here, filepath.Join(travel, "second.bundle"), node)
	end := node.Height() + 20
	node.Reach(end)
	node.Tell("end")
	found := node.End()

	first, second := here.precommits(), there.precommits()
	var lost []int64
	for height := int64(6); height < end; height++ {
		if first[height] && second[height] {
			t.Errorf("both hosts have signed at height %d", height)
		}
		if !first[height] && !second[height] && (height < gone || height > returned+1) {
			lost = append(lost, height)
		}
	}
	for height := range first {
		if height > out+1 && height < back {
			t.Errorf("the first host has signed at height %d, between the moves at %d and %d", height, out, back)
		}
	}
	missed, absent := found.Commits-found.Signed, int(returned-gone)+2
	t.Logf("moved at heights %d and %d; %d of %d commits lack its signature, %d heights went by while the host that had it was gone; "+
		"neither host has signed at heights %d", out, back, missed, found.Commits, absent, lost)
	if len(lost) > 4 || missed > 4+absent {
		t.Errorf("%d heights were lost to two moves: %d", len(lost), lost)
	}
	if found.Positions < 2*found.Signed {
		t.Errorf("only %d positions in the write-ahead log for %d commits", found.Positions, found.Signed)
	}
}
