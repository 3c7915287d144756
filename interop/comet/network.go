// Real nodes with the built-in kvstore app, all in this process. The first one's signer is the one under test, the
// others sign by themselves.
package interop

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	nodepkg "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/types"

	"tmkms/interop/rig"
)

// member is one node of the network.
type member struct {
	cfg    *config.Config
	pv     *privval.FilePV // used by the first node only where it has its own key
	key    crypto.PubKey
	twin   bool // of the first node: the same validator, with a signer of its own
	node   *nodepkg.Node
	logger log.Logger
}

type network struct {
	spec    rig.NodeSpec
	members []*member
}

// RunNodes implements rig.Series. It prints "height N" after each block of the first node, and obeys what is written to
// its standard input (see rig.NodeSpec).
func (Series) RunNodes(spec rig.NodeSpec) error {
	n := &network{spec: spec}
	if err := n.prepare(); err != nil {
		return err
	}
	for i := range n.members {
		if err := n.start(i); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	commands := make(chan string)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			commands <- lines.Text()
		}
	}()
	for shown := int64(0); ; {
		select {
		case command := <-commands:
			if command == "end" {
				return n.check(shown)
			}
			if err := n.obey(command); err != nil {
				return fmt.Errorf("%s: %w", command, err)
			}
			fmt.Printf("done %s\n", command)
		case <-time.After(5 * time.Millisecond):
		}
		if height := n.members[0].node.BlockStore().Height(); height > shown {
			shown = height
			fmt.Printf("height %d\n", height)
		}
		if spec.Blocks > 0 && shown > spec.Blocks {
			return n.check(spec.Blocks)
		}
	}
}

func (n *network) obey(command string) error {
	var index int
	if _, err := fmt.Sscanf(command, "stop %d", &index); err == nil {
		member := n.members[index]
		if err := member.node.Stop(); err != nil {
			return err
		}
		member.node.Wait()
		return nil
	}
	if _, err := fmt.Sscanf(command, "start %d", &index); err == nil {
		return n.start(index)
	}
	return fmt.Errorf("unknown command")
}

