package rig

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const chainID = "interop-1"

// Suite is the tests of one series; each is called by a test function of its own.
type Suite struct{ Series Series }

// binaryOnly leaves a test out that asks for more than CometBFT's own remote
// signer can do, when that stands in for the binary.
func binaryOnly(t *testing.T) {
	t.Helper()
	if ControlIsSubject() {
		t.Skip("only the binary promises this")
	}
}

// EveryMessage asks for every message type as a node does.
func (s Suite) EveryMessage(t *testing.T) {
	for _, scheme := range schemes(s.Series) {
		for _, keyType := range s.Series.Traits().KeyTypes {
			t.Run(scheme+"/"+keyType, func(t *testing.T) { testClient(t, s.Series, scheme, keyType) })
		}
	}
	t.Run("idle link is kept", func(t *testing.T) { testIdle(t, s.Series) })
}

// Oracle sends random requests to the signer and to FilePV.
func (s Suite) Oracle(t *testing.T) {
	t.Run("unix", func(t *testing.T) { testOracle(t, s.Series, "unix", Ed25519, requests(t)) })
	t.Run("tcp", func(t *testing.T) { testOracle(t, s.Series, "tcp", Ed25519, requests(t)/5) })
	for _, keyType := range s.Series.Traits().KeyTypes {
		if keyType != Ed25519 {
			t.Run(keyType, func(t *testing.T) { testOracle(t, s.Series, "unix", keyType, requests(t)/10) })
		}
	}
	if noise(s.Series) {
		t.Run("noise", func(t *testing.T) { testOracle(t, s.Series, "noise", Ed25519, requests(t)) })
	}
}

// noise says whether the signer under test is to be asked over noise, which the control does not speak.
func noise(s Series) bool { return s.Traits().Noise && !ControlIsSubject() }

func schemes(s Series) []string {
	if noise(s) {
		return []string{"tcp", "unix", "noise"}
	}
	return []string{"tcp", "unix"}
}

// Promises are what the binary promises beyond FilePV's semantics.
func (s Suite) Promises(t *testing.T) {
	binaryOnly(t)
	type test struct {
		name string
		run  func(*testing.T, Series)
	}
	tests := []test{
		{"unarmed chain answers and signs nothing", testUnarmed},
		{"far height does not silence the chain", testFarHeight},
		{"state of CometBFT is taken over", testImport},
		{"one signature for several nodes that disagree", testSeveralNodes},
		{"dropped link is dialled again at once", testRedial},
		{"SIGTERM ends with exit code 0", testTerminate},
	}
	if s.Series.Traits().Extensions {
		tests = append(tests,
			test{"extension of 1 MiB over tcp", func(t *testing.T, s Series) { testLargeExtension(t, s, "tcp") }},
			test{"extension of 1 MiB over unix", func(t *testing.T, s Series) { testLargeExtension(t, s, "unix") }},
			test{"sign_extensions = false", testExtensionsOff},
		)
	}
	if s.Series.Traits().Extensions && noise(s.Series) {
		large := func(t *testing.T, s Series) { testLargeExtension(t, s, "noise") }
		tests = append(tests, test{"extension of 1 MiB over noise", large})
	}
	if s.Series.Traits().SkipExtension {
		tests = append(tests, test{"skipped extensions", testSkip})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, s.Series) })
	}
}

// Invalid sends what no sound node sends.
func (s Suite) Invalid(t *testing.T) {
	binaryOnly(t)
	t.Run("values", func(t *testing.T) { testInvalid(t, s.Series) })
	t.Run("chain", func(t *testing.T) { testWrongChain(t, s.Series) })
}

