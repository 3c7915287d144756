package rig

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// testInvalid sends what no sound node sends. Each must be refused in-band, and
// must not count as a step.
func testInvalid(t *testing.T, series Series) {
	b := newBench(t, series, "tcp", Ed25519)
	b.signVote(prevote(100, 0, blockA))

	short := blockA
	short.Hash = short.Hash[:20]
	noParts := BlockID{Hash: blockA.Hash}
	noHash := BlockID{PartSetHeader: blockA.PartSetHeader}
	noTotal := blockA
	noTotal.PartSetHeader.Total = 0
	onlyTotal := BlockID{PartSetHeader: PartSetHeader{Total: 1}}
	incomplete := map[string]BlockID{
		"short hash": short, "no parts": noParts, "no hash": noHash, "total 0": noTotal, "a total only": onlyTotal,
	}

	votes := map[string]func(*Vote){
		"round 10001":   func(v *Vote) { v.Round = MaxRound + 1 },
		"largest round": func(v *Vote) { v.Round = math.MaxInt32 },
		"round -1":      func(v *Vote) { v.Round = -1 },
		"height 0":      func(v *Vote) { v.Height = 0 },
		"height -1":     func(v *Vote) { v.Height = -1 },
		"least height":  func(v *Vote) { v.Height = math.MinInt64 },
		"type 0":        func(v *Vote) { v.Type = TypeUnknown },
		"type 3":        func(v *Vote) { v.Type = 3 },
		"type 32":       func(v *Vote) { v.Type = TypeProposal },
		"type -1":       func(v *Vote) { v.Type = -1 },
	}
	proposals := map[string]func(*Proposal){
		"round 10001":       func(p *Proposal) { p.Round = MaxRound + 1 },
		"largest round":     func(p *Proposal) { p.Round = math.MaxInt32 },
		"round -1":          func(p *Proposal) { p.Round = -1 },
		"height 0":          func(p *Proposal) { p.Height = 0 },
		"height -1":         func(p *Proposal) { p.Height = -1 },
		"pol_round -2":      func(p *Proposal) { p.PolRound = -2 },
		"smallest polround": func(p *Proposal) { p.PolRound = math.MinInt32 },
		"nil block":         func(p *Proposal) { p.BlockID = BlockID{} },
	}
	for name, id := range incomplete {
		votes["block id with "+name] = func(v *Vote) { v.BlockID = id }
		proposals["block id with "+name] = func(p *Proposal) { p.BlockID = id }
	}
	if series.Traits().Extensions {
		votes["extension on a nil precommit"] = func(v *Vote) { v.BlockID, v.Extension = BlockID{}, Hex("x") }
		votes["extension on a prevote"] = func(v *Vote) { v.Type, v.Extension = TypePrevote, Hex("x") }
	}
	for name, change := range votes {
		for kind, base := range map[string]Vote{"prevote": prevote(200, 0, blockA), "precommit": precommit(200, 0, blockA)} {
			change(&base)
			_, err := b.node.SignVote(chainID, &base, false)
			b.wantRefusal(kind+": "+name, err)
		}
	}
	for name, change := range proposals {
		p := proposal(200, 0, blockA)
		change(&p)
		_, err := b.node.SignProposal(chainID, &p)
		b.wantRefusal("proposal: "+name, err)
	}
	_, err := b.node.SignVote(chainID, nil, false)
	b.wantRefusal("request without a vote", err)
	_, err = b.node.SignProposal(chainID, nil)
	b.wantRefusal("request without a proposal", err)

	// Nothing of that counts.
	b.signVote(precommit(100, 0, blockA))
	b.signProposal(proposal(101, 0, blockB))
	b.signVote(prevote(101, MaxRound, blockB))
	b.sameLink()
}

func testWrongChain(t *testing.T, series Series) {
	b := newBench(t, series, "tcp", Ed25519)
	for _, other := range []string{"interop-2", "", "interop-1 ", "INTEROP-1"} {
		_, err := b.node.PublicKey(other)
		b.wantRefusal(fmt.Sprintf("public key of chain %q", other), err)
		v := prevote(5, 0, blockA)
		_, err = b.node.SignVote(other, &v, false)
		b.wantRefusal(fmt.Sprintf("vote of chain %q", other), err)
		p := proposal(5, 0, blockA)
		_, err = b.node.SignProposal(other, &p)
		b.wantRefusal(fmt.Sprintf("proposal of chain %q", other), err)
	}
	b.signProposal(proposal(5, 0, blockB))
	b.sameLink()
}

