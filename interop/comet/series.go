// What the rig asks of a series, by CometBFT's own code.
package interop

import (
	"os"

	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/types"

	"tmkms/interop/rig"
)

// Series is the one whose modules this folder is built with.
type Series struct{}

var _ rig.Series = Series{}

// Traits implements rig.Series.
func (Series) Traits() rig.Traits {
	return rig.Traits{
		Name: name, Extensions: hasExtensions, SkipExtension: canSkipExtension, Noise: hasNoise, KeyTypes: keyTypes(),
	}
}

// Listen implements rig.Series.
func (Series) Listen(address string) (rig.Node, error) { return listen(address) }

// PublicKey implements rig.Series.
func (Series) PublicKey(keyType string, secret [32]byte) rig.PublicKey {
	return publicKeyOf(must(privateKey(keyType, secret)).PubKey())
}

// PrivateKey implements rig.Series.
func (Series) PrivateKey(keyType string, secret [32]byte) []byte {
	return must(privateKey(keyType, secret)).Bytes()
}

// VoteSignBytes implements rig.Series.
func (Series) VoteSignBytes(chainID string, v rig.Vote) []byte {
	return types.VoteSignBytes(chainID, voteToProto(v))
}

// ProposalSignBytes implements rig.Series.
func (Series) ProposalSignBytes(chainID string, p rig.Proposal) []byte {
	return types.ProposalSignBytes(chainID, proposalToProto(p))
}

// ExtensionSignBytes implements rig.Series.
func (Series) ExtensionSignBytes(chainID string, v rig.Vote) []byte {
	return extensionSignBytes(chainID, voteToProto(v))
}

// Verify implements rig.Series.
func (Series) Verify(key rig.PublicKey, msg, signature []byte) bool {
	return publicKey(key).VerifySignature(msg, signature)
}

// fileSigner makes a FilePV of a key and the state in a file, if that is there.
func fileSigner(stateFile, keyType string, secret [32]byte) (*privval.FilePV, error) {
	key, err := privateKey(keyType, secret)
	if err != nil {
		return nil, err
	}
	pv := privval.NewFilePV(key, stateFile+".key", stateFile)
	text, err := os.ReadFile(stateFile)
	if os.IsNotExist(err) {
		return pv, nil
	}
	if err != nil {
		return nil, err
	}
	// Unlike privval.LoadFilePV this does not end the process.
	return pv, cmtjson.Unmarshal(text, &pv.LastSignState)
}

// NewOracle implements rig.Series.
func (Series) NewOracle(stateFile, keyType string, secret [32]byte) (rig.Oracle, error) {
	pv, err := fileSigner(stateFile, keyType, secret)
	if err != nil {
		return nil, err
	}
	return oracle{pv}, nil
}

type oracle struct{ pv *privval.FilePV }

func (o oracle) SignVote(chainID string, v rig.Vote, skipExtension bool) (rig.Vote, error) {
	pb := voteToProto(v)
	if err := fileSignVote(o.pv, chainID, pb, skipExtension); err != nil {
		return rig.Vote{}, err
	}
	return voteFromProto(pb), nil
}

func (o oracle) SignProposal(chainID string, p rig.Proposal) (rig.Proposal, error) {
	pb := proposalToProto(p)
	if err := o.pv.SignProposal(chainID, pb); err != nil {
		return rig.Proposal{}, err
	}
	return proposalFromProto(pb), nil
}
