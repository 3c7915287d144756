package rig

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
)

// Request is a vote or a proposal.
type Request struct {
	Vote          *Vote
	Proposal      *Proposal
	SkipExtension bool
}

// String is one line for a report.
func (r Request) String() string {
	block := func(b BlockID) string {
		if b.IsNil() {
			return "nil"
		}
		return fmt.Sprintf("%.4x/%d", []byte(b.Hash), b.PartSetHeader.Total)
	}
	if v := r.Vote; v != nil {
		return fmt.Sprintf("%s %d/%d block %s time %d.%09d extension %.4x (%d bytes) skip %v",
			map[int32]string{TypePrevote: "prevote", TypePrecommit: "precommit"}[v.Type],
			v.Height, v.Round, block(v.BlockID), v.Timestamp.Seconds, v.Timestamp.Nanos, []byte(v.Extension), len(v.Extension), r.SkipExtension)
	}
	p := r.Proposal
	return fmt.Sprintf("proposal %d/%d pol %d block %s time %d.%09d",
		p.Height, p.Round, p.PolRound, block(p.BlockID), p.Timestamp.Seconds, p.Timestamp.Nanos)
}

func (r Request) clone() Request {
	out := Request{SkipExtension: r.SkipExtension}
	if r.Vote != nil {
		v := *r.Vote
		out.Vote = &v
	} else {
		p := *r.Proposal
		out.Proposal = &p
	}
	return out
}

func (r Request) timestamp() *Timestamp {
	if r.Vote != nil {
		return &r.Vote.Timestamp
	}
	return &r.Proposal.Timestamp
}

// signedPart is what the sign bytes are made of, without the timestamp.
func (r Request) signedPart() any {
	if v := r.Vote; v != nil {
		return Vote{Type: v.Type, Height: v.Height, Round: v.Round, BlockID: v.BlockID}
	}
	p := *r.Proposal
	p.Timestamp, p.Signature = Timestamp{}, nil
	return p
}

type position struct {
	height int64
	round  int32
	step   int32 // 1 proposal, 2 prevote, 3 precommit
}

func (p position) compare(q position) int {
	switch {
	case p.height != q.height:
		return 1 - 2*btoi(p.height < q.height)
	case p.round != q.round:
		return 1 - 2*btoi(p.round < q.round)
	case p.step != q.step:
		return 1 - 2*btoi(p.step < q.step)
	}
	return 0
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r Request) position() position {
	if v := r.Vote; v != nil {
		return position{v.Height, v.Round, map[int32]int32{TypePrevote: 2, TypePrecommit: 3}[v.Type]}
	}
	return position{r.Proposal.Height, r.Proposal.Round, 1}
}

// Class is what a request turned out to be.
type Class string

// The classes of requests; the oracle decides, the rig only names.
const (
	Fresh             Class = "signed: new position"
	ExactReplay       Class = "signed again: same bytes"
	TimestampReplay   Class = "signed again: other timestamp"
	Conflict          Class = "refused: conflict"
	LowerHeight       Class = "refused: lower height"
	LowerRound        Class = "refused: lower round"
	LowerStep         Class = "refused: lower step"
	MisplacedExtended Class = "refused: extension on a prevote or nil precommit"
)

// Classes lists the classes that occur in a series.
func Classes(traits Traits) []Class {
	out := []Class{Fresh, ExactReplay, TimestampReplay, Conflict, LowerHeight, LowerRound, LowerStep}
	if traits.Extensions {
		out = append(out, MisplacedExtended)
	}
	return out
}

func (r Request) misplacedExtension() bool {
	v := r.Vote
	return v != nil && len(v.Extension) > 0 && (v.Type != TypePrecommit || v.BlockID.IsNil())
}

// classify names a request, given the request that was signed last.
func classify(r Request, last *Request) Class {
	if last != nil {
		at, was := r.position(), last.position()
		switch at.compare(was) {
		case -1:
			switch {
			case at.height < was.height:
				return LowerHeight
			case at.round < was.round:
				return LowerRound
			}
			return LowerStep
		case 0:
			switch {
			case r.misplacedExtension():
				return MisplacedExtended
			case !reflect.DeepEqual(r.signedPart(), last.signedPart()):
				return Conflict
			case *r.timestamp() != *last.timestamp():
				return TimestampReplay
			}
			return ExactReplay
		}
	}
	if r.misplacedExtension() {
		return MisplacedExtended
	}
	return Fresh
}

// The small universe.
var (
	universeBlocks = []BlockID{
		{},
		{Hash: bytes.Repeat([]byte{0xaa}, 32), PartSetHeader: PartSetHeader{Total: 1, Hash: bytes.Repeat([]byte{0xab}, 32)}},
		{Hash: bytes.Repeat([]byte{0xbb}, 32), PartSetHeader: PartSetHeader{Total: 1, Hash: bytes.Repeat([]byte{0xbc}, 32)}},
		{Hash: bytes.Repeat([]byte{0xbb}, 32), PartSetHeader: PartSetHeader{Total: 2, Hash: bytes.Repeat([]byte{0xbc}, 32)}},
	}
	universeTimes = []Timestamp{
		{Seconds: ZeroTimeSeconds},
		{},
		{Seconds: 1_700_000_000},
		{Seconds: 1_700_000_000, Nanos: 999_999_999},
		{Seconds: 1_700_000_001, Nanos: 1},
		{Seconds: -1, Nanos: 5},
	}
	universeExtensions = []Hex{nil, nil, Hex("x"), bytes.Repeat([]byte{7}, 300)}
)

