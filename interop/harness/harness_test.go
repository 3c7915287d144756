// Tendermint's own acceptance tool for remote signers, run against the program.
package interop

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const chainID = "harness-1"

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

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

func TestAcceptanceTool(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "tm-signer-harness")
	build := exec.Command("go", "build", "-o", tool, "github.com/tendermint/tendermint/tools/tm-signer-harness")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the tool: %v\n%s", err, out)
	}
	t.Run("tcp", func(t *testing.T) {
		port, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port.Close()
		accept(t, tool, "tcp://"+port.Addr().String())
	})
	t.Run("unix", func(t *testing.T) {
		// The path of a Unix socket may have little more than 100 bytes.
		folder, err := os.MkdirTemp("", "interop")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		accept(t, tool, "unix://"+filepath.Join(folder, "node.sock"))
	})
}

// accept has the tool listen at an address and judge the program.
func accept(t *testing.T, tool, addr string) {
	home := t.TempDir()
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(public)
	address := fmt.Sprintf("%X", hash[:20])
	b64 := base64.StdEncoding.EncodeToString
	write(t, filepath.Join(home, "config/priv_validator_key.json"), fmt.Sprintf(
		`{"address":%q,"pub_key":{"type":"tendermint/PubKeyEd25519","value":%q},"priv_key":{"type":"tendermint/PrivKeyEd25519","value":%q}}`,
		address, b64(public), b64(secret)))
	write(t, filepath.Join(home, "data/priv_validator_state.json"), `{"height":"0","round":0,"step":0}`)
	write(t, filepath.Join(home, "config/genesis.json"), fmt.Sprintf(
		`{"genesis_time":"2026-11-21T00:00:00Z","chain_id":%q,"initial_height":"1","consensus_params":{"block":{"max_bytes":"22020096","max_gas":"-1","time_iota_ms":"1000"},"evidence":{"max_age_num_blocks":"100000","max_age_duration":"172800000000000","max_bytes":"1048576"},"validator":{"pub_key_types":["ed25519"]},"version":{}},"validators":[{"address":%q,"pub_key":{"type":"tendermint/PubKeyEd25519","value":%q},"power":"10","name":""}],"app_hash":""}`,
		chainID, address, b64(public)))

	kms := filepath.Join(home, "kms")
	identity := make([]byte, 32)
	write(t, filepath.Join(kms, "identity.key"), b64(identity))
	// The node's own key file, as an operator would bring it.
	write(t, filepath.Join(kms, "priv_validator_key.json"), read(t, filepath.Join(home, "config/priv_validator_key.json")))
	write(t, filepath.Join(kms, "tmkms.toml"), fmt.Sprintf(`
[[chain]]
id = %q
state_file = "state.json"
allow_ephemeral_state = true
[[validator]]
chain_id = %q
addr = %q
secret_key = "identity.key"
[[providers.softsign]]
chain_ids = [%q]
key_format = "json"
path = "priv_validator_key.json"
`, chainID, chainID, addr, chainID))
	signer := func(args ...string) *exec.Cmd {
		cmd := exec.Command(program(t), args...)
		cmd.Dir = kms
		return cmd
	}
	if out, err := signer("state", "init", "-c", "tmkms.toml", chainID, "--never-signed").CombinedOutput(); err != nil {
		t.Fatalf("state init: %v\n%s", err, out)
	}
	start := signer("start", "-c", "tmkms.toml")
	log := &strings.Builder{}
	start.Stderr = log
	if err := start.Start(); err != nil {
		t.Fatal(err)
	}
	// The tool accepts for about a second; the program dials for ever.
	out, err := exec.Command(tool, "run", "-addr", addr, "-tmhome", home).CombinedOutput()
	_ = start.Process.Kill()
	_ = start.Wait()
	if err != nil || !strings.Contains(string(out), "All tests passed") {
		t.Fatalf("the tool says: %v\n%s\nthe program says:\n%s", err, out, log)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
