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
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/types"

	"tmkms/interop/rig"
)

// Raw bytes are refused in-band, unless the operator allowed them.
func TestRawBytes(t *testing.T) {
	if rig.ControlIsSubject() {
		t.Skip("CometBFT's own remote signer signs anything")
	}
	on, err := Series{}.Listen("tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	settings := rig.Settings{ChainID: "interop-1", KeyType: rig.Ed25519, Secret: rig.SecretNamed(t.Name()), Addresses: []string{on.Address()}}
	subject := rig.NewSubject(t, settings)
	subject.Start()
	rig.Connect(t, on)
	client, err := on.(*node).client("interop-1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.SignBytes([]byte("anything"))
	var refused *rig.Refusal
	if !errors.As(refusal(err), &refused) {
		t.Fatalf("wanted a refusal in-band, got %v", err)
	}
	if on.Accepts() != 1 {
		t.Errorf("the link was replaced")
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