// testUnarmed starts a chain whose state was never initialised: the node must
// get its public key, or it would end, but no signature.
func testUnarmed(t *testing.T, series Series) {
	b := &bench{T: t, series: series, keyType: Ed25519, secret: SecretNamed(t.Name())}
	b.node = listen(t, series, "tcp")
	b.key = series.PublicKey(b.keyType, b.secret)
	settings := b.settings()
	settings.Arm = []string{}
	b.subject = NewSubject(t, settings)
	b.subject.Start()
	Connect(t, b.node)
	got, err := b.node.PublicKey(chainID)
	if err != nil || !bytes.Equal(got.Bytes, b.key.Bytes) {
		t.Errorf("public key: got %v (%v), want %v", got, err, b.key)
	}
	v := prevote(5, 0, blockA)
	_, err = b.node.SignVote(chainID, &v, false)
	b.wantRefusal("vote", err)
	p := proposal(5, 0, blockA)
	_, err = b.node.SignProposal(chainID, &p)
	b.wantRefusal("proposal", err)
}

// testFarHeight: one request for a far height must not use up all heights.
func testFarHeight(t *testing.T, series Series) {
	b := newBench(t, series, "tcp", Ed25519)
	// The first advance may be large: the chain is older than the state.
	b.signVote(prevote(500_000_000, 0, blockA))
	for _, far := range []int64{500_000_000 + 100_000, 1 << 40, math.MaxInt64 - 1, math.MaxInt64} {
		v := prevote(far, 0, blockA)
		_, err := b.node.SignVote(chainID, &v, false)
		b.wantRefusal(fmt.Sprintf("height %d", far), err)
	}
	b.signVote(precommit(500_000_000, 0, blockA))
	b.signVote(prevote(500_000_001, 0, blockA))
	b.signVote(prevote(500_000_500, 0, blockA))
	b.sameLink()
}

// testImport takes a FilePV's state over and goes on where that ended.
func testImport(t *testing.T, series Series) {
	b := &bench{T: t, series: series, keyType: Ed25519, secret: SecretNamed(t.Name())}
	b.node = listen(t, series, "unix")
	b.key = series.PublicKey(b.keyType, b.secret)

	stateFile := filepath.Join(tempDir(t), "priv_validator_state.json")
	oracle, err := series.NewOracle(stateFile, b.keyType, b.secret)
	if err != nil {
		t.Fatal(err)
	}
	last := precommit(777, 2, blockA)
	signed, err := oracle.SignVote(chainID, last, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stateFile); err != nil {
		t.Fatal(err)
	}

	settings := b.settings()
	settings.Arm = []string{}
	b.subject = NewSubject(t, settings)
	t.Log(b.subject.Command("state", "import", "-c", b.subject.ConfigPath(), chainID, stateFile, "--from", "cometbft", "--yes"))
	t.Log(b.subject.Command("state", "show", "-c", b.subject.ConfigPath(), chainID))
	b.subject.Start()
	Connect(t, b.node)

	for _, lower := range []Vote{prevote(777, 2, blockA), precommit(777, 1, blockA), precommit(776, 5, blockA), precommit(777, 2, blockB), precommit(777, 2, BlockID{})} {
		_, err := b.node.SignVote(chainID, &lower, false)
		b.wantRefusal(Request{Vote: &lower}.String(), err)
	}
	for _, seconds := range []int64{0, 7} {
		v := last
		v.Timestamp.Seconds += seconds
		got := b.signVote(v)
		if !bytes.Equal(got.Signature, signed.Signature) || got.Timestamp != last.Timestamp {
			t.Errorf("replay %d s later: signature %x at %v, want %x at %v", seconds, []byte(got.Signature), got.Timestamp, []byte(signed.Signature), last.Timestamp)
		}
	}
	b.signVote(prevote(778, 0, blockB))
	b.sameLink()
}