// prepare writes a home for each node.
func (n *network) prepare() error {
	logger := log.NewFilter(log.NewTMLogger(log.NewSyncWriter(os.Stderr)), log.AllowInfo())
	genesis := types.GenesisDoc{ChainID: n.spec.ChainID, GenesisTime: time.Now(), ConsensusParams: types.DefaultConsensusParams()}
	if n.spec.Validator.Type != rig.Ed25519 {
		types := &genesis.ConsensusParams.Validator.PubKeyTypes
		*types = append(*types, n.spec.Validator.Type)
	}
	last := n.spec.Others + len(n.spec.ListenTwins)
	for i := 0; i <= last; i++ {
		home := filepath.Join(n.spec.Home, fmt.Sprintf("node%d", i))
		config.EnsureRoot(home)
		m := &member{cfg: nodeConfig(home), logger: logger.With("node", i)}
		if i < len(n.spec.RPC) && n.spec.RPC[i] != 0 {
			m.cfg.RPC.ListenAddress = fmt.Sprintf("tcp://127.0.0.1:%d", n.spec.RPC[i])
		}
		if n.spec.Propose > 0 {
			m.cfg.Consensus.TimeoutPropose = n.spec.Propose
		}
		// The first node has none of its own, but the constructor wants one.
		m.pv = privval.NewFilePV(ed25519.GenPrivKey(), filepath.Join(home, "key.json"), filepath.Join(home, "state.json"))
		m.key = publicKey(n.spec.Validator)
		m.twin = i > n.spec.Others
		if m.twin {
			m.cfg.PrivValidatorListenAddr = n.spec.ListenTwins[i-n.spec.Others-1]
		} else if i > 0 {
			m.key = must(m.pv.GetPubKey())
		} else if n.spec.OwnKey != nil {
			var err error
			if m.pv, err = fileSigner(m.cfg.PrivValidatorStateFile(), rig.Ed25519, *n.spec.OwnKey); err != nil {
				return err
			}
		} else {
			m.cfg.PrivValidatorListenAddr = n.spec.Listen
		}
		if n.spec.Others > 0 {
			// Time for the votes of all: nodes do not wait for more than two thirds after this.
			m.cfg.Consensus.TimeoutCommit = cmp.Or(n.spec.Commit, 300*time.Millisecond)
			// A stopped node is started again in this process, so its databases may live in memory.
			m.cfg.DBBackend = "memdb"
		}
		n.members = append(n.members, m)
		if i == 0 && n.spec.NodeKey != nil {
			key := p2p.NodeKey{PrivKey: identity(*n.spec.NodeKey)}
			if err := key.SaveAs(m.cfg.NodeKeyFile()); err != nil {
				return err
			}
		}
		if m.twin {
			continue
		}
		genesis.Validators = append(genesis.Validators, types.GenesisValidator{Address: m.key.Address(), PubKey: m.key, Power: 10})
	}
	genesis.ConsensusParams.Validator.PubKeyTypes = []string{n.members[0].key.Type()}
	enableExtensions(&genesis, n.spec.ExtensionsFrom)
	if err := genesis.ValidateAndComplete(); err != nil {
		return err
	}
	var peers []string
	for _, m := range n.members {
		if _, err := os.Stat(m.cfg.GenesisFile()); os.IsNotExist(err) {
			if err := genesis.SaveAs(m.cfg.GenesisFile()); err != nil {
				return err
			}
		}
		if n.spec.Others == 0 {
			continue
		}
		key, err := p2p.LoadOrGenNodeKey(m.cfg.NodeKeyFile())
		if err != nil {
			return err
		}
		port, err := rig.UnusedPort()
		if err != nil {
			return err
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		m.cfg.P2P.ListenAddress = "tcp://" + address
		peers = append(peers, fmt.Sprintf("%s@%s", key.ID(), address))
	}
	for i, m := range n.members {
		others := append(append([]string{}, peers[:min(i, len(peers))]...), peers[min(i+1, len(peers)):]...)
		m.cfg.P2P.PersistentPeers = strings.Join(others, ",")
	}
	return nil
}

func nodeConfig(home string) *config.Config {
	cfg := config.DefaultConfig()
	cfg.SetRoot(home)
	cfg.RPC.ListenAddress = ""
	cfg.P2P.ListenAddress = "tcp://127.0.0.1:0"
	cfg.P2P.PexReactor = false
	cfg.P2P.AddrBookStrict = false
	cfg.P2P.AllowDuplicateIP = true
	cfg.P2P.FlushThrottleTimeout = 5 * time.Millisecond
	cfg.Consensus.TimeoutPropose = 500 * time.Millisecond
	cfg.Consensus.TimeoutProposeDelta = 100 * time.Millisecond
	cfg.Consensus.TimeoutCommit = 100 * time.Millisecond
	cfg.Consensus.PeerGossipSleepDuration = 20 * time.Millisecond
	return cfg
}

// start makes a node of a home and starts it.
func (n *network) start(index int) error {
	m := n.members[index]
	key, err := p2p.LoadOrGenNodeKey(m.cfg.NodeKeyFile())
	if err != nil {
		return err
	}
	if m.node, err = newNode(m.cfg, m.pv, key, n.spec.ExtensionBytes, m.logger); err != nil {
		return err
	}
	return m.node.Start()
}

var (
	databases      = map[string]any{}
	databasesMutex sync.Mutex
)

// remembered gives a database in memory a second time to a node that is started again.
func remembered[DB any](open func(*dbContext) (DB, error)) func(*dbContext) (DB, error) {
	return func(ctx *dbContext) (DB, error) {
		if ctx.Config.DBBackend != "memdb" {
			return open(ctx)
		}
		databasesMutex.Lock()
		defer databasesMutex.Unlock()
		where := filepath.Join(ctx.Config.RootDir, ctx.ID)
		if db, ok := databases[where].(DB); ok {
			return db, nil
		}
		db, err := open(ctx)
		if err == nil {
			databases[where] = db
		}
		return db, err
	}
}

// check looks at what the chain and the logs of the nodes hold, up to a height, and prints it as one line for the rig.
// Node.Stop can hang while consensus waits for the signer, so the nodes just end with their process.
func (n *network) check(height int64) error {
	var validators []*types.Validator
	for _, m := range n.members {
		if !m.twin {
			validators = append(validators, types.NewValidator(m.key, 10))
		}
	}
	set := types.NewValidatorSet(validators)
	first := n.members[0]
	found := rig.Findings{}
	present, gap := make([]int, len(n.members)), 0
	for h := int64(1); h < height; h++ {
		signed, extended, err := n.checkBlock(set, h)
		if err != nil {
			return fmt.Errorf("height %d: %w", h, err)
		}
		for i, m := range n.members {
			index, _ := set.GetByAddress(m.key.Address())
			if first.node.BlockStore().LoadBlockCommit(h).Signatures[index].BlockIDFlag == types.BlockIDFlagCommit {
				present[i]++
			}
		}
		found.Commits++
		if extended {
			found.Extended++
		}
		if signed {
			found.Signed++
			gap = 0
		} else {
			gap++
			found.LongestGap = max(found.LongestGap, gap)
			fmt.Printf(rig.MissedLine+"\n", h)
		}
		if first.node.BlockStore().LoadBlockCommit(h).Round > 0 {
			fmt.Printf(rig.LateLine+"\n", h)
		}
	}
	all := newSignedBy(n.spec.ChainID, first.key, n.spec.ManySignatures)
	for i, m := range n.members {
		pending, _ := m.node.EvidencePool().PendingEvidence(-1)
		if len(pending) > 0 {
			return fmt.Errorf("node %d holds evidence: %v", i, pending)
		}
		log, err := openWAL(filepath.Join(m.cfg.RootDir, "data", "cs.wal"))
		if err != nil {
			return err
		}
		// What one node has stands against what another one has, too.
		if err := all.read(log); err != nil {
			return fmt.Errorf("write-ahead log of node %d: %w", i, err)
		}
		if i == 0 {
			found.Positions = len(all.found)
		}
	}
	fmt.Printf("commits signed by each validator: %v\n", present)
	fmt.Printf(rig.FindingsLine+"\n", found.Commits, found.Signed, found.Extended, found.Positions, found.LongestGap)
	return nil
}

// checkBlock verifies a block's commit and says whether the signer under test is in it, and with an extension.
func (n *network) checkBlock(set *types.ValidatorSet, height int64) (signed, extended bool, err error) {
	first := n.members[0]
	blocks := first.node.BlockStore()
	meta, commit, block := blocks.LoadBlockMeta(height), blocks.LoadBlockCommit(height), loadBlock(blocks, height)
	if meta == nil || commit == nil || block == nil {
		return false, false, fmt.Errorf("the block or its commit is missing")
	}
	if len(block.Evidence.Evidence) > 0 {
		return false, false, fmt.Errorf("the block holds evidence: %v", block.Evidence.Evidence)
	}
	if err := set.VerifyCommit(n.spec.ChainID, meta.BlockID, height, commit); err != nil {
		return false, false, err
	}
	index, _ := set.GetByAddress(first.key.Address())
	if commit.Signatures[index].BlockIDFlag != types.BlockIDFlagCommit {
		return false, false, nil
	}
	if from := n.spec.ExtensionsFrom; !hasExtensions || from == 0 || height < from {
		return true, false, nil
	}
	vote := extendedVote(blocks, height, index)
	if vote == nil {
		return true, false, nil
	}
	data, signature := extension(vote)
	if len(data) != n.spec.ExtensionBytes {
		return false, false, fmt.Errorf("the extension has %d bytes, not %d", len(data), n.spec.ExtensionBytes)
	}
	if !first.key.VerifySignature(extensionSignBytes(n.spec.ChainID, vote), signature) {
		return false, false, fmt.Errorf("the extension signature %x does not verify", signature)
	}
	return true, true, nil
}

// openWAL reads all files of a write-ahead log, oldest first.
func openWAL(folder string) (io.Reader, error) {
	names, err := filepath.Glob(filepath.Join(folder, "wal.*"))
	if err != nil {
		return nil, err
	}
	var parts []io.Reader
	for _, name := range append(names, filepath.Join(folder, "wal")) {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, file)
	}
	return bufio.NewReader(io.MultiReader(parts...)), nil
}
