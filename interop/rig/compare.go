package rig

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sort"
	"strings"
	"time"
)

// Comparison is one run of random requests through a signer and the oracle.
type Comparison struct {
	Series   Series
	Node     Node
	Oracle   Oracle
	ChainID  string
	Seed     uint64
	Requests int
	// KillEvery is after how many requests the signer is killed and started
	// again; 0 for never.
	KillEvery int
	Kill      func()
	Start     func()
}

// Report is what a comparison found.
type Report struct {
	Requests    int
	Kills       int
	LostReplies int
	Classes     map[Class]int
	Heights     int64
	Differences []string
	Elapsed     time.Duration
}

func (r Report) String() string {
	lines := []string{fmt.Sprintf("%d requests in %v over %d heights, %d kills (%d of them with a request under way that got no reply), %d differences",
		r.Requests, r.Elapsed.Round(time.Millisecond), r.Heights, r.Kills, r.LostReplies, len(r.Differences))}
	var names []string
	for class := range r.Classes {
		names = append(names, string(class))
	}
	sort.Strings(names)
	for _, name := range names {
		lines = append(lines, fmt.Sprintf("  %6d  %s", r.Classes[Class(name)], name))
	}
	for _, d := range r.Differences {
		lines = append(lines, "  DIFFERENCE "+d)
	}
	return strings.Join(lines, "\n")
}

type answer struct {
	reply Request
	err   error
}

func (a answer) String() string {
	switch {
	case a.err != nil:
		return a.err.Error()
	case a.reply.Vote != nil:
		return fmt.Sprintf("%v signature %.8x extension signature %.8x", a.reply, []byte(a.reply.Vote.Signature), []byte(a.reply.Vote.ExtensionSignature))
	default:
		return fmt.Sprintf("%v signature %.8x", a.reply, []byte(a.reply.Proposal.Signature))
	}
}

func (c *Comparison) ask(r Request) answer {
	if r.Vote != nil {
		v, err := c.Node.SignVote(c.ChainID, r.Vote, r.SkipExtension)
		return answer{Request{Vote: &v, SkipExtension: r.SkipExtension}, err}
	}
	p, err := c.Node.SignProposal(c.ChainID, r.Proposal)
	return answer{Request{Proposal: &p}, err}
}

func (c *Comparison) askOracle(r Request) answer {
	if r.Vote != nil {
		v, err := c.Oracle.SignVote(c.ChainID, *r.Vote, r.SkipExtension)
		return answer{Request{Vote: &v, SkipExtension: r.SkipExtension}, err}
	}
	p, err := c.Oracle.SignProposal(c.ChainID, *r.Proposal)
	return answer{Request{Proposal: &p}, err}
}

// maxDifferences ends a run: after a difference the two memories may differ.
const maxDifferences = 3

// Run sends the requests. The error is for what is no difference but keeps the
// run from going on.
func (c *Comparison) Run() (Report, error) {
	rng := rand.New(rand.NewPCG(c.Seed, 0))
	gen := newGenerator(rng, c.Series.Traits(), c.Requests)
	report := Report{Classes: map[Class]int{}}
	began := time.Now()
	accepts := c.Node.Accepts()
	finish := func() Report {
		report.Elapsed = time.Since(began)
		if gen.last != nil {
			report.Heights = gen.last.position().height - gen.start + 1
		}
		return report
	}
	differ := func(r Request, class Class, ours, theirs answer, what string) {
		report.Differences = append(report.Differences, fmt.Sprintf(
			"request %d (seed %d), %s\n    asked:    %v\n    expected: %s\n    signer:   %v\n    oracle:   %v",
			report.Requests, c.Seed, what, r, class, ours, theirs))
	}
	compare := func(r Request, ours answer) {
		class := classify(r, gen.last)
		report.Classes[class]++
		theirs := c.askOracle(r)
		if (theirs.err == nil) != strings.HasPrefix(string(class), "signed") {
			differ(r, class, ours, theirs, "the rig misjudged the oracle")
		}
		if what := difference(r, ours, theirs); what != "" {
			differ(r, class, ours, theirs, what)
		}
		if theirs.err == nil {
			gen.signed(r)
		}
	}
	for report.Requests < c.Requests && len(report.Differences) < maxDifferences {
		r := gen.next()
		report.Requests++
		if c.KillEvery > 0 && report.Requests%c.KillEvery == 0 {
			lost, err := c.killDuring(rng, r, compare)
			if err != nil {
				return finish(), err
			}
			report.Kills++
			report.LostReplies += btoi(lost)
			accepts = c.Node.Accepts()
		}
		compare(r, c.ask(r))
		if now := c.Node.Accepts(); now != accepts {
			differ(r, classify(r, gen.last), answer{}, answer{}, "the link was replaced")
			accepts = now
		}
	}
	return finish(), nil
}

