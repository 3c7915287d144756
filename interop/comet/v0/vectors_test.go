// Vectors made by CometBFT's own code for the Rust tests. The checked-in files must be what this code makes;
// INTEROP_UPDATE=1 writes them.
package interop

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cryptoenc "github.com/cometbft/cometbft/crypto/encoding"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	"github.com/cometbft/cometbft/libs/protoio"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// vector is one request with the bytes that it is signed over, or one reply.
type vector struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	ChainID string `json:"chain_id,omitempty"`
	Height  int64  `json:"height,omitempty"`
	Round   int32  `json:"round,omitempty"`
	Pol     int32  `json:"pol_round,omitempty"`
	Block   string `json:"block,omitempty"`
	Total   uint32 `json:"total,omitempty"`
	Parts   string `json:"parts,omitempty"`
	Seconds int64  `json:"seconds"`
	Nanos   int32  `json:"nanos"`
	Ext     string `json:"extension,omitempty"`
	// The privval message with its length, as a node sends it.
	Message string `json:"message"`
	// What is signed, and the bytes of the extension that are signed.
	SignBytes    string `json:"sign_bytes,omitempty"`
	ExtSignBytes string `json:"extension_sign_bytes,omitempty"`
	// Of replies.
	Key       string `json:"key,omitempty"`
	Address   string `json:"address,omitempty"`
	Signature string `json:"signature,omitempty"`
}

func delimited(t *testing.T, message *privvalproto.Message) string {
	t.Helper()
	b, err := protoio.MarshalDelimited(message)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func seq(start byte) []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = start + byte(i)
	}
	return b
}

func makeVectors(t *testing.T) []vector {
	times := map[string]time.Time{
		"plain":        time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC),
		"no nanos":     time.Unix(1_700_000_000, 0).UTC(),
		"most nanos":   time.Unix(1_700_000_000, 999_999_999).UTC(),
		"before 1970":  time.Unix(-5, 7).UTC(),
		"1970":         time.Unix(0, 0).UTC(),
		"go zero time": {},
	}
	order := []string{"plain", "no nanos", "most nanos", "before 1970", "1970", "go zero time"}
	chains := []string{"c", "cosmoshub-4", "日本-1", strings.Repeat("x", 50)}
	blocks := []cmtproto.BlockID{{}, {Hash: seq(1), PartSetHeader: cmtproto.PartSetHeader{Total: 1, Hash: seq(100)}},
		{Hash: seq(200), PartSetHeader: cmtproto.PartSetHeader{Total: 4_294_967_295, Hash: seq(7)}}}
	var out []vector
	for i, when := range order {
		for j, chain := range chains {
			at := times[when]
			height, round := int64(1+1000*i), int32(j)
			if j == 3 {
				height, round = 9_223_372_036_854_775_807, 10_000
			}
			block := blocks[(i+j)%3]
			base := vector{Name: when, ChainID: chain, Height: height, Round: round, Block: hex.EncodeToString(block.Hash),
				Total: block.PartSetHeader.Total, Parts: hex.EncodeToString(block.PartSetHeader.Hash),
				Seconds: at.Unix(), Nanos: int32(at.Nanosecond())}
			for _, kind := range []cmtproto.SignedMsgType{cmtproto.PrevoteType, cmtproto.PrecommitType} {
				v := base
				v.Kind = "prevote"
				asked := &cmtproto.Vote{Type: kind, Height: height, Round: round, BlockID: block, Timestamp: at}
				if kind == cmtproto.PrecommitType {
					v.Kind = "precommit"
					if len(block.Hash) > 0 && hasExtensions {
						data := []byte(chain)[:j]
						setExtension(asked, data, nil)
						v.Ext = hex.EncodeToString(data)
						v.ExtSignBytes = hex.EncodeToString(extensionSignBytes(chain, asked))
					}
				}
				v.SignBytes = hex.EncodeToString(types.VoteSignBytes(chain, asked))
				v.Message = delimited(t, &privvalproto.Message{Sum: &privvalproto.Message_SignVoteRequest{
					SignVoteRequest: &privvalproto.SignVoteRequest{Vote: asked, ChainId: chain}}})
				out = append(out, v)
			}
			if len(block.Hash) == 0 {
				continue
			}
			v := base
			v.Kind, v.Pol = "proposal", int32(j)-1
			asked := &cmtproto.Proposal{Type: cmtproto.ProposalType, Height: height, Round: round, PolRound: v.Pol, BlockID: block, Timestamp: at}
			v.SignBytes = hex.EncodeToString(types.ProposalSignBytes(chain, asked))
			v.Message = delimited(t, &privvalproto.Message{Sum: &privvalproto.Message_SignProposalRequest{
				SignProposalRequest: &privvalproto.SignProposalRequest{Proposal: asked, ChainId: chain}}})
			out = append(out, v)
		}
	}
	message := func(name string, sum privvalproto.Message) vector {
		return vector{Name: name, Kind: name, ChainID: "cosmoshub-4", Message: delimited(t, &sum)}
	}
	out = append(out,
		message("ping_request", privvalproto.Message{Sum: &privvalproto.Message_PingRequest{PingRequest: &privvalproto.PingRequest{}}}),
		message("ping_response", privvalproto.Message{Sum: &privvalproto.Message_PingResponse{PingResponse: &privvalproto.PingResponse{}}}),
		message("pub_key_request", privvalproto.Message{Sum: &privvalproto.Message_PubKeyRequest{PubKeyRequest: &privvalproto.PubKeyRequest{ChainId: "cosmoshub-4"}}}),
		message("refused_vote", privvalproto.Message{Sum: &privvalproto.Message_SignedVoteResponse{SignedVoteResponse: &privvalproto.SignedVoteResponse{
			Vote: cmtproto.Vote{}, Error: &privvalproto.RemoteSignerError{Code: 4, Description: "conflict"}}}}),
		message("refused_proposal", privvalproto.Message{Sum: &privvalproto.Message_SignedProposalResponse{SignedProposalResponse: &privvalproto.SignedProposalResponse{
			Proposal: cmtproto.Proposal{}, Error: &privvalproto.RemoteSignerError{Code: 4, Description: "conflict"}}}}),
	)
	for _, key := range []crypto.PrivKey{ed25519.GenPrivKeyFromSecret([]byte("vector")), secp256k1.GenPrivKeySecp256k1([]byte("vector"))} {
		public, err := cryptoenc.PubKeyToProto(key.PubKey())
		if err != nil {
			t.Fatal(err)
		}
		signature, err := key.Sign([]byte("vector"))
		if err != nil {
			t.Fatal(err)
		}
		v := message("pub_key_"+key.Type(), privvalproto.Message{Sum: &privvalproto.Message_PubKeyResponse{PubKeyResponse: &privvalproto.PubKeyResponse{PubKey: public}}})
		v.Key = hex.EncodeToString(key.PubKey().Bytes())
		v.Address = key.PubKey().Address().String()
		v.Signature = hex.EncodeToString(signature)
		out = append(out, v)
	}
	return out
}

func TestVectors(t *testing.T) {
	lines := []string{}
	for _, v := range makeVectors(t) {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	text := []byte("[\n" + strings.Join(lines, ",\n") + "\n]\n")
	path := filepath.Join("..", "..", "..", "tests", "wire", name+".json")
	if os.Getenv("INTEROP_UPDATE") == "1" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(found, text) {
		t.Fatalf("%s is not what CometBFT makes; INTEROP_UPDATE=1 writes it anew", path)
	}
}
