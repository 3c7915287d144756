package rig

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TakeOver has a real node make blocks with its own key, and takes that node over: not while it runs, not beside it when
// nobody saw it run, and well once it is stopped. Its write-ahead log then holds one signature for each position.
func (s Suite) TakeOver(t *testing.T) {
	binaryOnly(t)
	t.Parallel()
	secret := SecretNamed(t.Name())
	public := s.Series.PublicKey(Ed25519, secret)
	spec := NodeSpec{Home: tempDir(t), ChainID: chainID, Validator: public, OwnKey: &secret}
	nodeHome := filepath.Join(spec.Home, "node0")
	nodeKey := filepath.Join(nodeHome, "config", "priv_validator_key.json")
	nodeState := filepath.Join(nodeHome, "data", "priv_validator_state.json")
	writeNodeKey(t, nodeKey, secret, public)

	home := tempDir(t)
	listen := fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t))
	config := filepath.Join(home, "tmkms.toml")
	key, other := filepath.Join(home, "consensus.key"), filepath.Join(home, "other.key")
	text := fmt.Sprintf("[[chain]]\nid = %[1]q\nstate_file = \"state.json\"\nallow_ephemeral_state = true\n"+
		"[[validator]]\nchain_id = %[1]q\naddr = %[2]q\nsecret_key = \"identity.key\"\n"+
		"[[providers.softsign]]\nchain_ids = [%[1]q]\npath = \"consensus.key\"\n", chainID, listen)
	for path, content := range map[string]string{
		config: text, filepath.Join(home, "identity.key"): string(Base64Line([32]byte{1, 2, 3})), key: string(Base64Line(secret)),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// For `softsign import`, which brings the key itself.
	config2 := filepath.Join(home, "import.toml")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "consensus.key", "other.key"), "state.json", "other.json")
	if err := os.WriteFile(config2, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	adopt := []string{"adopt", nodeHome, "-c", config, "--chain", chainID, "--yes"}
	all := [][]string{
		adopt,
		{"state", "import", chainID, nodeState, "-c", config, "--yes"},
		{"softsign", "import", "-c", config2, "--state", nodeState, nodeKey, other, "--yes"},
	}
	node := NewRealNode(t, spec)
	node.Start()
	node.Reach(3)
	for _, arguments := range all {
		if out, code := run(t, BinaryPath(t), arguments...); code != 1 || !strings.Contains(out, "nothing was changed") {
			t.Errorf("tmkms %q beside the running node: exit code %d\n%s", arguments, code, out)
		}
	}
	for _, path := range []string{other, filepath.Join(home, "state.json"), filepath.Join(home, "other.json")} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was made: %v", path, err)
		}
	}
	node.Reach(node.Height() + 2)

	// Nobody sees it: it stands still, and the command has a world of processes of its own.
	node.signal(syscall.SIGSTOP)
	hidden := append([]string{"--pid", "--fork", "--mount-proc", BinaryPath(t)}, adopt...)
	if os.Geteuid() != 0 {
		hidden = append([]string{"--map-root-user"}, hidden...)
	}
	if out, code := run(t, "unshare", hidden...); code != 0 {
		t.Fatalf("unshare %q: exit code %d\n%s", hidden, code, out)
	}
	node.signal(syscall.SIGCONT)
	node.Reach(node.Height() + 2)
	if out, code := run(t, BinaryPath(t), "check", "-c", config); code != 1 || !strings.Contains(out, "still runs and signs") || !strings.Contains(out, nodeState) {
		t.Errorf("check beside the node: exit code %d\n%s", code, out)
	}
	log := filepath.Join(home, "log")
	signer, err := startProcess(exec.Command(BinaryPath(t), "start", "-c", config), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { signer.kill() })
	waitForLog(t, log, "still runs and signs")
	node.Reach(node.Height() + 2)
	node.running.kill()
	reached := node.Height()

	// Now it is gone.
	if out, code := run(t, BinaryPath(t), append(adopt, "--move-key")...); code != 0 {
		t.Fatalf("adopt of the stopped node: exit code %d\n%s", code, out)
	}
	if _, err := os.Stat(nodeKey); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the node still has its key: %v", err)
	}
	waitForLog(t, log, "armed with the")
	spec.OwnKey, spec.Listen, spec.Blocks = nil, listen, reached+10
	node = NewRealNode(t, spec)
	node.Start()
	if found := node.End(); found.Signed != found.Commits || int64(found.Commits) < reached+9 {
		t.Errorf("%d of %d commits are signed", found.Signed, found.Commits)
	}
}

// writeNodeKey writes a key as a node keeps it.
func writeNodeKey(t *testing.T, path string, secret [32]byte, public PublicKey) {
	t.Helper()
	value := func(kind string, bytes []byte) map[string]string {
		return map[string]string{"type": "tendermint/" + kind, "value": base64.StdEncoding.EncodeToString(bytes)}
	}
	address := sha256.Sum256(public.Bytes)
	text, err := json.Marshal(map[string]any{
		"address":  fmt.Sprintf("%X", address[:20]),
		"pub_key":  value("PubKeyEd25519", public.Bytes),
		"priv_key": value("PrivKeyEd25519", ed25519.NewKeyFromSeed(secret[:])),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run gives what a program said, and its exit code.
func run(t *testing.T, program string, arguments ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(program, arguments...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", program, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (n *RealNode) signal(signal syscall.Signal) {
	n.t.Helper()
	if err := n.running.cmd.Process.Signal(signal); err != nil {
		n.t.Fatal(err)
	}
}

func waitForLog(t *testing.T, path, words string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), words) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %q in\n%s", words, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