// RealNode has real nodes make blocks.
func (s Suite) RealNode(t *testing.T) {
	run := func(name string, settings ChainSettings) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			NodeTest(t, s.Series, settings)
		})
	}
	from := int64(0)
	if s.Series.Traits().Extensions {
		from = 8
		run("extensions of 500 KB", ChainSettings{Scheme: "tcp", Blocks: 10, ExtensionsFrom: 1, ExtensionBytes: 500_000})
	}
	if noise(s.Series) {
		run("noise", ChainSettings{Scheme: "noise", Blocks: 20, Kills: true, ExtensionsFrom: from, ExtensionBytes: 7})
		run("noise, extensions of 500 KB", ChainSettings{Scheme: "noise", Blocks: 10, ExtensionsFrom: 1, ExtensionBytes: 500_000})
	}
	for _, keyType := range s.Series.Traits().KeyTypes {
		// v0.40.0 with the tag bls12381 ends in its first block, whoever signs: PubKeyFromProto gives a pointer that
		// PubKeyToProto does not take (crypto/encoding/codec.go).
		broken := keyType == "bls12_381" && s.Series.Traits().Name == "v0.40"
		if keyType != Ed25519 && !broken {
			run(keyType, ChainSettings{KeyType: keyType, Scheme: "tcp", Blocks: 20, Kills: true, ExtensionsFrom: from})
		}
	}
	run("undisturbed", ChainSettings{Scheme: "tcp", Blocks: 12, ExtensionsFrom: from})
	run("tcp", ChainSettings{Scheme: "tcp", Blocks: 20, Kills: true, ExtensionsFrom: from})
	run("unix", ChainSettings{Scheme: "unix", Blocks: 20, Kills: true, ExtensionsFrom: from, ExtensionBytes: 7})
}

// Network is four validators in one process.
func (s Suite) Network(t *testing.T) {
	// The control does not dial again after its link was cut.
	binaryOnly(t)
	t.Parallel()
	NetworkTest(t, s.Series, s.Series.Traits().Extensions)
}

func requests(t testing.TB) int {
	return int(envNumber(t, "INTEROP_REQUESTS", 20_000))
}

// seed is new in each run, unless the environment says which.
func seed(t testing.TB) uint64 {
	s := envNumber(t, "INTEROP_SEED", rand.Uint64N(1_000_000_000))
	t.Logf("INTEROP_SEED=%d repeats the requests of this run", s)
	return s
}

func envNumber(t testing.TB, name string, usual uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		t.Fatalf("%s=%q: %v", name, text, err)
	}
	return n
}

// runSalt keeps runs that go on at the same time from having the same keys, for
// two signers with one key for one chain refuse each other.
var runSalt = rand.Uint64()

// SecretNamed is the secret of a test's key.
func SecretNamed(name string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "interop %d %s", runSalt, name))
}

// listen opens the node's side over tcp, noise or unix.
func listen(t testing.TB, series Series, scheme string) Node {
	t.Helper()
	address := scheme + "://127.0.0.1:0"
	if scheme == "unix" {
		address = "unix://" + filepath.Join(tempDir(t), "node.sock")
	}
	node, err := series.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Close)
	return node
}

// bench is a running signer and a node that it is connected to.
type bench struct {
	*testing.T
	series  Series
	node    Node
	subject *Subject
	key     PublicKey
	secret  [32]byte
	keyType string
}

func newBench(t *testing.T, series Series, scheme, keyType string, chain ...string) *bench {
	t.Helper()
	b := &bench{T: t, series: series, keyType: keyType, secret: SecretNamed(t.Name())}
	b.node = listen(t, series, scheme)
	b.key = series.PublicKey(keyType, b.secret)
	b.subject = NewSubject(t, b.settings(chain...))
	b.subject.Start()
	Connect(t, b.node)
	return b
}

func (b *bench) settings(chain ...string) Settings {
	return Settings{ChainID: chainID, KeyType: b.keyType, Secret: b.secret, Private: b.series.PrivateKey(b.keyType, b.secret), Addresses: []string{b.node.Address()}, Chain: chain}
}

// sameLink fails unless the link is still the first one.
func (b *bench) sameLink() {
	b.Helper()
	if n := b.node.Accepts(); n != 1 {
		b.Errorf("the link was replaced: %d links were accepted so far", n)
	}
}