const universeRounds = 4

// generator makes requests around the last signed position. The highest height
// grows with the number of requests, and by less than maxClimb in all, so that
// a signer that bounds the speed of heights has no reason to refuse.
type generator struct {
	rng      *rand.Rand
	traits   Traits
	start    int64
	total    int
	made     int
	maxClimb int64
	last     *Request
}

func newGenerator(rng *rand.Rand, traits Traits, total int) *generator {
	return &generator{rng: rng, traits: traits, start: 1 + rng.Int64N(1000), total: total, maxClimb: 800}
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// highest is the greatest height allowed by now.
func (g *generator) highest() int64 {
	return g.start + min(int64(g.made)/20, g.maxClimb)
}

func (g *generator) at(p position) Request {
	if p.step == 1 {
		return Request{Proposal: &Proposal{
			Type: TypeProposal, Height: p.height, Round: p.round, PolRound: g.rng.Int32N(p.round+2) - 1,
			BlockID: pick(g.rng, universeBlocks[1:]), Timestamp: pick(g.rng, universeTimes),
		}}
	}
	v := Vote{
		Type: TypePrevote, Height: p.height, Round: p.round,
		BlockID: pick(g.rng, universeBlocks), Timestamp: pick(g.rng, universeTimes),
	}
	if p.step == 3 {
		v.Type = TypePrecommit
	}
	r := Request{Vote: &v}
	g.dress(r)
	if p.step == 3 && !v.BlockID.IsNil() && g.traits.Extensions {
		v.Extension = pick(g.rng, universeExtensions)
	}
	return r
}

// dress changes what is not part of the sign bytes.
func (g *generator) dress(r Request) {
	if v := r.Vote; v != nil {
		v.ValidatorIndex = g.rng.Int32N(3)
		v.ValidatorAddress = bytes.Repeat([]byte{byte(g.rng.IntN(3))}, 20)
		if v.Type == TypePrecommit && !v.BlockID.IsNil() && g.traits.Extensions {
			v.Extension = pick(g.rng, universeExtensions)
		}
	}
}

func (g *generator) forward(p position) position {
	if p.step < 3 && g.rng.IntN(8) > 0 {
		return position{p.height, p.round, p.step + 1}
	}
	if p.round+1 < universeRounds && g.rng.IntN(4) > 0 {
		return position{p.height, p.round + 1, 1 + g.rng.Int32N(3)}
	}
	up := int64(1)
	if g.rng.IntN(5) == 0 {
		up = 2 + g.rng.Int64N(3)
	}
	if p.height+up > g.highest() {
		return position{p.height, p.round + 1, 1 + g.rng.Int32N(3)}
	}
	return position{p.height + up, g.rng.Int32N(2), 1 + g.rng.Int32N(3)}
}

func (g *generator) lower(p position) position {
	switch g.rng.IntN(3) {
	case 0:
		if p.step > 1 {
			p.step = 1 + g.rng.Int32N(p.step-1)
			return p
		}
		fallthrough
	case 1:
		if p.round > 0 {
			return position{p.height, g.rng.Int32N(p.round), 1 + g.rng.Int32N(3)}
		}
		fallthrough
	default:
		return position{max(1, p.height-1-g.rng.Int64N(3)), g.rng.Int32N(universeRounds), 1 + g.rng.Int32N(3)}
	}
}

func (g *generator) next() Request {
	g.made++
	if g.last == nil {
		return g.at(position{g.start, 0, 1})
	}
	was := g.last.position()
	var r Request
	switch n := g.rng.IntN(100); {
	case n < 18: // the same bytes
		r = g.last.clone()
		g.dress(r)
	case n < 36: // another timestamp, or the same
		r = g.last.clone()
		g.dress(r)
		*r.timestamp() = pick(g.rng, universeTimes)
	case n < 50: // the same position, anything else
		r = g.at(was)
	case n < 65: // lower
		r = g.at(g.lower(was))
	case n < 75: // anywhere near
		r = g.at(position{
			max(1, min(g.highest(), was.height-1+g.rng.Int64N(3))),
			g.rng.Int32N(universeRounds), 1 + g.rng.Int32N(3),
		})
	default:
		r = g.at(g.forward(was))
	}
	if v := r.Vote; v != nil && g.traits.Extensions && (v.Type == TypePrevote || v.BlockID.IsNil()) && g.rng.IntN(12) == 0 {
		v.Extension = Hex("misplaced")
	}
	// CometBFT does not look at the extension of a vote whose extension it shall not sign; the signer under test may.
	r.SkipExtension = g.traits.SkipExtension && r.Vote != nil && !r.misplacedExtension() && g.rng.IntN(3) == 0
	return r
}

// signed tells the generator that the oracle signed a request.
func (g *generator) signed(r Request) {
	if g.last == nil || r.position().compare(g.last.position()) > 0 {
		kept := r.clone()
		g.last = &kept
	}
}