// killDuring kills the signer around the request and starts it again. A reply
// that came before the end counts like any other. Asking the same again must
// give what the oracle gives, whether or not the signer had got to it.
func (c *Comparison) killDuring(rng *rand.Rand, r Request, compare func(Request, answer)) (lost bool, err error) {
	if delay := time.Duration(rng.IntN(300)-60) * time.Microsecond; delay < 0 {
		c.Kill()
	} else {
		got := make(chan answer, 1)
		go func() { got <- c.ask(r) }()
		time.Sleep(delay)
		c.Kill()
		ours := <-got
		var refusal *Refusal
		if ours.err == nil || errors.As(ours.err, &refusal) {
			compare(r, ours)
		} else {
			lost = true
		}
	}
	c.Start()
	return lost, connect(c.Node)
}

// difference says how an answer differs from the oracle's, or nothing.
func difference(r Request, ours, theirs answer) string {
	if ours.err != nil {
		var refusal *Refusal
		if !errors.As(ours.err, &refusal) {
			return "the request was not answered"
		}
		if theirs.err == nil {
			return "refused what the oracle signs"
		}
		if refusal.Description == "" {
			return "refused without a word"
		}
		return ""
	}
	if theirs.err != nil {
		return "SIGNED WHAT THE ORACLE REFUSES"
	}
	if *ours.reply.timestamp() != *theirs.reply.timestamp() {
		return "other timestamp"
	}
	if r.Proposal != nil {
		a, b := *ours.reply.Proposal, *theirs.reply.Proposal
		if !bytes.Equal(a.Signature, b.Signature) {
			return "other signature"
		}
		if !reflect.DeepEqual(normalProposal(a), normalProposal(b)) {
			return "the reply does not give back the proposal"
		}
		return ""
	}
	a, b := *ours.reply.Vote, *theirs.reply.Vote
	if !bytes.Equal(a.Signature, b.Signature) {
		return "other signature"
	}
	if !bytes.Equal(a.ExtensionSignature, b.ExtensionSignature) {
		return "other extension signature"
	}
	// The reply need not carry the extension.
	if len(a.Extension) == 0 {
		b.Extension = nil
	}
	if !reflect.DeepEqual(normalVote(a), normalVote(b)) {
		return "the reply does not give back the vote"
	}
	return ""
}

// The normal forms take no byte string and an empty one for the same.
func normalHex(h Hex) Hex {
	if len(h) == 0 {
		return nil
	}
	return h
}

func normalBlockID(b BlockID) BlockID {
	b.Hash, b.PartSetHeader.Hash = normalHex(b.Hash), normalHex(b.PartSetHeader.Hash)
	return b
}

func normalVote(v Vote) Vote {
	v.BlockID = normalBlockID(v.BlockID)
	v.ValidatorAddress, v.Signature = normalHex(v.ValidatorAddress), normalHex(v.Signature)
	v.Extension, v.ExtensionSignature = normalHex(v.Extension), normalHex(v.ExtensionSignature)
	return v
}

func normalProposal(p Proposal) Proposal {
	p.BlockID, p.Signature = normalBlockID(p.BlockID), normalHex(p.Signature)
	return p
}
