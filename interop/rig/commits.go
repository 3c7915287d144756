package rig

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// chainTold is what `tmkms status` says that the chain says.
type chainTold struct {
	Since       int64   `json:"since_height"`
	Newest      int64   `json:"newest_height"`
	Signed      int64   `json:"signed_height"`
	Power       int64   `json:"voting_power"`
	Committed   int     `json:"committed"`
	Nil         int     `json:"nil"`
	Uncommitted int     `json:"uncommitted"`
	Absent      int     `json:"absent"`
	Outside     int     `json:"outside"`
	Heights     []int64 `json:"uncommitted_heights"`
}

// status asks the running binary what it knows of its one chain's commits.
func (s *Subject) status() chainTold {
	s.t.Helper()
	// Its exit code says whether a node is linked.
	out, _ := exec.Command(s.binary, "status", "--json", "-c", s.ConfigPath()).Output()
	var answer struct {
		Chains []struct {
			RPC chainTold `json:"rpc"`
		} `json:"chains"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || len(answer.Chains) != 1 {
		s.t.Fatalf("status --json: %v\n%s", err, out)
	}
	return answer.Chains[0].RPC
}

var precommitForBlock = regexp.MustCompile(`\bsigned precommit:([0-9A-F]+) at (\d+)/`)

// precommits are the heights at which the log says that one was signed for a block.
func (s *Subject) precommits() map[int64]bool {
	s.t.Helper()
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		s.t.Fatal(err)
	}
	heights := map[int64]bool{}
	for _, found := range precommitForBlock.FindAllStringSubmatch(string(text), -1) {
		height, err := strconv.ParseInt(found[2], 10, 64)
		if err != nil {
			s.t.Fatal(err)
		}
		heights[height] = true
	}
	return heights
}

// Commits is a validator that misses votes on purpose, in a network of four: it is paused, and later so slow that its
// votes come when the others have decided. What it says of its votes must be what the node's own commits hold, height by height.
func (s Suite) Commits(t *testing.T) {
	binaryOnly(t)
	t.Parallel()
	secret := SecretNamed(t.Name())
	ports := []int{FreePort(t), FreePort(t)}
	spec := NodeSpec{
		Home: tempDir(t), ChainID: chainID, Validator: s.Series.PublicKey(Ed25519, secret), Others: 3, RPC: ports,
		Listen: fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t)),
	}
	_, address := SplitAddress(spec.Listen)
	link := newCutter(t, address)
	subject := NewSubject(t, Settings{
		ChainID: chainID, KeyType: Ed25519, Secret: secret, Addresses: []string{"tcp://" + link.listener.Addr().String()},
		// One at which nobody listens must not be in the way.
		Chain: []string{fmt.Sprintf(`rpc = ["http://127.0.0.1:%d", "http://127.0.0.1:%d", "http://127.0.0.1:%d"]`, ports[0], ports[1], FreePort(t))},
	})
	node := NewRealNode(t, spec)
	subject.Start()
	node.Start()
	node.Reach(10)
	subject.Command("pause", chainID, "--why", "to miss votes", "-c", subject.ConfigPath())
	node.Reach(node.Height() + 5)
	subject.Command("resume", chainID, "-c", subject.ConfigPath())
	node.Reach(node.Height() + 15)
	// How late is too late for the others, and not for its own node, depends on the machine.
	for _, late := range []int{300, 200, 150, 250, 350, 100} {
		link.slow(time.Duration(late) * time.Millisecond)
		node.Reach(node.Height() + 12)
		if subject.status().Uncommitted > 0 {
			break
		}
	}
	link.slow(0)
	node.Reach(node.Height() + 20)
	height := node.Height() - 1
	var found chainTold
	node.wait("what the chain says", 60*time.Second, func() bool {
		found = subject.status()
		return found.Newest >= height
	})
	node.Reach(found.Newest + 3)
	node.Tell("end")
	checked := node.End()
	t.Logf("%+v", found)

	signed := subject.precommits()
	var missed, lost []int64
	for _, height := range checked.Missed {
		if height < found.Since || height > found.Newest {
			continue
		}
		missed = append(missed, height)
		if signed[height] {
			lost = append(lost, height)
		}
	}
	all := int(found.Newest - found.Since + 1)
	if got := found.Uncommitted + found.Absent + found.Nil; got != len(missed) {
		t.Errorf("%d heights are told as missed, and the node's commits lack its vote at %d: %d", got, len(missed), missed)
	}
	if found.Committed != all-len(missed) || found.Outside != 0 {
		t.Errorf("%d of %d commits are told to hold its vote, and %d do", found.Committed, all, all-len(missed))
	}
	if !slices.Equal(found.Heights, lost[max(0, len(lost)-len(found.Heights)):]) || found.Uncommitted != len(lost) {
		t.Errorf("signed and not committed are told to be %d at %d, and are %d at %d", found.Uncommitted, found.Heights, len(lost), lost)
	}
	if found.Uncommitted == 0 || found.Absent == 0 || found.Power != 10 {
		t.Errorf("votes were to be lost in both ways: %+v", found)
	}
}
