package rig

import (
	"fmt"
	"strings"
	"time"
)

// Key types as CometBFT names them.
const (
	Ed25519   = "ed25519"
	Secp256k1 = "secp256k1"
)

// PublicKey is a key as CometBFT names it: type string and raw bytes.
type PublicKey struct {
	Type  string `json:"type"`
	Bytes Hex    `json:"bytes"`
}

// Refusal is a request that was answered with a RemoteSignerError. Any other
// error of a Node means that the link was lost or the answer made no sense.
type Refusal struct {
	Code        int
	Description string
}

func (r *Refusal) Error() string { return fmt.Sprintf("refused (code %d): %s", r.Code, r.Description) }

// Node is the node's side of one link: it listens, the signer dials.
type Node interface {
	// Address is what the signer dials, tcp://host:port, noise://peer@host:port or unix:///path.
	Address() string
	WaitForConnection(patience time.Duration) error
	// Accepts counts the links that were accepted so far.
	Accepts() int
	// Drop closes the current link from the node's side.
	Drop()
	Close()

	Ping() error
	PublicKey(chainID string) (PublicKey, error)
	// SignVote gives the vote of the reply as it came. A nil vote sends a
	// request without one. skipExtension must be false where Traits say so.
	SignVote(chainID string, v *Vote, skipExtension bool) (Vote, error)
	SignProposal(chainID string, p *Proposal) (Proposal, error)
}

// Oracle is CometBFT's own file signer. Every error of it is a refusal.
type Oracle interface {
	SignVote(chainID string, v Vote, skipExtension bool) (Vote, error)
	SignProposal(chainID string, p Proposal) (Proposal, error)
}

// Traits are what the rig has to know about a series.
type Traits struct {
	// Name is the folder's name, e.g. "v0.38".
	Name string
	// Extensions says whether votes have extensions.
	Extensions bool
	// SkipExtension says whether a request can ask for no extension signature.
	SkipExtension bool
	// Noise says whether nodes listen with noise://.
	Noise bool
	// KeyTypes are the names of the types that validators' keys may have.
	KeyTypes []string
}

// Series is one CometBFT series.
type Series interface {
	Traits() Traits
	// Listen opens the node's side at tcp://127.0.0.1:0 or unix:///path. At noise://127.0.0.1:0 its identity is
	// NodeIdentity, and it admits SignerIdentity.
	Listen(address string) (Node, error)
	// NoiseID is the libp2p peer id of an Ed25519 seed, where the series has noise://.
	NoiseID(seed [32]byte) string
	// NewOracle makes a file signer whose state is stateFile, which is read if
	// it is there.
	NewOracle(stateFile, keyType string, secret [32]byte) (Oracle, error)
	PublicKey(keyType string, secret [32]byte) PublicKey
	// PrivateKey is the same key's private half, as CometBFT packs it.
	PrivateKey(keyType string, secret [32]byte) []byte

	VoteSignBytes(chainID string, v Vote) []byte
	ProposalSignBytes(chainID string, p Proposal) []byte
	ExtensionSignBytes(chainID string, v Vote) []byte
	// Verify is CometBFT's VerifySignature.
	Verify(key PublicKey, msg, signature []byte) bool

	// Control runs CometBFT's own remote signer until it is killed.
	Control(spec ControlSpec) error
	// RunNodes runs real nodes in this process until they have made their
	// blocks, or were told to end, and looks at what they have.
	RunNodes(spec NodeSpec) error
	// WriteWAL makes a node's write-ahead log of votes that the key signed.
	WriteWAL(chainID, keyType string, secret [32]byte, votes []Vote) ([]byte, error)
	// ReadWAL counts the positions for which a log holds signatures of the key;
	// two different ones at one position are an error.
	ReadWAL(chainID string, key PublicKey, log []byte) (int, error)
}

// A Defect is something that the control does wrong on purpose, to show that
// the rig notices.
type Defect string

// The defects that a control can be given.
const (
	NoDefect            Defect = ""
	SignsConflicts      Defect = "signs conflicts"
	SignsNewTimestamp   Defect = "signs a replay with the new timestamp"
	ReturnsNewTimestamp Defect = "returns the new timestamp with the old signature"
	NoExtension         Defect = "leaves the extension signature out"
	NoExtensionOnReplay Defect = "leaves the extension signature out on a replay"
	ClosesOnRefusal     Defect = "closes the link instead of refusing"
	RefusesOtherBlock   Defect = "refuses a precommit for another block than the prevote"
	ForgetsState        Defect = "forgets its state when restarted"
	SignsLowerRound     Defect = "signs a lower round"
	RefusesReplay       Defect = "refuses exact replays"
)

// ControlSpec is what a control process is told.
type ControlSpec struct {
	Address   string
	ChainID   string
	KeyType   string
	Secret    [32]byte
	StateFile string
	Defect    Defect
}

// The Ed25519 seeds of the identities on links.
var (
	SignerIdentity = [32]byte{1, 2, 3}
	NodeIdentity   = [32]byte{4, 5, 6}
)

// SplitAddress divides tcp://host:port or unix:///path at the scheme.
func SplitAddress(address string) (scheme, rest string) {
	scheme, rest, _ = strings.Cut(address, "://")
	return scheme, rest
}
