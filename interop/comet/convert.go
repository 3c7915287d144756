// Translation between the rig's values and CometBFT's types.
package interop

import (
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	"tmkms/interop/rig"
)

func blockIDToProto(b rig.BlockID) cmtproto.BlockID {
	return cmtproto.BlockID{
		Hash:          b.Hash,
		PartSetHeader: cmtproto.PartSetHeader{Total: b.PartSetHeader.Total, Hash: b.PartSetHeader.Hash},
	}
}

func blockIDFromProto(b cmtproto.BlockID) rig.BlockID {
	return rig.BlockID{
		Hash:          b.Hash,
		PartSetHeader: rig.PartSetHeader{Total: b.PartSetHeader.Total, Hash: b.PartSetHeader.Hash},
	}
}

func voteToProto(v rig.Vote) *cmtproto.Vote {
	out := &cmtproto.Vote{
		Type:             cmtproto.SignedMsgType(v.Type),
		Height:           v.Height,
		Round:            v.Round,
		BlockID:          blockIDToProto(v.BlockID),
		Timestamp:        v.Timestamp.Time(),
		ValidatorAddress: v.ValidatorAddress,
		ValidatorIndex:   v.ValidatorIndex,
		Signature:        v.Signature,
	}
	setExtension(out, v.Extension, v.ExtensionSignature)
	return out
}

func voteFromProto(v *cmtproto.Vote) rig.Vote {
	out := rig.Vote{
		Type:             int32(v.Type),
		Height:           v.Height,
		Round:            v.Round,
		BlockID:          blockIDFromProto(v.BlockID),
		Timestamp:        rig.TimestampOf(v.Timestamp),
		ValidatorAddress: v.ValidatorAddress,
		ValidatorIndex:   v.ValidatorIndex,
		Signature:        v.Signature,
	}
	out.Extension, out.ExtensionSignature = extension(v)
	return out
}

func proposalToProto(p rig.Proposal) *cmtproto.Proposal {
	return &cmtproto.Proposal{
		Type:      cmtproto.SignedMsgType(p.Type),
		Height:    p.Height,
		Round:     p.Round,
		PolRound:  p.PolRound,
		BlockID:   blockIDToProto(p.BlockID),
		Timestamp: p.Timestamp.Time(),
		Signature: p.Signature,
	}
}

func proposalFromProto(p *cmtproto.Proposal) rig.Proposal {
	return rig.Proposal{
		Type:      int32(p.Type),
		Height:    p.Height,
		Round:     p.Round,
		PolRound:  p.PolRound,
		BlockID:   blockIDFromProto(p.BlockID),
		Timestamp: rig.TimestampOf(p.Timestamp),
		Signature: p.Signature,
	}
}
