// CometBFT's own remote signer, sound or broken on purpose.
package interop

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/privval"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"

	"tmkms/interop/rig"
)

// Control implements rig.Series: CometBFT's own remote signer over its own
// file signer. Its endpoint keeps a dead link after an EOF and does not dial
// again, so it serves one node until it is killed.
func (Series) Control(spec rig.ControlSpec) error {
	if spec.Defect == rig.ForgetsState {
		_ = os.Remove(spec.StateFile)
	}
	pv, err := fileSigner(spec.StateFile, spec.KeyType, spec.Secret)
	if err != nil {
		return err
	}
	scheme, rest := rig.SplitAddress(spec.Address)
	dialer := privval.DialUnixFn(rest)
	if scheme == "tcp" {
		dialer = privval.DialTCPFn(rest, 5*time.Second, ed25519.GenPrivKey())
	}
	endpoint := privval.NewSignerDialerEndpoint(log.NewTMLogger(os.Stderr), dialer,
		privval.SignerDialerEndpointConnRetries(1000), privval.SignerDialerEndpointRetryWaitInterval(10*time.Millisecond))
	server := privval.NewSignerServer(endpoint, spec.ChainID, pv)
	if spec.Defect != rig.NoDefect {
		server.SetRequestHandler(defective{endpoint: endpoint, pv: pv, defect: spec.Defect}.handle)
	}
	if err := server.Start(); err != nil {
		return err
	}
	<-server.Quit()
	return errors.New("the server ended")
}

// defective handles requests with one thing wrong.
type defective struct {
	endpoint *privval.SignerDialerEndpoint
	pv       *privval.FilePV
	defect   rig.Defect
}

func (d defective) handle(_ types.PrivValidator, request privvalproto.Message, chainID string) (privvalproto.Message, error) {
	vote := request.GetSignVoteRequest().GetVote()
	before := d.pv.LastSignState
	asked := voteCopy(vote)

	if vote != nil && d.defect == rig.RefusesOtherBlock && d.otherBlock(before, vote) {
		return d.refuse("the prevote was for another block"), nil
	}
	if vote != nil && d.defect == rig.RefusesReplay && string(before.SignBytes) == string(types.VoteSignBytes(chainID, vote)) {
		return d.refuse("this was signed before"), nil
	}
	reply, err := privval.DefaultValidationRequestHandler(d.pv, request, chainID)
	if vote == nil {
		return reply, err
	}
	signed := reply.GetSignedVoteResponse()
	refused := ""
	if signed != nil && signed.Error != nil {
		refused = signed.Error.Description
	}
	replayed := refused == "" && before.Height == vote.Height && before.Round == vote.Round && string(before.Signature) == string(signed.Vote.Signature)
	switch d.defect {
	case rig.SignsConflicts:
		if strings.Contains(refused, "conflicting data") {
			return d.sign(chainID, asked), nil
		}
	case rig.SignsLowerRound:
		if strings.Contains(refused, "round regression") {
			return d.sign(chainID, asked), nil
		}
	case rig.SignsNewTimestamp:
		if replayed && !signed.Vote.Timestamp.Equal(asked.Timestamp) {
			return d.sign(chainID, asked), nil
		}
	case rig.ReturnsNewTimestamp:
		if replayed {
			signed.Vote.Timestamp = asked.Timestamp
		}
	case rig.NoExtension:
		if refused == "" {
			setExtension(&signed.Vote, nil, nil)
		}
	case rig.NoExtensionOnReplay:
		if replayed {
			setExtension(&signed.Vote, nil, nil)
		}
	case rig.ClosesOnRefusal:
		if refused != "" {
			d.endpoint.DropConnection()
		}
	case rig.ForgetsState, rig.RefusesOtherBlock, rig.RefusesReplay:
	default:
		return d.refuse(fmt.Sprintf("unknown defect %q", d.defect)), nil
	}
	return reply, err
}

func voteCopy(vote *cmtproto.Vote) *cmtproto.Vote {
	if vote == nil {
		return nil
	}
	out := *vote
	return &out
}

func (d defective) otherBlock(last privval.FilePVLastSignState, vote *cmtproto.Vote) bool {
	if int32(vote.Type) != rig.TypePrecommit || last.Step != 2 || last.Height != vote.Height || last.Round != vote.Round {
		return false
	}
	return !strings.Contains(string(last.SignBytes), string(vote.BlockID.Hash)) || len(vote.BlockID.Hash) == 0
}

func (d defective) refuse(why string) privvalproto.Message {
	return privvalproto.Message{Sum: &privvalproto.Message_SignedVoteResponse{SignedVoteResponse: &privvalproto.SignedVoteResponse{
		Error: &privvalproto.RemoteSignerError{Description: why},
	}}}
}

// sign signs without looking at what was signed before.
func (d defective) sign(chainID string, vote *cmtproto.Vote) privvalproto.Message {
	vote.Signature = must(d.pv.Key.PrivKey.Sign(types.VoteSignBytes(chainID, vote)))
	if hasExtensions && int32(vote.Type) == rig.TypePrecommit && !blockIDFromProto(vote.BlockID).IsNil() {
		data, _ := extension(vote)
		setExtension(vote, data, must(d.pv.Key.PrivKey.Sign(extensionSignBytes(chainID, vote))))
	}
	return privvalproto.Message{Sum: &privvalproto.Message_SignedVoteResponse{SignedVoteResponse: &privvalproto.SignedVoteResponse{Vote: *vote}}}
}
