package main

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/privval"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// node is the node's side of one link, by CometBFT's own code: what a node waits for is what is measured.
type node struct {
	chainID  string
	address  string
	endpoint *privval.SignerListenerEndpoint
}

// listen opens a node's side; folder is for sockets.
func listen(chainID, scheme, folder, name string) (*node, error) {
	address := "127.0.0.1:0"
	if scheme == "unix" {
		address = filepath.Join(folder, name+".sock")
	}
	raw, err := net.Listen(scheme, address)
	if err != nil {
		return nil, err
	}
	var listener net.Listener
	if scheme == "tcp" {
		listener = privval.NewTCPListener(raw, ed25519.GenPrivKey())
	} else {
		listener = privval.NewUnixListener(raw)
	}
	n := &node{chainID: chainID, address: scheme + "://" + raw.Addr().String()}
	n.endpoint = privval.NewSignerListenerEndpoint(log.NewNopLogger(), listener)
	return n, n.endpoint.Start()
}

// connect waits until the signer answers.
func (n *node) connect() error {
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err = n.ask(message{kind: "ping"}); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no signer at %s: %w", n.address, err)
}

func (n *node) close() { _ = n.endpoint.Stop() }

// message is one question; kinds lists them.
type message struct {
	kind   string
	height int64
	round  int32
}

var kinds = []string{"ping", "public key", "proposal", "prevote", "precommit"}

var block = func() cmtproto.BlockID {
	hash := make([]byte, 32)
	hash[0] = 1
	return cmtproto.BlockID{Hash: hash, PartSetHeader: cmtproto.PartSetHeader{Total: 1, Hash: hash}}
}()

func (m message) request(chainID string) privvalproto.Message {
	vote := func(kind cmtproto.SignedMsgType) privvalproto.Message {
		return privvalproto.Message{Sum: &privvalproto.Message_SignVoteRequest{SignVoteRequest: &privvalproto.SignVoteRequest{
			ChainId: chainID, Vote: &cmtproto.Vote{
				Type: kind, Height: m.height, Round: m.round, BlockID: block, Timestamp: time.Now(), ValidatorAddress: make([]byte, 20),
			},
		}}}
	}
	switch m.kind {
	case "public key":
		return privvalproto.Message{Sum: &privvalproto.Message_PubKeyRequest{PubKeyRequest: &privvalproto.PubKeyRequest{ChainId: chainID}}}
	case "proposal":
		return privvalproto.Message{Sum: &privvalproto.Message_SignProposalRequest{SignProposalRequest: &privvalproto.SignProposalRequest{
			ChainId: chainID, Proposal: &cmtproto.Proposal{
				Type: cmtproto.ProposalType, Height: m.height, Round: m.round, PolRound: -1, BlockID: block, Timestamp: time.Now(),
			},
		}}}
	case "prevote":
		return vote(cmtproto.PrevoteType)
	case "precommit":
		return vote(cmtproto.PrecommitType)
	}
	return privvalproto.Message{Sum: &privvalproto.Message_PingRequest{PingRequest: &privvalproto.PingRequest{}}}
}

// ask gives the time from the question to the answer; a refusal is an error.
func (n *node) ask(m message) (time.Duration, error) {
	request := m.request(n.chainID)
	began := time.Now()
	reply, err := n.endpoint.SendRequest(request)
	took := time.Since(began)
	if err != nil {
		return took, err
	}
	var refused *privvalproto.RemoteSignerError
	answered := false
	switch m.kind {
	case "ping":
		answered = reply.GetPingResponse() != nil
	case "public key":
		answered, refused = reply.GetPubKeyResponse() != nil, reply.GetPubKeyResponse().GetError()
	case "proposal":
		signed := reply.GetSignedProposalResponse()
		refused = signed.GetError()
		answered = signed != nil && len(signed.Proposal.Signature) == 64
	default:
		signed := reply.GetSignedVoteResponse()
		refused = signed.GetError()
		answered = signed != nil && len(signed.Vote.Signature) == 64
	}
	if refused != nil {
		return took, fmt.Errorf("%s refused: %s", m.kind, refused.Description)
	}
	if !answered {
		return took, fmt.Errorf("%s: answered with %T", m.kind, reply.Sum)
	}
	return took, nil
}

// times are durations of one kind.
type times []time.Duration

// at gives a quantile, 0..1.
func (t times) at(quantile float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return sorted[min(len(sorted)-1, int(quantile*float64(len(sorted))))]
}

func millis(d time.Duration) string { return fmt.Sprintf("%.3f", float64(d.Nanoseconds())/1e6) }