// wantRefusal fails unless the error is a refusal that says why.
func (b *bench) wantRefusal(what string, err error) {
	b.Helper()
	var refusal *Refusal
	switch {
	case err == nil:
		b.Errorf("%s: was SIGNED", what)
	case !asRefusal(err, &refusal):
		b.Errorf("%s: was not answered with a refusal but: %v", what, err)
	case refusal.Description == "":
		b.Errorf("%s: was refused without a word", what)
	default:
		b.Logf("%s: %v", what, refusal)
	}
	b.sameLink()
}

// signVote has a vote signed and looks at what came back.
func (b *bench) signVote(v Vote) Vote {
	b.Helper()
	got, err := b.node.SignVote(chainID, &v, false)
	if err != nil {
		b.Fatalf("%v: %v", Request{Vote: &v}, err)
	}
	b.checkVote(v, got)
	return got
}

// checkVote verifies the signatures of a reply over what was asked, with the
// timestamp of the reply.
func (b *bench) checkVote(asked, got Vote) {
	b.Helper()
	signed := asked
	signed.Timestamp = got.Timestamp
	if !b.series.Verify(b.key, b.series.VoteSignBytes(chainID, signed), got.Signature) {
		b.Errorf("%v: the signature %x does not verify", Request{Vote: &asked}, []byte(got.Signature))
	}
	if !b.series.Traits().Extensions {
		return
	}
	if asked.Type == TypePrecommit && !asked.BlockID.IsNil() {
		if !b.series.Verify(b.key, b.series.ExtensionSignBytes(chainID, asked), got.ExtensionSignature) {
			b.Errorf("%v: the extension signature %x does not verify", Request{Vote: &asked}, []byte(got.ExtensionSignature))
		}
	} else if len(got.ExtensionSignature) > 0 {
		b.Errorf("%v: has an extension signature, which makes the vote invalid", Request{Vote: &asked})
	}
}

func (b *bench) signProposal(p Proposal) Proposal {
	b.Helper()
	got, err := b.node.SignProposal(chainID, &p)
	if err != nil {
		b.Fatalf("%v: %v", Request{Proposal: &p}, err)
	}
	signed := p
	signed.Timestamp = got.Timestamp
	if !b.series.Verify(b.key, b.series.ProposalSignBytes(chainID, signed), got.Signature) {
		b.Errorf("%v: the signature %x does not verify", Request{Proposal: &p}, []byte(got.Signature))
	}
	return got
}

var (
	blockA = universeBlocks[1]
	blockB = universeBlocks[2]
)

func now() Timestamp { return TimestampOf(time.Now()) }

func prevote(height int64, round int32, block BlockID) Vote {
	return Vote{
		Type: TypePrevote, Height: height, Round: round, BlockID: block, Timestamp: now(),
		ValidatorAddress: Hex("twenty bytes of text"), ValidatorIndex: 3,
	}
}

func precommit(height int64, round int32, block BlockID) Vote {
	v := prevote(height, round, block)
	v.Type = TypePrecommit
	return v
}

func proposal(height int64, round int32, block BlockID) Proposal {
	return Proposal{Type: TypeProposal, Height: height, Round: round, PolRound: -1, BlockID: block, Timestamp: now()}
}

func testOracle(t *testing.T, series Series, scheme, keyType string, total int) {
	b := newBench(t, series, scheme, keyType)
	oracle, err := series.NewOracle(filepath.Join(tempDir(t), "oracle.json"), keyType, b.secret)
	if err != nil {
		t.Fatal(err)
	}
	c := Comparison{
		Series: series, Node: b.node, Oracle: oracle, ChainID: chainID, Seed: seed(t), Requests: total,
		KillEvery: max(1, total/20), Kill: b.subject.Kill, Start: b.subject.Start,
	}
	report, err := c.Run()
	t.Logf("%v", report)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Differences) > 0 {
		t.Fatalf("%d differences", len(report.Differences))
	}
	for _, class := range Classes(series.Traits()) {
		if n, want := report.Classes[class], total/100; n < want {
			t.Errorf("only %d requests were %q, at least %d must be", n, class, want)
		}
	}
	if report.Kills == 0 {
		t.Errorf("the signer was never killed")
	}
}
