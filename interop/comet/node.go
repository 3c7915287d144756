// The node's side of a link.
package interop

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/privval"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"

	"tmkms/interop/rig"
)

// node is the node's side: CometBFT's SignerClient over its listener endpoint.
type node struct {
	address  string
	endpoint *privval.SignerListenerEndpoint
	accepts  *atomic.Int64
}

var _ rig.Node = (*node)(nil)

// countingListener counts the links whose handshake was completed.
type countingListener struct {
	net.Listener
	accepts *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepts.Add(1)
	}
	return conn, err
}

func listen(address string) (rig.Node, error) {
	scheme, rest := rig.SplitAddress(address)
	network := scheme
	if scheme == "noise" {
		network = "tcp"
	}
	ln, err := net.Listen(network, rest)
	if err != nil {
		return nil, err
	}
	at := ln.Addr().String()
	var inner net.Listener
	switch scheme {
	case "tcp":
		inner = privval.NewTCPListener(ln, ed25519.GenPrivKey())
	case "unix":
		inner = privval.NewUnixListener(ln)
	case "noise":
		if inner, err = noiseListener(ln); err != nil {
			return nil, err
		}
		at = Series{}.NoiseID(rig.NodeIdentity) + "@" + at
	default:
		return nil, fmt.Errorf("unknown scheme of %s", address)
	}
	n := &node{address: scheme + "://" + at, accepts: new(atomic.Int64)}
	n.endpoint = privval.NewSignerListenerEndpoint(log.NewNopLogger(), countingListener{inner, n.accepts})
	return n, n.endpoint.Start()
}

func (n *node) Address() string { return n.address }

func (n *node) WaitForConnection(patience time.Duration) error {
	return n.endpoint.WaitForConnection(patience)
}

func (n *node) Accepts() int { return int(n.accepts.Load()) }

func (n *node) Drop() { n.endpoint.DropConnection() }

func (n *node) Close() { _ = n.endpoint.Stop() }

// Ping does not use SignerClient.Ping, which never returns an error.
func (n *node) Ping() error {
	reply, err := n.endpoint.SendRequest(privvalproto.Message{
		Sum: &privvalproto.Message_PingRequest{PingRequest: &privvalproto.PingRequest{}},
	})
	if err != nil {
		return err
	}
	if reply.GetPingResponse() == nil {
		return fmt.Errorf("a ping was answered with %T", reply.Sum)
	}
	return nil
}

func (n *node) client(chainID string) (*privval.SignerClient, error) {
	return privval.NewSignerClient(n.endpoint, chainID)
}

// refusal turns CometBFT's RemoteSignerError into the rig's.
func refusal(err error) error {
	var remote *privval.RemoteSignerError
	if errors.As(err, &remote) {
		return &rig.Refusal{Code: remote.Code, Description: remote.Description}
	}
	return err
}

func (n *node) PublicKey(chainID string) (rig.PublicKey, error) {
	client, err := n.client(chainID)
	if err != nil {
		return rig.PublicKey{}, err
	}
	key, err := client.GetPubKey()
	if err != nil {
		return rig.PublicKey{}, refusal(err)
	}
	return publicKeyOf(key), nil
}

func publicKeyOf(key crypto.PubKey) rig.PublicKey {
	return rig.PublicKey{Type: key.Type(), Bytes: key.Bytes()}
}

func (n *node) SignVote(chainID string, v *rig.Vote, skipExtension bool) (rig.Vote, error) {
	if skipExtension && !canSkipExtension {
		return rig.Vote{}, errors.New("this series cannot skip extensions")
	}
	if v == nil {
		return n.signMissingVote(chainID)
	}
	client, err := n.client(chainID)
	if err != nil {
		return rig.Vote{}, err
	}
	pb := voteToProto(*v)
	if err := clientSignVote(client, chainID, pb, skipExtension); err != nil {
		return rig.Vote{}, refusal(err)
	}
	return voteFromProto(pb), nil
}

func (n *node) signMissingVote(chainID string) (rig.Vote, error) {
	reply, err := n.endpoint.SendRequest(privvalproto.Message{
		Sum: &privvalproto.Message_SignVoteRequest{SignVoteRequest: &privvalproto.SignVoteRequest{ChainId: chainID}},
	})
	if err != nil {
		return rig.Vote{}, err
	}
	signed := reply.GetSignedVoteResponse()
	if signed == nil {
		return rig.Vote{}, fmt.Errorf("answered with %T", reply.Sum)
	}
	if signed.Error != nil {
		return rig.Vote{}, &rig.Refusal{Code: int(signed.Error.Code), Description: signed.Error.Description}
	}
	return voteFromProto(&signed.Vote), nil
}

func (n *node) SignProposal(chainID string, p *rig.Proposal) (rig.Proposal, error) {
	if p == nil {
		return n.signMissingProposal(chainID)
	}
	client, err := n.client(chainID)
	if err != nil {
		return rig.Proposal{}, err
	}
	pb := proposalToProto(*p)
	if err := client.SignProposal(chainID, pb); err != nil {
		return rig.Proposal{}, refusal(err)
	}
	return proposalFromProto(pb), nil
}

func (n *node) signMissingProposal(chainID string) (rig.Proposal, error) {
	reply, err := n.endpoint.SendRequest(privvalproto.Message{
		Sum: &privvalproto.Message_SignProposalRequest{SignProposalRequest: &privvalproto.SignProposalRequest{ChainId: chainID}},
	})
	if err != nil {
		return rig.Proposal{}, err
	}
	signed := reply.GetSignedProposalResponse()
	if signed == nil {
		return rig.Proposal{}, fmt.Errorf("answered with %T", reply.Sum)
	}
	if signed.Error != nil {
		return rig.Proposal{}, &rig.Refusal{Code: int(signed.Error.Code), Description: signed.Error.Description}
	}
	return proposalFromProto(&signed.Proposal), nil
}
