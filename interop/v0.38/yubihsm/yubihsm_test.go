// Votes with the key in two simulated YubiHSMs: one is pulled and put back ten times, and no vote is lost.
package yubihsm

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// device is a simulated YubiHSM.
type device struct {
	addr   string
	orders io.Writer
}

func (d *device) order(t *testing.T, word string) {
	t.Helper()
	if _, err := io.WriteString(d.orders, word+"\n"); err != nil {
		t.Fatal(err)
	}
}

// simulate starts a device as it comes from the factory, or with what the arguments put there.
func simulate(t *testing.T, serial int, arguments ...string) *device {
	t.Helper()
	path := os.Getenv("SIMULATOR")
	if path == "" {
		path = "../../../target/release/examples/yubihsm-simulator"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{"--listen", "127.0.0.1:0", "--serial", fmt.Sprint(serial)}, arguments...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("no simulator (build it with `cargo build --release --example yubihsm-simulator`): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`http://(\S+)`).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("the simulator said %q", line)
	}
	return &device{addr: found[1], orders: orders}
}

// program is the one under test.
func program(t *testing.T) string {
	t.Helper()
	path := os.Getenv("TMKMS")
	if path == "" {
		path = "../../../target/release/tmkms"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

const chainID = "interop-yubihsm"

// home makes a home whose key is in the devices and whose node listens at addr, and starts the program there.
func start(t *testing.T, addr string, devices ...*device) {
	t.Helper()
	program := program(t)
	home := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	identity := make([]byte, 32)
	if _, err := rand.Read(identity); err != nil {
		t.Fatal(err)
	}
	write("identity.key", base64.StdEncoding.EncodeToString(identity))
	write("password", "password\n")
	config := fmt.Sprintf(`
[[chain]]
id = %q
state_file = "state.json"
allow_ephemeral_state = true

[[validator]]
chain_id = %q
addr = %q
secret_key = "identity.key"
`, chainID, chainID, addr)
	for _, d := range devices {
		config += fmt.Sprintf(`
[[providers.yubihsm]]
adapter = { type = "http", addr = "tcp://%s" }
auth = { key = 1, password_file = "password" }
keys = [{ chain_ids = [%q], key = 1 }]
`, d.addr, chainID)
	}
	write("tmkms.toml", config)
	init := exec.Command(program, "state", "init", "-c", "tmkms.toml", chainID, "--never-signed")
	init.Dir = home
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var output bytes.Buffer
	cmd := exec.Command(program, "start", "-c", "tmkms.toml")
	cmd.Dir, cmd.Stderr = home, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text := output.String()
			t.Logf("the end of the program's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
}

func vote(kind cmtproto.SignedMsgType, height int64, tag byte, at time.Time) *cmtproto.Vote {
	hash := bytes.Repeat([]byte{tag}, 32)
	return &cmtproto.Vote{Type: kind, Height: height, Timestamp: at, ValidatorAddress: make([]byte, 20),
		BlockID: cmtproto.BlockID{Hash: hash, PartSetHeader: cmtproto.PartSetHeader{Total: 1, Hash: hash}}}
}

func TestReplicas(t *testing.T) {
	const heights, pulls = 1000, 10
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := privval.NewTCPListener(raw, ed25519.GenPrivKey())
	endpoint := privval.NewSignerListenerEndpoint(log.NewNopLogger(), listener)
	key := ed25519.GenPrivKey()
	held := "1:" + hex.EncodeToString(key.Bytes()[:32])
	one, two := simulate(t, 1, "--ed25519", held), simulate(t, 2, "--ed25519", held)
	start(t, "tcp://"+raw.Addr().String(), one, two)
	client, err := privval.NewSignerClient(endpoint, chainID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if err := client.WaitForConnection(10 * time.Second); err != nil {
		t.Fatalf("the program did not dial: %v", err)
	}
	public, err := client.GetPubKey()
	if err != nil || !public.Equals(key.PubKey()) {
		t.Fatalf("public key %v: %v", public, err)
	}
	noon := time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC)
	began := time.Now()
	for height := int64(1); height <= heights; height++ {
		switch height % (heights / pulls) {
		case heights / pulls / 4:
			one.order(t, "unplug")
		case heights / pulls / 2:
			one.order(t, "plug")
		}
		for _, kind := range []cmtproto.SignedMsgType{cmtproto.PrevoteType, cmtproto.PrecommitType} {
			v := vote(kind, height, 1, noon)
			if err := client.SignVote(chainID, v); err != nil {
				t.Fatalf("height %d: %v", height, err)
			}
			if !public.VerifySignature(types.VoteSignBytes(chainID, v), v.Signature) {
				t.Fatalf("height %d: a wrong signature", height)
			}
			// Asked once more it is the same signature, and for another block there is none.
			again := vote(kind, height, 1, noon.Add(time.Second))
			if err := client.SignVote(chainID, again); err != nil || !bytes.Equal(again.Signature, v.Signature) {
				t.Fatalf("height %d: the replay differs (%v)", height, err)
			}
			var refusal *privval.RemoteSignerError
			if err := client.SignVote(chainID, vote(kind, height, 2, noon)); !errors.As(err, &refusal) {
				t.Fatalf("height %d: another block: %v", height, err)
			}
		}
	}
	t.Logf("%d votes in %v, one device pulled %d times", 2*heights, time.Since(began), pulls)
}
