// What v0.34 and v0.37 have not, or otherwise: there are no vote extensions.
package interop

import (
	"github.com/cometbft/cometbft/abci/example/kvstore"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	nodepkg "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
)

type dbContext = nodepkg.DBContext

const (
	hasExtensions    = false
	canSkipExtension = false
)

func setExtension(*cmtproto.Vote, []byte, []byte) {}

func extension(*cmtproto.Vote) (data, signature []byte) { return nil, nil }

func extensionSignBytes(string, *cmtproto.Vote) []byte { return nil }

func clientSignVote(client *privval.SignerClient, chainID string, v *cmtproto.Vote, _ bool) error {
	return client.SignVote(chainID, v)
}

func fileSignVote(pv *privval.FilePV, chainID string, v *cmtproto.Vote, _ bool) error {
	return pv.SignVote(chainID, v)
}

func enableExtensions(*types.GenesisDoc, int64) {}

func newNode(cfg *config.Config, pv types.PrivValidator, key *p2p.NodeKey, _ int, logger log.Logger) (*nodepkg.Node, error) {
	return nodepkg.NewNode(cfg, pv, key, proxy.NewLocalClientCreator(kvstore.NewApplication()), nodepkg.DefaultGenesisDocProviderFunc(cfg),
		remembered(nodepkg.DefaultDBProvider), nodepkg.DefaultMetricsProvider(cfg.Instrumentation), logger)
}

func loadBlock(blocks *store.BlockStore, height int64) *types.Block { return blocks.LoadBlock(height) }

func extendedVote(*store.BlockStore, int64, int32) *cmtproto.Vote { return nil }
