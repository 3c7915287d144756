package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/secp256k1"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/lp2p"
	"github.com/cometbft/cometbft/privval"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2pnoise "github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/multiformats/go-multibase"

	"tmkms/interop/rig"
)

// signerAt is the binary with one node at this address.
func signerAt(t *testing.T, address string) *rig.Subject {
	if rig.ControlIsSubject() {
		t.Skip("the control does not speak noise")
	}
	return rig.NewSubject(t, rig.Settings{
		ChainID: "noise-1", KeyType: rig.Ed25519, Secret: rig.SecretNamed(t.Name()), Addresses: []string{address},
	})
}

// listens accepts links as a node does, until the test ends; it says what came of each.
func listens(t *testing.T, ln net.Listener, accept func() (net.Conn, error)) <-chan error {
	ends := make(chan error, 100)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				t.Cleanup(func() { conn.Close() })
			}
			ends <- err
		}
	}()
	return ends
}

func logged(t *testing.T, signer *rig.Subject, words ...string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		text, missing := signer.LogTail(), ""
		for _, word := range words {
			if !strings.Contains(text, word) {
				missing = word
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say %q:\n%s", missing, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestNoiseIDs has wrong ids on either side, and listeners of the other scheme: each is told as what it is.
func TestNoiseIDs(t *testing.T) {
	tcp := func(t *testing.T) (net.Listener, string) {
		ln := must(net.Listen("tcp", "127.0.0.1:0"))
		return ln, ln.Addr().String()
	}
	other := [32]byte{7}
	t.Run("the node names another signer", func(t *testing.T) {
		ln, at := tcp(t)
		nl := must(privval.NewNoiseListener(ln, identity(rig.NodeIdentity), []peer.ID{noiseID(other)}))
		ends := listens(t, ln, nl.Accept)
		signer := signerAt(t, "noise://"+noiseID(rig.NodeIdentity).String()+"@"+at)
		signer.Start()
		logged(t, signer, "names another signer's peer id", "noise://"+noiseID(rig.SignerIdentity).String()+"@")
		if err := <-ends; err == nil || !strings.Contains(err.Error(), "not allowlisted") {
			t.Errorf("the node: %v", err)
		}
	})
	t.Run("the address names another node", func(t *testing.T) {
		ln, at := tcp(t)
		nl := must(privval.NewNoiseListener(ln, identity(rig.NodeIdentity), []peer.ID{noiseID(rig.SignerIdentity)}))
		ends := listens(t, ln, nl.Accept)
		signer := signerAt(t, "noise://"+noiseID(other).String()+"@"+at)
		signer.Start()
		logged(t, signer, fmt.Sprintf("the node is %v, not %v", noiseID(rig.NodeIdentity), noiseID(other)))
		if err := <-ends; err == nil {
			t.Error("the node has accepted the link")
		}
	})
	t.Run("tcp to noise", func(t *testing.T) {
		ln, at := tcp(t)
		nl := must(privval.NewNoiseListener(ln, identity(rig.NodeIdentity), []peer.ID{noiseID(rig.SignerIdentity)}))
		listens(t, ln, nl.Accept)
		signer := signerAt(t, "tcp://"+at)
		signer.Start()
		logged(t, signer, "listens for a noise:// link there")
	})
	t.Run("noise to tcp", func(t *testing.T) {
		ln, at := tcp(t)
		listens(t, ln, privval.NewTCPListener(ln, identity(rig.NodeIdentity)).Accept)
		signer := signerAt(t, "noise://"+noiseID(rig.NodeIdentity).String()+"@"+at)
		signer.Start()
		logged(t, signer, "is for a tcp:// link")
	})
}

// TestNoiseSpellings has the node's id as CID in two bases, and a node key that is secp256k1.
func TestNoiseSpellings(t *testing.T) {
	key := secp256k1.PrivKey(append([]byte{9}, make([]byte, 31)...))
	id := must(lp2p.IDFromPrivateKey(key))
	ids := []string{id.String(), peer.ToCid(id).String(), must(peer.ToCid(id).StringOfBase(multibase.Base36))}
	for _, spelling := range ids {
		t.Run(spelling[:4], func(t *testing.T) {
			ln := must(net.Listen("tcp", "127.0.0.1:0"))
			nl := must(privval.NewNoiseListener(ln, key, []peer.ID{noiseID(rig.SignerIdentity)}))
			ends := listens(t, ln, nl.Accept)
			signer := signerAt(t, "noise://"+spelling+"@"+ln.Addr().String())
			signer.Start()
			if err := <-ends; err != nil {
				t.Fatal(err)
			}
			logged(t, signer, "connected")
		})
	}
}

// TestNoiseLineOfTheNode pastes what `keys peer-id` prints into a node.
func TestNoiseLineOfTheNode(t *testing.T) {
	node := noiseID(rig.NodeIdentity).String()
	signer := signerAt(t, "noise://"+node+"@127.0.0.1:26659")
	printed := signer.Command("keys", "peer-id", "-c", signer.ConfigPath())
	_, line, _ := strings.Cut(printed, `priv_validator_laddr = "`)
	line, _, _ = strings.Cut(line, `"`)
	id, at, err := privval.ParseNoiseAddr(line)
	if err != nil || id != noiseID(rig.SignerIdentity) || at != "127.0.0.1:26659" {
		t.Errorf("%v, %v, %v of:\n%s", id, at, err, printed)
	}
}

// dialNoise is a signer by go-libp2p.
func dialNoise(at string, seed [32]byte, node peer.ID) (net.Conn, error) {
	key := must(lp2p.PrivateKeyFromCosmosKey(identity(seed)))
	transport := must(libp2pnoise.New(libp2pnoise.ID, key, nil))
	raw, err := net.Dial("tcp", at)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return transport.SecureOutbound(ctx, raw, node)
}

// TestNoiseHarness is go-libp2p in the other role: CometBFT's own signer dials `tmkms harness`.
func TestNoiseHarness(t *testing.T) {
	if rig.ControlIsSubject() {
		t.Skip("the control has no harness")
	}
	home := t.TempDir()
	port := rig.FreePort(t)
	nodeKey := filepath.Join(home, "node.key")
	if err := os.WriteFile(nodeKey, rig.Base64Line(rig.NodeIdentity), 0o600); err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("127.0.0.1:%d", port)
	// What FilePV or its server does in another way is left out (docs/harness.md).
	harness := exec.Command(rig.BinaryPath(t), "harness", "run", "--chain-id", "harness-1", "--identity", nodeKey,
		"--listen", "noise://"+noiseID(rig.SignerIdentity).String()+"@"+at, "--keep-alive", "1",
		"--only", "link,public-key,ping,same-key,proposal,prevote,precommit,nil-votes,extension,replay,replay-time,conflict")
	said := make(chan string, 1)
	var failed error
	go func() {
		out, err := harness.CombinedOutput()
		failed = err
		said <- string(out)
	}()
	pv, err := fileSigner(filepath.Join(home, "state.json"), rig.Ed25519, rig.SecretNamed(t.Name()))
	if err != nil {
		t.Fatal(err)
	}
	dial := func() (net.Conn, error) { return dialNoise(at, rig.SignerIdentity, noiseID(rig.NodeIdentity)) }
	endpoint := privval.NewSignerDialerEndpoint(log.NewNopLogger(), dial,
		privval.SignerDialerEndpointConnRetries(1000), privval.SignerDialerEndpointRetryWaitInterval(10*time.Millisecond))
	server := privval.NewSignerServer(endpoint, "harness-1", pv)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	out := <-said
	t.Logf("%s", out)
	if failed != nil {
		t.Error(failed)
	}
}

// TestNoiseLongReplies shows why the binary never lets a reply span frames: a node of v0.40.0 reads the next one wrongly.
// A release that does not may lift what `NoiseSealer::of_signer` says.
func TestNoiseLongReplies(t *testing.T) {
	for _, size := range []int{60_000, 70_000} {
		n, err := listen("noise://127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		_, at, _ := strings.Cut(n.Address(), "@")
		conn, err := dialNoise(at, rig.SignerIdentity, noiseID(rig.NodeIdentity))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			reader, writer := protoio.NewDelimitedReader(conn, 1<<20), protoio.NewDelimitedWriter(conn)
			long := strings.Repeat("x", size)
			for {
				var request privvalproto.Message
				if _, err := reader.ReadMsg(&request); err != nil {
					return
				}
				reply := privvalproto.Message{Sum: &privvalproto.Message_PingResponse{PingResponse: &privvalproto.PingResponse{}}}
				if request.GetPubKeyRequest() != nil {
					reply.Sum = &privvalproto.Message_PubKeyResponse{PubKeyResponse: &privvalproto.PubKeyResponse{
						Error: &privvalproto.RemoteSignerError{Description: long},
					}}
				}
				if _, err := writer.WriteMsg(&reply); err != nil {
					return
				}
			}
		}()
		_, err = n.PublicKey("noise-1")
		var refusal *rig.Refusal
		if !errors.As(err, &refusal) || len(refusal.Description) != size {
			t.Errorf("%d bytes: the reply itself: %.100v", size, err)
		}
		err = n.Ping()
		if lost := err != nil; lost != (size > 65_519) {
			t.Errorf("%d bytes: the reply after it: %v", size, err)
		}
	}
}
