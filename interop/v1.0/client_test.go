// CometBFT v1.0's own SignerClient: the other form of the public key, and skip_extension_signing.
package interop

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	pvproto "github.com/cometbft/cometbft/api/cometbft/privval/v1"
	cmtproto "github.com/cometbft/cometbft/api/cometbft/types/v1"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/types"
)

const chainID = "interop-1"

func program(t *testing.T) string {
	t.Helper()
	path := os.Getenv("TMKMS")
	if path == "" {
		path = "../../target/release/tmkms"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func linked(t *testing.T) (ed25519.PrivKey, *privval.SignerClient) {
	t.Helper()
	home := t.TempDir()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.GenPrivKey()
	files := map[string]string{
		"consensus.key": base64.StdEncoding.EncodeToString(key[:32]),
		"identity.key":  base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"tmkms.toml": fmt.Sprintf(`
[[chain]]
id = %q
state_file = "state.json"
allow_ephemeral_state = true
[[validator]]
chain_id = %q
addr = "tcp://%s"
secret_key = "identity.key"
[[providers.softsign]]
chain_ids = [%q]
path = "consensus.key"
`, chainID, chainID, raw.Addr(), chainID),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program(t), "state", "init", "-c", "tmkms.toml", chainID, "--never-signed")
	cmd.Dir = home
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd = exec.Command(program(t), "start", "-c", "tmkms.toml")
	cmd.Dir = home
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	endpoint := privval.NewSignerListenerEndpoint(log.NewNopLogger(), privval.NewTCPListener(raw, ed25519.GenPrivKey()))
	client, err := privval.NewSignerClient(endpoint, chainID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if err := client.WaitForConnection(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	return key, client
}

func blockID() cmtproto.BlockID {
	hash := make([]byte, 32)
	hash[0] = 1
	return cmtproto.BlockID{Hash: hash, PartSetHeader: cmtproto.PartSetHeader{Total: 1, Hash: hash}}
}

func TestSignerClient(t *testing.T) {
	key, client := linked(t)
	public, err := client.GetPubKey()
	if err != nil || string(public.Bytes()) != string(key.PubKey().Bytes()) {
		t.Fatalf("public key: %v %v", public, err)
	}
	proposal := &cmtproto.Proposal{Type: types.ProposalType, Height: 1, PolRound: -1, BlockID: blockID(), Timestamp: time.Now()}
	if err := client.SignProposal(chainID, proposal); err != nil {
		t.Fatal(err)
	}
	if !public.VerifySignature(types.ProposalSignBytes(chainID, proposal), proposal.Signature) {
		t.Fatal("the proposal's signature is wrong")
	}
	for _, withExtension := range []bool{true, false} {
		proposal.Height++
		vote := &cmtproto.Vote{Type: types.PrecommitType, Height: proposal.Height, BlockID: blockID(), Timestamp: time.Now()}
		if err := client.SignVote(chainID, vote, withExtension); err != nil {
			t.Fatal(err)
		}
		if !public.VerifySignature(types.VoteSignBytes(chainID, vote), vote.Signature) {
			t.Fatal("the vote's signature is wrong")
		}
		if (len(vote.ExtensionSignature) > 0) != withExtension {
			t.Fatalf("extension asked: %v, signed: %v", withExtension, len(vote.ExtensionSignature) > 0)
		}
	}
	_, err = client.SignBytes([]byte("anything"))
	var remote *privval.RemoteSignerError
	if !errors.As(err, &remote) {
		t.Fatalf("raw bytes: wanted a refusal in-band, got %v", err)
	}
}

// The messages that only v1.0 has, as vectors for the Rust tests.
func TestVectors(t *testing.T) {
	type vector struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	}
	vote := &cmtproto.Vote{Type: types.PrecommitType, Height: 5, BlockID: blockID(), Timestamp: time.Unix(1, 2).UTC()}
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
	path := filepath.Join("..", "..", "tests", "wire", "v1.0.json")
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
