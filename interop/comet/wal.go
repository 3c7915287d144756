// What a node's write-ahead log says about one validator's signatures.
package interop

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cometbft/cometbft/crypto"
	consensusproto "github.com/cometbft/cometbft/proto/tendermint/consensus"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"

	"tmkms/interop/rig"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// position is a height, a round and a step (as the type of the signed message).
type position struct {
	height int64
	round  int32
	step   int32
}

// signed is what stands at a position.
type signed struct{ bytes, signature []byte }

// signedBy is what a key has signed, of one write-ahead log or of several.
type signedBy struct {
	chainID string
	key     crypto.PubKey
	// many says that a key may have several signatures of one byte string.
	many  bool
	found map[position]signed
}

func newSignedBy(chainID string, key crypto.PubKey, many bool) *signedBy {
	return &signedBy{chainID, key, many, map[position]signed{}}
}

// read takes a write-ahead log in (a CRC-32C, a length and a message each; consensus/wal.go). Two byte strings or, unless there
// may be many, two signatures at one position are an error. A log whose node was killed may end in the middle of a record.
func (s *signedBy) read(log io.Reader) error {
	for {
		message, err := nextRecord(log)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		at, now, ok := signedIn(message, s.chainID, s.key)
		if !ok {
			continue
		}
		if before, ok := s.found[at]; ok {
			if !bytes.Equal(before.bytes, now.bytes) {
				return fmt.Errorf("SIGNED TWICE at %+v: %x and %x", at, before.bytes, now.bytes)
			}
			if !s.many && !bytes.Equal(before.signature, now.signature) {
				return fmt.Errorf("two signatures at %+v: %x and %x", at, before.signature, now.signature)
			}
		}
		s.found[at] = now
	}
}

func nextRecord(log io.Reader) (*consensusproto.TimedWALMessage, error) {
	var head [8]byte
	if _, err := io.ReadFull(log, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[4:])
	if size > 4<<20 {
		return nil, fmt.Errorf("a record of %d bytes", size)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(log, data); err != nil {
		return nil, err
	}
	if crc32.Checksum(data, castagnoli) != binary.BigEndian.Uint32(head[:4]) {
		return nil, errors.New("a record's checksum is wrong")
	}
	message := &consensusproto.TimedWALMessage{}
	return message, message.Unmarshal(data)
}

// signedIn gives the position and the signature of a record, if it holds one of the key.
func signedIn(message *consensusproto.TimedWALMessage, chainID string, key crypto.PubKey) (position, signed, bool) {
	info := message.GetMsg().GetMsgInfo()
	if info == nil {
		return position{}, signed{}, false
	}
	var at position
	var out signed
	switch sum := info.Msg.Sum.(type) {
	case *consensusproto.Message_Vote:
		vote := sum.Vote.GetVote()
		if vote == nil || !bytes.Equal(vote.ValidatorAddress, key.Address()) {
			return position{}, signed{}, false
		}
		at = position{vote.Height, vote.Round, int32(vote.Type)}
		out = signed{types.VoteSignBytes(chainID, vote), vote.Signature}
	case *consensusproto.Message_Proposal:
		proposal := sum.Proposal.GetProposal()
		at = position{proposal.Height, proposal.Round, rig.TypeProposal}
		out = signed{types.ProposalSignBytes(chainID, &proposal), proposal.Signature}
	default:
		return position{}, signed{}, false
	}
	// A proposal does not say whose it is; a vote of a peer may claim anything.
	return at, out, key.VerifySignature(out.bytes, out.signature)
}

// WriteWAL implements rig.Series: a log that holds votes of a key, for tests of the reader.
func (Series) WriteWAL(chainID string, keyType string, secret [32]byte, votes []rig.Vote) ([]byte, error) {
	key, err := privateKey(keyType, secret)
	if err != nil {
		return nil, err
	}
	var log bytes.Buffer
	for _, v := range votes {
		v.ValidatorAddress = rig.Hex(key.PubKey().Address())
		vote := voteToProto(v)
		if vote.Signature, err = key.Sign(types.VoteSignBytes(chainID, vote)); err != nil {
			return nil, err
		}
		record, err := walRecord(vote)
		if err != nil {
			return nil, err
		}
		log.Write(record)
	}
	return log.Bytes(), nil
}

// ReadWAL implements rig.Series.
func (Series) ReadWAL(chainID string, key rig.PublicKey, log []byte) (int, error) {
	all := newSignedBy(chainID, publicKey(key), false)
	err := all.read(bytes.NewReader(log))
	return len(all.found), err
}

func walRecord(vote *cmtproto.Vote) ([]byte, error) {
	message := consensusproto.TimedWALMessage{Msg: &consensusproto.WALMessage{Sum: &consensusproto.WALMessage_MsgInfo{
		MsgInfo: &consensusproto.MsgInfo{Msg: consensusproto.Message{Sum: &consensusproto.Message_Vote{
			Vote: &consensusproto.Vote{Vote: vote},
		}}},
	}}}
	data, err := message.Marshal()
	if err != nil {
		return nil, err
	}
	head := binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, castagnoli))
	head = binary.BigEndian.AppendUint32(head, uint32(len(data)))
	return append(head, data...), nil
}