// testSeveralNodes has nodes of one chain ask at once for different blocks.
func testSeveralNodes(t *testing.T, series Series) {
	const nodes, positions = 3, 200
	b := &bench{T: t, series: series, keyType: Ed25519, secret: SecretNamed(t.Name())}
	b.key = series.PublicKey(b.keyType, b.secret)
	var links []Node
	var addresses []string
	for i := range nodes {
		links = append(links, listen(t, series, []string{"tcp", "unix"}[i%2]))
		addresses = append(addresses, links[i].Address())
	}
	b.subject = NewSubject(t, Settings{ChainID: chainID, KeyType: b.keyType, Secret: b.secret, Private: b.series.PrivateKey(b.keyType, b.secret), Addresses: addresses})
	b.subject.Start()
	for _, link := range links {
		Connect(t, link)
	}
	wins := map[int]int{}
	for n := range positions {
		blocks := []BlockID{blockA, blockB, {}}
		got := make([]Vote, nodes)
		errs := make([]error, nodes)
		var wait sync.WaitGroup
		for i, link := range links {
			wait.Go(func() {
				v := precommit(int64(1+n/2), int32(n%2), blocks[i])
				got[i], errs[i] = link.SignVote(chainID, &v, false)
			})
		}
		wait.Wait()
		signed := 0
		for i, err := range errs {
			var refusal *Refusal
			if err == nil {
				signed++
				wins[i]++
				b.checkVote(precommit(int64(1+n/2), int32(n%2), blocks[i]), got[i])
			} else if !asRefusal(err, &refusal) {
				t.Fatalf("position %d, node %d: %v", n, i, err)
			}
		}
		if signed != 1 {
			t.Fatalf("position %d: %d of %d conflicting votes were signed (%v)", n, signed, nodes, errs)
		}
	}
	for i, link := range links {
		if link.Accepts() != 1 {
			t.Errorf("node %d accepted %d links", i, link.Accepts())
		}
	}
	t.Logf("who was first: %v", wins)
}

// testRedial drops the link from the node's side.
func testRedial(t *testing.T, series Series) {
	for _, scheme := range []string{"tcp", "unix"} {
		t.Run(scheme, func(t *testing.T) {
			b := newBench(t, series, scheme, Ed25519)
			b.signVote(prevote(5, 0, blockA))
			for range 3 {
				// A node that wants a link before its listener is back from the last one is not heard by it, and waits for the
				// three seconds in which it accepts: its own race, and in the way of what is looked at here.
				time.Sleep(100 * time.Millisecond)
				b.node.Drop()
				dropped := time.Now()
				Connect(t, b.node)
				// The contract is a second with its jitter; the rest is for a busy machine.
				took := time.Since(dropped)
				t.Logf("linked again after %v", took)
				if took > 2*time.Second {
					t.Errorf("linked again only after %v", took)
				}
			}
			b.signVote(precommit(5, 0, blockA))
			v := precommit(5, 0, blockB)
			var refusal *Refusal
			if _, err := b.node.SignVote(chainID, &v, false); !asRefusal(err, &refusal) {
				t.Errorf("conflict after the links were dropped: %v", err)
			}
		})
	}
}

func testTerminate(t *testing.T, series Series) {
	b := newBench(t, series, "tcp", Ed25519)
	b.signVote(prevote(5, 0, blockA))
	began := time.Now()
	b.subject.Terminate()
	t.Logf("ended after %v", time.Since(began))
	b.subject.Start()
	Connect(t, b.node)
	b.signVote(precommit(5, 0, blockA))
	b.subject.Terminate()
}

// testExtensionsOff: an operator may turn extensions off.
func testExtensionsOff(t *testing.T, series Series) {
	b := newBench(t, series, "tcp", Ed25519, "sign_extensions = false")
	v := precommit(5, 0, blockA)
	v.Extension = Hex("an extension")
	got, err := b.node.SignVote(chainID, &v, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.ExtensionSignature) > 0 {
		t.Errorf("the extension was signed")
	}
	if !series.Verify(b.key, series.VoteSignBytes(chainID, v), got.Signature) {
		t.Errorf("the signature does not verify")
	}
}

// testSkip: where the request says so, the extension is not signed, on a replay
// neither.
func testSkip(t *testing.T, series Series) {
	b := newBench(t, series, "tcp", Ed25519)
	v := precommit(5, 0, blockA)
	for range 2 {
		got, err := b.node.SignVote(chainID, &v, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.ExtensionSignature) > 0 {
			t.Errorf("the extension was signed")
		}
		if !series.Verify(b.key, series.VoteSignBytes(chainID, v), got.Signature) {
			t.Errorf("the signature does not verify")
		}
	}
	b.signVote(v)
}
