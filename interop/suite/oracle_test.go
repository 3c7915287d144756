// CometBFT's file signer as the oracle: the same random requests through it and through the program, and the same
// decision, signature and timestamp from both.
package interop

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

const (
	oracleRequests = 20_000
	killEvery      = 2_500
)

func TestFilePVIsTheOracle(t *testing.T) {
	seed := time.Now().UnixNano()
	if text := os.Getenv("INTEROP_SEED"); text != "" {
		parsed, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = parsed
	}
	t.Logf("INTEROP_SEED=%d", seed)
	random := rand.New(rand.NewSource(seed))

	s, n := linked(t, "unix", consensusKey)
	dir := t.TempDir()
	oracle := privval.NewFilePV(s.key, filepath.Join(dir, "key.json"), filepath.Join(dir, "state.json"))
	seen := map[string]int{}
	height, kills := int64(1), int64(0)
	for i := 0; i < oracleRequests; i++ {
		if i > 0 && i%killEvery == 0 {
			s.kill()
			s.start()
			kills++
			// The client retries nothing by itself: the old link is found dead by the first request.
			waitForPublicKey(t, n)
		}
		if random.Intn(12) == 0 {
			height++
		}
		var class string
		if random.Intn(3) == 0 {
			class = oneProposal(t, random, s, n, oracle, height, i)
		} else {
			class = oneVote(t, random, s, n, oracle, height, i)
		}
		seen[class]++
	}
	t.Logf("decisions: %v", seen)
	for _, class := range []string{"signed", "replayed", "earlier time", "refused", "extension"} {
		if seen[class] < 100 {
			t.Errorf("only %d requests were of class %q: the universe is too thin", seen[class], class)
		}
	}
	if got := n.listener.accepted.Load(); got != 1+kills {
		t.Errorf("%d links for %d kills: a refusal ended a link", got, kills)
	}
}

func waitForPublicKey(t *testing.T, n *node) {
	t.Helper()
	var err error
	for try := 0; try < 50; try++ {
		if _, err = n.client.GetPubKey(); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the program is not back: %v", err)
}

func oneProposal(t *testing.T, random *rand.Rand, s *signer, n *node, oracle *privval.FilePV, height int64, i int) string {
	t.Helper()
	p := proposal(height-int64(random.Intn(2)), int32(random.Intn(2)), int32(random.Intn(2)-1), byte(1+random.Intn(2)), at(random))
	if p.Height < 1 {
		p.Height = 1
	}
	asked, expected, got := *p, *p, *p
	wanted := oracle.SignProposal(chainID, &expected)
	err := n.client.SignProposal(chainID, &got)
	where := fmt.Sprintf("request %d (%+v)", i, asked)
	if !sameDecision(t, wanted, err, where) {
		return "refused"
	}
	if !bytes.Equal(expected.Signature, got.Signature) {
		t.Fatalf("%s: another signature than FilePV's", where)
	}
	if !s.key.PubKey().VerifySignature(types.ProposalSignBytes(chainID, &got), got.Signature) && got.Timestamp.Equal(expected.Timestamp) {
		t.Fatalf("%s: the signature does not verify", where)
	}
	return "signed"
}

func oneVote(t *testing.T, random *rand.Rand, s *signer, n *node, oracle *privval.FilePV, height int64, i int) string {
	t.Helper()
	kind := cmtproto.PrevoteType
	if random.Intn(2) == 0 {
		kind = cmtproto.PrecommitType
	}
	var ext []byte
	if random.Intn(4) == 0 {
		ext = []byte{byte(random.Intn(256))}
	}
	v := vote(kind, height-int64(random.Intn(2)), int32(random.Intn(2)), byte(random.Intn(3)), at(random), ext)
	if v.Height < 1 {
		v.Height = 1
	}
	asked, expected, got := *v, *v, *v
	before := oracle.LastSignState.SignBytes
	wanted := oracle.SignVote(chainID, &expected)
	err := n.client.SignVote(chainID, &got)
	where := fmt.Sprintf("request %d (%+v)", i, asked)
	if !sameDecision(t, wanted, err, where) {
		return "refused"
	}
	if !bytes.Equal(expected.Signature, got.Signature) {
		t.Fatalf("%s: another signature than FilePV's", where)
	}
	if !got.Timestamp.Equal(expected.Timestamp) {
		t.Fatalf("%s: timestamp %v, FilePV says %v", where, got.Timestamp, expected.Timestamp)
	}
	hasExtension := len(expected.ExtensionSignature) > 0
	checkVote(t, s, &asked, &got, hasExtension, where)
	switch {
	case !got.Timestamp.Equal(asked.Timestamp):
		return "earlier time"
	case bytes.Equal(before, types.VoteSignBytes(chainID, &asked)):
		return "replayed"
	case hasExtension:
		return "extension"
	default:
		return "signed"
	}
}

func at(random *rand.Rand) time.Time {
	return noon.Add(time.Duration(random.Intn(2)) * time.Second)
}

// sameDecision says whether both signed; a refusal must come in-band.
func sameDecision(t *testing.T, wanted, err error, where string) bool {
	t.Helper()
	if (wanted == nil) != (err == nil) {
		t.Fatalf("%s: FilePV says %v, the program says %v", where, wanted, err)
	}
	if err == nil {
		return true
	}
	var remote *privval.RemoteSignerError
	if !errors.As(err, &remote) {
		t.Fatalf("%s: the refusal did not come in-band: %v", where, err)
	}
	return false
}
