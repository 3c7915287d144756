package rig

// MaxRound is the highest round that a signer should sign for.
const MaxRound = 10_000

func validPosition(chainID string, height int64, round int32) bool {
	return len(chainID) >= 1 && len(chainID) <= 50 && height >= 1 && round >= 0 && round <= MaxRound
}

// ValidVote says whether a vote is one that the signer under test should
// consider at all; all others must be refused whatever was signed before.
func ValidVote(chainID string, v Vote) bool {
	if !validPosition(chainID, v.Height, v.Round) {
		return false
	}
	if v.Type != TypePrevote && v.Type != TypePrecommit {
		return false
	}
	if !v.BlockID.IsNil() && !v.BlockID.IsComplete() {
		return false
	}
	return len(v.Extension) == 0 || (v.Type == TypePrecommit && !v.BlockID.IsNil())
}

// ValidProposal is the same for proposals.
func ValidProposal(chainID string, p Proposal) bool {
	return validPosition(chainID, p.Height, p.Round) && p.Type == TypeProposal &&
		p.BlockID.IsComplete() && p.PolRound >= -1
}
