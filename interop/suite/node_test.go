// A real node whose only validator is the program, killed and restarted on the way.
package interop

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	cmtnode "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/types"
)

const blocks = 20

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(bytes []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(bytes)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// nodeHomes outlive their tests, because a node writes until its process ends.
var nodeHomes []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, home := range nodeHomes {
		_ = os.RemoveAll(home)
	}
	os.Exit(code)
}

func TestRealNode(t *testing.T) {
	home, err := os.MkdirTemp("", "interop-node-")
	if err != nil {
		t.Fatal(err)
	}
	nodeHomes = append(nodeHomes, home)
	for _, dir := range []string{"config", "data"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	addr := "tcp://" + freePort(t)
	s := newSigner(t, addr, consensusKey)
	cfg := config.DefaultConfig()
	cfg.SetRoot(home)
	cfg.DBBackend = "memdb"
	cfg.RPC.ListenAddress = ""
	cfg.P2P.ListenAddress = "tcp://127.0.0.1:0"
	cfg.P2P.PexReactor = false
	cfg.P2P.AddrBookStrict = false
	cfg.Consensus.TimeoutCommit = 100 * time.Millisecond
	cfg.PrivValidatorListenAddr = addr
	genesis := types.GenesisDoc{ChainID: chainID, GenesisTime: time.Now(), ConsensusParams: types.DefaultConsensusParams(),
		Validators: []types.GenesisValidator{{PubKey: s.key.PubKey(), Power: 10}}}
	genesis.ConsensusParams.ABCI.VoteExtensionsEnableHeight = 1
	if err := genesis.ValidateAndComplete(); err != nil {
		t.Fatal(err)
	}
	if err := genesis.SaveAs(cfg.GenesisFile()); err != nil {
		t.Fatal(err)
	}
	unused := privval.GenFilePV(filepath.Join(home, "unused.json"), filepath.Join(home, "unused-state.json"))
	nodeKey, err := p2p.LoadOrGenNodeKey(cfg.NodeKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	output := &lockedBuffer{}
	s.start()
	real, err := cmtnode.NewNode(cfg, unused, nodeKey,
		proxy.NewLocalClientCreator(kvstore.NewInMemoryApplication()),
		cmtnode.DefaultGenesisDocProviderFunc(cfg), config.DefaultDBProvider,
		cmtnode.DefaultMetricsProvider(cfg.Instrumentation), log.NewTMLogger(log.NewSyncWriter(output)))
	if err != nil {
		t.Fatalf("the node did not start: %v", err)
	}
	if err := real.Start(); err != nil {
		t.Fatal(err)
	}
	store := real.BlockStore()
	for _, milestone := range []int64{blocks / 3, 2 * blocks / 3} {
		waitForHeight(t, store.Height, milestone, output)
		s.kill()
		s.start()
	}
	waitForHeight(t, store.Height, blocks, output)
	for height := int64(1); height < blocks; height++ {
		commit := store.LoadSeenCommit(height)
		if commit == nil {
			commit = store.LoadBlockCommit(height)
		}
		if len(commit.Signatures) != 1 || !bytes.Equal(commit.Signatures[0].ValidatorAddress, s.key.PubKey().Address()) {
			t.Fatalf("height %d is not signed by the program: %+v", height, commit)
		}
		signed := commit.VoteSignBytes(chainID, 0)
		if !s.key.PubKey().VerifySignature(signed, commit.Signatures[0].Signature) {
			t.Fatalf("height %d: the signature in the commit is wrong", height)
		}
	}
	if strings.Contains(output.String(), "CONSENSUS FAILURE") {
		t.Fatalf("the node ended in a consensus failure:\n%s", tail(output.String()))
	}
	// Stop of a node hangs while consensus waits for its signer; the process ends with the tests.
}

func waitForHeight(t *testing.T, height func() int64, wanted int64, output *lockedBuffer) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 60*time.Second; time.Sleep(20 * time.Millisecond) {
		if height() >= wanted {
			return
		}
	}
	t.Fatalf("height %d after a minute, wanted %d:\n%s", height(), wanted, tail(output.String()))
}

func tail(text string) string {
	if len(text) > 4000 {
		text = text[len(text)-4000:]
	}
	return fmt.Sprintf("... %s", text)
}
