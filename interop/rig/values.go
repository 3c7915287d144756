// Package rig holds everything of the interop tests that needs no CometBFT
// import: the values that travel, the process under test, its configuration,
// the random requests, the comparison and the tests themselves. The thin
// packages beside it translate between these values and the types of one
// CometBFT series.
package rig

import (
	"encoding/hex"
	"encoding/json"
	"time"
)

// Vote types as they stand in SignedMsgType of every series.
const (
	TypeUnknown   int32 = 0
	TypePrevote   int32 = 1
	TypePrecommit int32 = 2
	TypeProposal  int32 = 32
)

// ZeroTimeSeconds is the Unix time of Go's zero time, year 1.
const ZeroTimeSeconds int64 = -62135596800

// Hex is a byte string that is written to JSON as hexadecimal text.
type Hex []byte

// MarshalJSON writes the bytes as lower-case hexadecimal text.
func (h Hex) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(h)) }

// UnmarshalJSON is the inverse of MarshalJSON.
func (h *Hex) UnmarshalJSON(text []byte) error {
	var digits string
	if err := json.Unmarshal(text, &digits); err != nil {
		return err
	}
	bz, err := hex.DecodeString(digits)
	*h = bz
	return err
}

// Timestamp is seconds and nanoseconds since 1970; Nanos is 0..=999999999 also
// when Seconds is negative, as in google.protobuf.Timestamp.
type Timestamp struct {
	Seconds int64 `json:"seconds"`
	Nanos   int32 `json:"nanos"`
}

// Time gives the same instant as a Go time in UTC.
func (t Timestamp) Time() time.Time { return time.Unix(t.Seconds, int64(t.Nanos)).UTC() }

// TimestampOf is the inverse of Time.
func TimestampOf(t time.Time) Timestamp {
	return Timestamp{Seconds: t.Unix(), Nanos: int32(t.Nanosecond())}
}

// PartSetHeader names the parts of a block.
type PartSetHeader struct {
	Total uint32 `json:"total"`
	Hash  Hex    `json:"hash"`
}

// BlockID names a block; all empty means nil.
type BlockID struct {
	Hash          Hex           `json:"hash"`
	PartSetHeader PartSetHeader `json:"part_set_header"`
}

// IsNil says whether the id stands for "no block".
func (b BlockID) IsNil() bool {
	return len(b.Hash) == 0 && len(b.PartSetHeader.Hash) == 0 && b.PartSetHeader.Total == 0
}

// IsComplete says whether both hashes have 32 bytes and there is a part.
func (b BlockID) IsComplete() bool {
	return len(b.Hash) == 32 && len(b.PartSetHeader.Hash) == 32 && b.PartSetHeader.Total > 0
}

// Vote has the fields of tendermint.types.Vote.
type Vote struct {
	Type               int32     `json:"type"`
	Height             int64     `json:"height"`
	Round              int32     `json:"round"`
	BlockID            BlockID   `json:"block_id"`
	Timestamp          Timestamp `json:"timestamp"`
	ValidatorAddress   Hex       `json:"validator_address"`
	ValidatorIndex     int32     `json:"validator_index"`
	Signature          Hex       `json:"signature"`
	Extension          Hex       `json:"extension"`
	ExtensionSignature Hex       `json:"extension_signature"`
}

// Proposal has the fields of tendermint.types.Proposal.
type Proposal struct {
	Type      int32     `json:"type"`
	Height    int64     `json:"height"`
	Round     int32     `json:"round"`
	PolRound  int32     `json:"pol_round"`
	BlockID   BlockID   `json:"block_id"`
	Timestamp Timestamp `json:"timestamp"`
	Signature Hex       `json:"signature"`
}
