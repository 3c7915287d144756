// CometBFT's own SignerClient against the program: every message type, over tcp and unix, with both key types.
package interop

import (
	"errors"
	"testing"
	"time"

	"github.com/cometbft/cometbft/privval"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

func blockID(tag byte) cmtproto.BlockID {
	hash := make([]byte, 32)
	for i := range hash {
		hash[i] = tag
	}
	return cmtproto.BlockID{Hash: hash, PartSetHeader: cmtproto.PartSetHeader{Total: 1, Hash: hash}}
}

func vote(kind cmtproto.SignedMsgType, height int64, round int32, tag byte, at time.Time, ext []byte) *cmtproto.Vote {
	v := &cmtproto.Vote{Type: kind, Height: height, Round: round, Timestamp: at,
		ValidatorAddress: make([]byte, 20), ValidatorIndex: 3, Extension: ext}
	if tag != 0 {
		v.BlockID = blockID(tag)
	}
	return v
}

func proposal(height int64, round, pol int32, tag byte, at time.Time) *cmtproto.Proposal {
	return &cmtproto.Proposal{Type: cmtproto.ProposalType, Height: height, Round: round, PolRound: pol,
		BlockID: blockID(tag), Timestamp: at}
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC)

// refused fails unless err is a refusal that came in-band.
func refused(t *testing.T, err error, what string) {
	t.Helper()
	var remote *privval.RemoteSignerError
	if !errors.As(err, &remote) {
		t.Fatalf("%s: wanted a RemoteSignerError, got %v", what, err)
	}
}

func TestEveryMessage(t *testing.T) {
	for _, scheme := range []string{"tcp", "unix"} {
		for _, kind := range []keyKind{consensusKey, accountKey} {
			t.Run(scheme+"/"+string(kind), func(t *testing.T) {
				s, n := linked(t, scheme, kind)
				everyMessage(t, s, n)
			})
		}
	}
}

func everyMessage(t *testing.T, s *signer, n *node) {
	public := s.key.PubKey()
	found, err := n.client.GetPubKey()
	if err != nil || !found.Equals(public) {
		t.Fatalf("public key: %v %v", found, err)
	}
	// Ping of the client gives nil whatever happened, so the endpoint is asked.
	pong, err := n.endpoint.SendRequest(privvalproto.Message{Sum: &privvalproto.Message_PingRequest{PingRequest: &privvalproto.PingRequest{}}})
	if err != nil || pong.GetPingResponse() == nil {
		t.Fatalf("ping: %v %v", pong, err)
	}

	p := proposal(1, 0, -1, 1, noon)
	if err := n.client.SignProposal(chainID, p); err != nil {
		t.Fatal(err)
	}
	if !public.VerifySignature(types.ProposalSignBytes(chainID, p), p.Signature) {
		t.Fatal("the proposal's signature is wrong")
	}
	large := make([]byte, 1<<20)
	for _, c := range []struct {
		name string
		vote *cmtproto.Vote
		ext  bool
	}{
		{"prevote", vote(cmtproto.PrevoteType, 1, 0, 1, noon, nil), false},
		{"precommit", vote(cmtproto.PrecommitType, 1, 0, 1, noon, nil), true},
		{"nil prevote", vote(cmtproto.PrevoteType, 1, 1, 0, noon, nil), false},
		{"nil precommit", vote(cmtproto.PrecommitType, 1, 1, 0, noon, nil), false},
		{"precommit with an extension", vote(cmtproto.PrecommitType, 1, 2, 1, noon, []byte("data")), true},
		{"precommit with 1 MiB of extension", vote(cmtproto.PrecommitType, 1, 3, 1, noon, large), true},
		{"zero time", vote(cmtproto.PrevoteType, 2, 0, 1, time.Time{}, nil), false},
	} {
		asked := *c.vote
		if err := n.client.SignVote(chainID, c.vote); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		checkVote(t, s, &asked, c.vote, c.ext, c.name)
		if c.vote.ValidatorIndex != 3 || len(c.vote.ValidatorAddress) != 20 {
			t.Fatalf("%s: validator index or address were not given back", c.name)
		}
	}

	conflict := vote(cmtproto.PrevoteType, 2, 0, 2, noon, nil)
	refused(t, n.client.SignVote(chainID, conflict), "conflict")
	refused(t, n.client.SignProposal(chainID, proposal(2, 0, -1, 1, noon)), "step regression")
	refused(t, n.client.SignVote(chainID, vote(cmtproto.PrevoteType, 1, 9, 1, noon, nil)), "height regression")
	if got := n.listener.accepted.Load(); got != 1 {
		t.Fatalf("%d links were made, wanted 1: a refusal must not end the link", got)
	}
}

func checkVote(t *testing.T, s *signer, asked, got *cmtproto.Vote, ext bool, name string) {
	t.Helper()
	public := s.key.PubKey()
	if !public.VerifySignature(types.VoteSignBytes(chainID, got), got.Signature) {
		t.Fatalf("%s: the signature is wrong", name)
	}
	if !ext {
		if len(got.ExtensionSignature) != 0 {
			t.Fatalf("%s: an extension signature where none may be", name)
		}
		return
	}
	if !public.VerifySignature(types.VoteExtensionSignBytes(chainID, asked), got.ExtensionSignature) {
		t.Fatalf("%s: the extension's signature is wrong", name)
	}
}

// What W10 forbids is refused in-band, and the link stays up.
func TestInvalidRequests(t *testing.T) {
	_, n := linked(t, "tcp", consensusKey)
	with := func(change func(*cmtproto.Vote)) *cmtproto.Vote {
		v := vote(cmtproto.PrecommitType, 5, 0, 1, noon, nil)
		change(v)
		return v
	}
	for name, v := range map[string]*cmtproto.Vote{
		"height 0":             with(func(v *cmtproto.Vote) { v.Height = 0 }),
		"negative height":      with(func(v *cmtproto.Vote) { v.Height = -1 }),
		"negative round":       with(func(v *cmtproto.Vote) { v.Round = -1 }),
		"round above 10,000":   with(func(v *cmtproto.Vote) { v.Round = 10001 }),
		"unknown type":         with(func(v *cmtproto.Vote) { v.Type = 7 }),
		"type of a proposal":   with(func(v *cmtproto.Vote) { v.Type = cmtproto.ProposalType }),
		"hash without parts":   with(func(v *cmtproto.Vote) { v.BlockID.PartSetHeader = cmtproto.PartSetHeader{} }),
		"hash of 31 bytes":     with(func(v *cmtproto.Vote) { v.BlockID.Hash = v.BlockID.Hash[:31] }),
		"extension on prevote": with(func(v *cmtproto.Vote) { v.Type = cmtproto.PrevoteType; v.Extension = []byte{1} }),
		"extension on nil":     with(func(v *cmtproto.Vote) { v.BlockID = cmtproto.BlockID{}; v.Extension = []byte{1} }),
	} {
		refused(t, n.client.SignVote(chainID, v), name)
	}
	refused(t, n.client.SignVote("another-1", with(func(*cmtproto.Vote) {})), "another chain")
	refused(t, n.client.SignVote("", with(func(*cmtproto.Vote) {})), "no chain")
	refused(t, n.client.SignProposal(chainID, proposal(5, 0, -2, 1, noon)), "pol_round -2")
	empty := proposal(5, 0, -1, 1, noon)
	empty.BlockID = cmtproto.BlockID{}
	refused(t, n.client.SignProposal(chainID, empty), "proposal of nil")
	refused(t, n.client.SignVote(chainID, with(func(v *cmtproto.Vote) { v.Height = 1 << 62 })), "2^62")

	// The fresh watermark's first advance is free up to 10^9, and none of the above moved it.
	if err := n.client.SignVote(chainID, with(func(*cmtproto.Vote) {})); err != nil {
		t.Fatal(err)
	}
	refused(t, n.client.SignVote(chainID, with(func(v *cmtproto.Vote) { v.Height = 5000 })), "too far ahead")
	if got := n.listener.accepted.Load(); got != 1 {
		t.Fatalf("%d links were made, wanted 1: a refusal must not end the link", got)
	}
}
