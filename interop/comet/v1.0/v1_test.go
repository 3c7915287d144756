// Messages that only v1.0 has, and its raw bytes.
package interop

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	pvproto "github.com/cometbft/cometbft/api/cometbft/privval/v1"
	cmtproto "github.com/cometbft/cometbft/api/cometbft/types/v1"
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/types"

	"tmkms/interop/rig"
)

// Raw bytes are refused in-band, unless the operator allowed them; and never are they a consensus message.
func TestRawBytes(t *testing.T) {
	if rig.ControlIsSubject() {
		t.Skip("CometBFT's own remote signer signs anything")
	}
	t.Run("off", func(t *testing.T) {
		raw := newRawBytes(t)
		raw.refused("anything", []byte("anything"))
		raw.sameLink()
	})
	t.Run("on", func(t *testing.T) {
		raw := newRawBytes(t, `raw_bytes = { dialect = "cometbft-v1", max_bytes = 5000 }`)
		for _, bytes := range [][]byte{[]byte("anything"), make([]byte, 5000)} {
			signature, err := raw.client.SignBytes(bytes)
			if err != nil {
				t.Errorf("%d bytes: %v", len(bytes), err)
			} else if !raw.key.VerifySignature(bytes, signature) {
				t.Errorf("the signature of %d bytes does not verify", len(bytes))
			}
		}
		hash := make([]byte, 32)
		block := rig.BlockID{Hash: hash, PartSetHeader: rig.PartSetHeader{Total: 1, Hash: hash}}
		vote := rig.Vote{Type: rig.TypePrecommit, Height: 5, BlockID: block, Timestamp: rig.TimestampOf(time.Now())}
		none := vote
		none.BlockID = rig.BlockID{}
		proposal := rig.Proposal{Type: rig.TypeProposal, Height: 5, PolRound: -1, BlockID: block, Timestamp: vote.Timestamp}
		for _, chainID := range []string{rawChain, "another-1"} {
			raw.refused("vote", Series{}.VoteSignBytes(chainID, vote))
			raw.refused("nil vote", Series{}.VoteSignBytes(chainID, none))
			raw.refused("proposal", Series{}.ProposalSignBytes(chainID, proposal))
			raw.refused("extension", Series{}.ExtensionSignBytes(chainID, vote))
		}
		raw.refused("too many", make([]byte, 5001))
		raw.refused("none", nil)
		raw.sameLink()
	})
}

const rawChain = "interop-1"

type rawBytes struct {
	*testing.T
	node   rig.Node
	client *privval.SignerClient
	key    crypto.PubKey
}

func newRawBytes(t *testing.T, lines ...string) rawBytes {
	t.Helper()
	on, err := Series{}.Listen("tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(on.Close)
	secret := rig.SecretNamed(t.Name())
	subject := rig.NewSubject(t, rig.Settings{
		ChainID: rawChain, KeyType: rig.Ed25519, Secret: secret, Addresses: []string{on.Address()}, Chain: lines,
	})
	subject.Start()
	rig.Connect(t, on)
	client, err := on.(*node).client(rawChain)
	if err != nil {
		t.Fatal(err)
	}
	return rawBytes{t, on, client, publicKey(Series{}.PublicKey(rig.Ed25519, secret))}
}

func (r rawBytes) refused(what string, bytes []byte) {
	r.Helper()
	_, err := r.client.SignBytes(bytes)
	var refused *rig.Refusal
	if !errors.As(refusal(err), &refused) {
		r.Errorf("%s: wanted a refusal in-band, got %v", what, err)
	}
}

func (r rawBytes) sameLink() {
	r.Helper()
	if r.node.Accepts() != 1 {
		r.Errorf("the link was replaced")
	}
}

// The messages that only v1.0 has, as vectors for the Rust tests.
func TestVectors(t *testing.T) {
	type vector struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	}
	hash := make([]byte, 32)
	hash[0] = 1
	block := cmtproto.BlockID{Hash: hash, PartSetHeader: cmtproto.PartSetHeader{Total: 1, Hash: hash}}
	vote := &cmtproto.Vote{Type: types.PrecommitType, Height: 5, BlockID: block, Timestamp: time.Unix(1, 2).UTC()}
	var out []vector
	for name, message := range map[string]*pvproto.Message{
		"skip_extension_signing": {Sum: &pvproto.Message_SignVoteRequest{SignVoteRequest: &pvproto.SignVoteRequest{Vote: vote, ChainId: "c", SkipExtensionSigning: true}}},
		"sign_bytes_request":     {Sum: &pvproto.Message_SignBytesRequest{SignBytesRequest: &pvproto.SignBytesRequest{Value: []byte("raw")}}},
	} {
		b, err := protoio.MarshalDelimited(message)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, vector{name, hex.EncodeToString(b)})
	}
	if out[0].Name > out[1].Name {
		out[0], out[1] = out[1], out[0]
	}
	text, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "..", "tests", "wire", "v1.0.json")
	if os.Getenv("INTEROP_UPDATE") == "1" {
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found, err := os.ReadFile(path)
	if err != nil || string(found) != string(text)+"\n" {
		t.Fatalf("%s is not what CometBFT makes: %v", path, err)
	}
}
