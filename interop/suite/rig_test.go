// The rig: a home for the program under test, its process, and the node's side of the link by CometBFT's own code.
package interop

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/privval"
)

const chainID = "interop-1"

// program is the path of the binary under test.
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
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no binary to test: %v (build it with `cargo build --release`, or name it in TMKMS)", err)
	}
	return path
}

// countingListener counts the links that were accepted.
type countingListener struct {
	net.Listener
	accepted atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return conn, err
}

// keyKind says which of the two key types the home holds.
type keyKind string

const (
	consensusKey keyKind = "consensus"
	accountKey   keyKind = "account"
)

// signer is a home with its program.
type signer struct {
	t       *testing.T
	program string
	home    string
	key     crypto.PrivKey
	process *exec.Cmd
	output  *bytes.Buffer
}

// newSigner makes a home whose only node listens at addr.
func newSigner(t *testing.T, addr string, kind keyKind) *signer {
	t.Helper()
	s := &signer{t: t, program: program(t), home: t.TempDir(), output: &bytes.Buffer{}}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	switch kind {
	case consensusKey:
		s.key = ed25519.GenPrivKeyFromSecret(secret)
		secret = s.key.Bytes()[:32]
	case accountKey:
		s.key = secp256k1.GenPrivKeySecp256k1(secret)
		secret = s.key.Bytes()
	}
	s.write("consensus.key", base64.StdEncoding.EncodeToString(secret))
	identity := make([]byte, 32)
	if _, err := rand.Read(identity); err != nil {
		t.Fatal(err)
	}
	s.write("identity.key", base64.StdEncoding.EncodeToString(identity))
	s.write("tmkms.toml", fmt.Sprintf(`
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
key_type = %q
path = "consensus.key"
`, chainID, chainID, addr, chainID, string(kind)))
	s.run("state", "init", "-c", "tmkms.toml", chainID, "--never-signed")
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			text := s.output.String()
			if len(text) > 4000 {
				text = text[len(text)-4000:]
			}
			t.Logf("the end of the program's log:\n%s", text)
		}
	})
	return s
}

func (s *signer) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.home, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *signer) run(args ...string) {
	s.t.Helper()
	cmd := exec.Command(s.program, args...)
	cmd.Dir = s.home
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

func (s *signer) start() {
	s.t.Helper()
	cmd := exec.Command(s.program, "start", "-c", "tmkms.toml")
	cmd.Dir = s.home
	cmd.Stderr = s.output
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.process = cmd
}

// kill ends the program with SIGKILL.
func (s *signer) kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	s.process = nil
}

// node is the node's side of one link.
type node struct {
	listener *countingListener
	endpoint *privval.SignerListenerEndpoint
	client   *privval.SignerClient
	addr     string
}

// listen makes a node's listener of the scheme "tcp" or "unix".
func listen(t *testing.T, scheme string) *node {
	t.Helper()
	n := &node{}
	address := "127.0.0.1:0"
	if scheme == "unix" {
		address = filepath.Join(t.TempDir(), "privval.sock")
	}
	raw, err := net.Listen(scheme, address)
	if err != nil {
		t.Fatal(err)
	}
	n.addr = scheme + "://" + raw.Addr().String()
	var listener net.Listener
	if scheme == "tcp" {
		listener = privval.NewTCPListener(raw, ed25519.GenPrivKey())
	} else {
		listener = privval.NewUnixListener(raw)
	}
	n.listener = &countingListener{Listener: listener}
	n.endpoint = privval.NewSignerListenerEndpoint(log.NewNopLogger(), n.listener)
	return n
}

// connect waits for the program's dial.
func (n *node) connect(t *testing.T) {
	t.Helper()
	client, err := privval.NewSignerClient(n.endpoint, chainID)
	if err != nil {
		t.Fatal(err)
	}
	n.client = client
	t.Cleanup(func() { _ = client.Close() })
	if err := client.WaitForConnection(5 * time.Second); err != nil {
		t.Fatalf("the program did not dial: %v", err)
	}
}

// linked gives a running program and the client that it serves.
func linked(t *testing.T, scheme string, kind keyKind) (*signer, *node) {
	t.Helper()
	n := listen(t, scheme)
	s := newSigner(t, n.addr, kind)
	s.start()
	n.connect(t)
	return s, n
}
