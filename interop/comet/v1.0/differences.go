// What v1.0 has and others have not, or otherwise.
package interop

import (
	"bytes"
	"context"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/api/cometbft/types/v1"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	nodepkg "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
)

type dbContext = config.DBContext

const (
	hasExtensions    = true
	canSkipExtension = true
)

func setExtension(v *cmtproto.Vote, data, signature []byte) {
	v.Extension, v.ExtensionSignature = data, signature
}

func extension(v *cmtproto.Vote) (data, signature []byte) { return v.Extension, v.ExtensionSignature }

func extensionSignBytes(chainID string, v *cmtproto.Vote) []byte {
	return types.VoteExtensionSignBytes(chainID, v)
}

func clientSignVote(client *privval.SignerClient, chainID string, v *cmtproto.Vote, skip bool) error {
	return client.SignVote(chainID, v, !skip)
}

func fileSignVote(pv *privval.FilePV, chainID string, v *cmtproto.Vote, skip bool) error {
	return pv.SignVote(chainID, v, !skip)
}

func enableExtensions(genesis *types.GenesisDoc, from int64) {
	genesis.ConsensusParams.Feature.VoteExtensionsEnableHeight = from
}

// extending is the kvstore app with extensions of some size.
type extending struct {
	*kvstore.Application
	size int
}

func (a extending) ExtendVote(context.Context, *abci.ExtendVoteRequest) (*abci.ExtendVoteResponse, error) {
	return &abci.ExtendVoteResponse{VoteExtension: bytes.Repeat([]byte{0xee}, a.size)}, nil
}

func newNode(cfg *config.Config, pv types.PrivValidator, key *p2p.NodeKey, extensionBytes int, logger log.Logger) (*nodepkg.Node, error) {
	app := extending{kvstore.NewInMemoryApplication(), extensionBytes}
	return nodepkg.NewNode(context.Background(), cfg, pv, key, proxy.NewLocalClientCreator(app), nodepkg.DefaultGenesisDocProviderFunc(cfg),
		remembered(config.DefaultDBProvider), nodepkg.DefaultMetricsProvider(cfg.Instrumentation), logger)
}

func loadBlock(blocks *store.BlockStore, height int64) *types.Block {
	block, _ := blocks.LoadBlock(height)
	return block
}

// extendedVote gives the vote of a validator with its extension. It is nil when the vote came only after the node had
// seen enough of the others, for then only the next block's commit holds it.
func extendedVote(blocks *store.BlockStore, height int64, index int32) *cmtproto.Vote {
	commit := blocks.LoadBlockExtendedCommit(height)
	if commit == nil || commit.ExtendedSignatures[index].BlockIDFlag != types.BlockIDFlagCommit {
		return nil
	}
	return commit.GetExtendedVote(index).ToProto()
}
