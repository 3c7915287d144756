package rig

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func asRefusal(err error, target **Refusal) bool { return errors.As(err, target) }

// testClient asks for each message type once, as a node does.
func testClient(t *testing.T, series Series, scheme, keyType string) {
	b := newBench(t, series, scheme, keyType)

	got, err := b.node.PublicKey(chainID)
	if err != nil {
		t.Fatalf("public key: %v", err)
	}
	if got.Type != b.key.Type || !bytes.Equal(got.Bytes, b.key.Bytes) {
		t.Fatalf("public key: got %v, want %v", got, b.key)
	}
	if err := b.node.Ping(); err != nil {
		t.Errorf("ping: %v", err)
	}

	p := proposal(10, 0, blockA)
	signed := b.signProposal(p)
	if signed.Timestamp != p.Timestamp {
		t.Errorf("proposal: timestamp %v, asked %v", signed.Timestamp, p.Timestamp)
	}
	v := prevote(10, 0, blockA)
	if got := b.signVote(v); got.Timestamp != v.Timestamp {
		t.Errorf("prevote: timestamp %v, asked %v", got.Timestamp, v.Timestamp)
	}
	first := precommit(10, 0, blockA)
	b.signVote(first)
	b.signVote(prevote(10, 1, BlockID{}))
	b.signVote(precommit(10, 1, BlockID{}))
	withPol := proposal(10, 2, blockB)
	withPol.PolRound = 1
	b.signProposal(withPol)
	// Legal in a contested round: a precommit for another block than the prevote's.
	b.signVote(prevote(10, 2, blockA))
	b.signVote(precommit(10, 2, blockB))

	_, err = b.node.SignVote(chainID, &first, false)
	b.wantRefusal("lower round", err)
	_, err = b.node.SignProposal(chainID, &p)
	b.wantRefusal("proposal of a lower round", err)
	lower := precommit(9, 5, blockA)
	_, err = b.node.SignVote(chainID, &lower, false)
	b.wantRefusal("lower height", err)

	height := precommit(11, 0, blockA)
	if series.Traits().Extensions {
		height.Extension = Hex("an extension")
	}
	signedOnce := b.signVote(height)
	again := b.signVote(height)
	if !bytes.Equal(again.Signature, signedOnce.Signature) || again.Timestamp != signedOnce.Timestamp {
		t.Errorf("exact replay: %v and then %v", signedOnce, again)
	}
	later := height
	later.Timestamp.Seconds += 5
	again = b.signVote(later)
	if !bytes.Equal(again.Signature, signedOnce.Signature) || again.Timestamp != height.Timestamp {
		t.Errorf("replay with another timestamp: %v and then %v", signedOnce, again)
	}
	if series.Traits().Extensions {
		other := height
		other.Extension = Hex("another extension")
		if again := b.signVote(other); bytes.Equal(again.ExtensionSignature, signedOnce.ExtensionSignature) {
			t.Errorf("another extension on a replay got the old extension signature")
		}
	}
	conflicting := precommit(11, 0, blockB)
	_, err = b.node.SignVote(chainID, &conflicting, false)
	b.wantRefusal("conflict", err)
	nilConflict := precommit(11, 0, BlockID{})
	_, err = b.node.SignVote(chainID, &nilConflict, false)
	b.wantRefusal("conflict with nil", err)
	if err := b.node.Ping(); err != nil {
		t.Errorf("ping after refusals: %v", err)
	}
	b.sameLink()
}

// testIdle leaves the link alone for longer than the node's pings are apart.
func testIdle(t *testing.T, series Series) {
	b := newBench(t, series, "tcp", Ed25519)
	b.signVote(prevote(5, 0, blockA))
	time.Sleep(4 * time.Second)
	b.signVote(precommit(5, 0, blockA))
	b.sameLink()
}

// testLargeExtension has the largest extension signed that a node accepts. The
// reply must stay below 10 KiB, which is all that most series read.
func testLargeExtension(t *testing.T, series Series, scheme string) {
	b := newBench(t, series, scheme, Ed25519)
	v := precommit(5, 0, blockA)
	for _, size := range []int{10_240, 100_000, 1 << 20} {
		v.Height++
		v.Extension = bytes.Repeat([]byte{0xee}, size)
		b.signVote(v)
	}
	b.signVote(prevote(100, 0, blockA))
	b.sameLink()
}
