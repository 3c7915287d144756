package rig

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Codes of refusals (docs/protocol.md).
const (
	belowFloor  = 16
	awaitsChain = 17
)

var (
	signedAt     = regexp.MustCompile(`\bsigned (?:prevote|precommit|proposal):\w+ at (\d+)/`)
	secondAt     = regexp.MustCompile(`ANOTHER SIGNER HAS THIS KEY: the commit of height (\d+) has a vote`)
	behindAt     = regexp.MustCompile(`the watermark is at (\d+), and the commits of the chain show votes of this key up to height (\d+)`)
	heightInFile = regexp.MustCompile(`"height":"(\d+)"`)
)

// with puts lines into the [[chain]] of a host that is not running.
func (h *handOverHost) with(lines ...string) {
	h.t.Helper()
	h.edit("[[chain]]\n", "[[chain]]\n"+strings.Join(lines, "\n")+"\n")
}

// edit changes the configuration, which must have what is replaced.
func (h *handOverHost) edit(before, after string) {
	h.t.Helper()
	text, err := os.ReadFile(h.config)
	if err != nil {
		h.t.Fatal(err)
	}
	if !strings.Contains(string(text), before) {
		h.t.Fatalf("no %q in\n%s", before, text)
	}
	if err := os.WriteFile(h.config, []byte(strings.Replace(string(text), before, after, 1)), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// numbers are what all matches in a file of the home have in their groups.
func (h *handOverHost) numbers(file string, form *regexp.Regexp) [][]int64 {
	h.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		h.t.Fatal(err)
	}
	var all [][]int64
	for _, found := range form.FindAllStringSubmatch(string(text), -1) {
		var numbers []int64
		for _, group := range found[1:] {
			number, err := strconv.ParseInt(group, 10, 64)
			if err != nil {
				h.t.Fatal(err)
			}
			numbers = append(numbers, number)
		}
		all = append(all, numbers)
	}
	return all
}

// signed are the lowest and the highest height at which its log has a signature of any kind, and how many those are.
func (h *handOverHost) signed() (lowest, highest int64, signatures int) {
	h.t.Helper()
	for _, found := range h.numbers(h.log, signedAt) {
		if signatures == 0 || found[0] < lowest {
			lowest = found[0]
		}
		highest = max(highest, found[0])
		signatures++
	}
	return lowest, highest, signatures
}

// watermark is the height in its state file.
func (h *handOverHost) watermark() int64 {
	h.t.Helper()
	highest := int64(0)
	for _, found := range h.numbers(filepath.Join(filepath.Dir(h.config), "state.json"), heightInFile) {
		highest = max(highest, found[0])
	}
	return highest
}

func (h *handOverHost) stop() {
	h.t.Helper()
	if err := h.running.terminate(5 * time.Second); err != nil {
		h.t.Errorf("SIGTERM: %v", err)
	}
}

// status is what the command says, whether or not it calls the chain well.
func (h *handOverHost) status() string {
	h.t.Helper()
	words := h.words("status")
	out, _ := run(h.t, words[0], words[1:]...)
	return out
}

// rpcOf is the setting that names the nodes at these ports.
func rpcOf(ports ...int) string {
	var urls []string
	for _, port := range ports {
		urls = append(urls, fmt.Sprintf(`"http://127.0.0.1:%d"`, port))
	}
	return "rpc = [" + strings.Join(urls, ", ") + "]"
}

// committed are the heights from one to another whose commits hold a vote of the validator for the block, as the RPC of a node says.
func committed(t *testing.T, port int, validator PublicKey, from, to int64) map[int64]bool {
	t.Helper()
	hash := sha256.Sum256(validator.Bytes)
	address := fmt.Sprintf("%X", hash[:20])
	heights := map[int64]bool{}
	for height := from; height <= to; height++ {
		commit := askCommit(t, port, height)
		if !commit.Canonical {
			t.Fatalf("the commit of height %d is not in the next block: %+v", height, commit)
		}
		for _, vote := range commit.SignedHeader.Commit.Signatures {
			// 2 is a vote for the block of the commit.
			if vote.Flag == 2 && vote.Address == address {
				heights[height] = true
			}
		}
	}
	return heights
}

// rpcCommit is what the RPC of a node says of a commit.
type rpcCommit struct {
	// Canonical says that it stands in the next block.
	Canonical    bool
	SignedHeader struct {
		Commit struct {
			Signatures []struct {
				Flag    int    `json:"block_id_flag"`
				Address string `json:"validator_address"`
			}
		}
	} `json:"signed_header"`
}

// askCommit asks for a commit; that of a height which is not there yet is empty.
func askCommit(t *testing.T, port int, height int64) rpcCommit {
	t.Helper()
	reply, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/commit?height=%d", port, height))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	var answer struct{ Result rpcCommit }
	if err := json.NewDecoder(reply.Body).Decode(&answer); err != nil {
		t.Fatalf("the commit of height %d: %v", height, err)
	}
	return answer.Result
}

// highestOf is the highest of some heights.
func highestOf(heights map[int64]bool) int64 {
	highest := int64(0)
	for height := range heights {
		highest = max(highest, height)
	}
	return highest
}

// SecondSigner is a validator whose key comes to a second host by mistake, with a node of the same validator, in a network of four
// that goes on. The second host must notice the first one in the commits before its first signature, and stay paused over a
// restart; the first one must not be disturbed.
func (s Suite) SecondSigner(t *testing.T) {
	binaryOnly(t)
	t.Parallel()
	secret := SecretNamed(t.Name())
	sockets := tempDir(t)
	ports := []int{FreePort(t), FreePort(t), FreePort(t)}
	spec := NodeSpec{
		Home: tempDir(t), ChainID: chainID, Validator: s.Series.PublicKey(Ed25519, secret), Others: 3,
		Listen:      "unix://" + filepath.Join(sockets, "node.sock"),
		ListenTwins: []string{"unix://" + filepath.Join(sockets, "twin.sock")},
		// Not the two nodes of the validator itself: whoever copies a key asks others.
		RPC: append([]int{0}, ports...),
	}
	// The first host has the network namespace of its own here, because the second one must reach the RPC.
	first := newHandOverHost(t, "first", spec.Listen, secret, true)
	second := newHandOverHost(t, "second", spec.ListenTwins[0], secret, false)
	second.with(rpcOf(ports...), "doppelganger_blocks = 5")
	first.tmkms("state", "init", chainID, "--never-signed")
	first.start()
	// The second one begins as a host that gives its node the public key and signs nothing.
	second.startUntil("not armed")
	node := NewRealNode(t, spec)
	node.Start()
	node.Reach(10)
	// Its node takes part, so it asks for votes.
	second.waitFor("refused (not_armed)", 0)
	second.stop()

	at := node.Height()
	second.tmkms("state", "init", chainID, "--height", fmt.Sprint(at))
	second.start()
	second.waitFor("ANOTHER SIGNER HAS THIS KEY", 0)
	noticed := node.Height()
	second.waitFor("refused (paused)", 0)
	node.Reach(noticed + 10)
	second.running.kill()
	refused := second.count("refused (paused)")
	second.start()
	again := node.Height()
	second.waitFor("refused (paused)", refused)
	node.Reach(again + 10)
	if text := second.status(); !strings.Contains(text, "another signer has this key: it signed at height") {
		t.Errorf("status does not say why nothing is signed:\n%s", text)
	}
	// The log of the signer leaves lines of one kind out.
	waiting, paused := strings.Count(node.log(), "returned error #17"), strings.Count(node.log(), "returned error #13")
	end := node.Height() - 1
	votes := committed(t, ports[0], spec.Validator, 1, end)
	node.Tell("end")
	found := node.End()

	if lowest, highest, signatures := second.signed(); signatures > 0 {
		t.Errorf("the second host has signed %d times, at heights %d to %d", signatures, lowest, highest)
	}
	if watermark := second.watermark(); watermark != at {
		t.Errorf("the watermark of the second host is at %d, and was begun at %d", watermark, at)
	}
	seen := second.numbers(second.log, secondAt)
	if len(seen) == 0 || !votes[seen[0][0]] || seen[0][0] <= at {
		t.Fatalf("a second signer is told at %d, above %d; the commits with the key's votes are those of %v", seen, at, votes)
	}
	precommits := first.precommits()
	var unsigned, missed []int64
	for height := at; height <= end; height++ {
		if !precommits[height] {
			unsigned = append(unsigned, height)
		}
		if !votes[height] {
			missed = append(missed, height)
		}
	}
	t.Logf("the second host was armed at height %d, and had noticed the first one by height %d, in the commit of %d; its node was "+
		"refused %d times before (awaits_chain) and %d times after (paused), and nothing was signed; from height %d to %d the first host "+
		"has signed at all but %d, and all commits but those of %d hold its vote", at, noticed, seen[0][0], waiting, paused, at, end, unsigned, missed)
	if waiting == 0 || paused == 0 {
		t.Error("its node was to be refused before and after")
	}
	if len(unsigned) > 0 || len(missed) > spared {
		t.Errorf("the first host was disturbed: nothing signed at %d, not committed at %d", unsigned, missed)
	}
	if found.Positions < 2*found.Signed {
		t.Errorf("only %d positions in the write-ahead log for %d commits", found.Positions, found.Signed)
	}
}

// Floor is a validator whose state is behind twice, as that of a disk that was rolled back is, in a network of four that goes on.
// With `floor = "refuse"` nothing is signed up to the height that the commits show, not even for a node that asks for it, and with
// `floor = "warn"` it is told.
func (s Suite) Floor(t *testing.T) {
	binaryOnly(t)
	t.Parallel()
	const (
		back = 20
		// newest are blocks whose commits are not waited for when the chain is heard.
		newest = 4
	)
	secret := SecretNamed(t.Name())
	ports := []int{FreePort(t), FreePort(t)}
	spec := NodeSpec{
		Home: tempDir(t), ChainID: chainID, Validator: s.Series.PublicKey(Ed25519, secret), Others: 3,
		Listen: "unix://" + filepath.Join(tempDir(t), "node.sock"),
		RPC:    append([]int{0}, ports...),
	}
	host := newHandOverHost(t, "before", spec.Listen, secret, false)
	host.tmkms("state", "init", chainID, "--never-signed")
	host.start()
	node := NewRealNode(t, spec)
	node.Start()
	node.Reach(30)

	for _, mode := range []string{"refuse", "warn"} {
		host.stop()
		_, highest, _ := host.signed()
		host = newHandOverHost(t, mode, spec.Listen, secret, false)
		host.with(rpcOf(ports...), fmt.Sprintf("floor = %q", mode))
		behind := highest - back
		host.tmkms("state", "init", chainID, "--height", fmt.Sprint(behind))
		// At first its node is one whose data was rolled back with the disk: it asks for what the key has signed.
		old, err := s.Series.Listen("unix://" + filepath.Join(tempDir(t), "old.sock"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(old.Close)
		host.edit(spec.Listen, old.Address())
		host.start()
		Connect(t, old)
		host.waitFor("the commits of the chain show votes of this key", 0)
		told := host.numbers(host.log, behindAt)
		if len(told) != 1 || told[0][0] != behind {
			t.Fatalf("%s: watermark and commits are told to be at %d, and the watermark is at %d", mode, told, behind)
		}
		floor := told[0][1]
		if mode == "refuse" {
			host.refusesUpTo(old, behind, floor)
		} else {
			// What is refused because of the floor would be signed without one.
			early := precommit(behind+1, 0, blockB)
			if _, err := old.SignVote(chainID, &early, false); err != nil {
				t.Errorf("a floor that only warns: height %d: %v", behind+1, err)
			}
		}
		host.edit(old.Address(), spec.Listen)
		host.tmkms("reload")
		began := node.Height()
		node.wait("votes for the real node", 30*time.Second, func() bool {
			_, now, _ := host.signed()
			return now > highest
		})
		// More than a few, because the node lags behind the others when its signer was gone.
		node.Reach(max(began, node.Height()) + 25)
		end := node.Height() - 1
		// What is signed now is above `highest`.
		top := highestOf(committed(t, ports[0], spec.Validator, behind+1, highest))
		after := committed(t, ports[0], spec.Validator, highest+1, end)
		lowest, now, signatures := host.signed()
		t.Logf("floor = %q: watermark at %d, votes told up to %d; the key had signed up to %d and in commits up to %d; then %d signatures at "+
			"heights %d to %d, and %d commits of %d to %d hold its vote", mode, behind, floor, highest, top, signatures, lowest, now, len(after), highest+1, end)
		if mode == "refuse" && lowest <= highest {
			t.Errorf("signed at %d, and the key had signed up to %d", lowest, highest)
		}
		if floor > top || floor < top-newest {
			t.Errorf("%s: votes are told up to %d, and the commits have them up to %d", mode, floor, top)
		}
		if len(after) < 5 {
			t.Errorf("%s: only %d commits hold its vote again", mode, len(after))
		}
	}
	node.Tell("end")
	found := node.End()
	if found.Positions < 2*found.Signed {
		t.Errorf("only %d positions in the write-ahead log for %d commits", found.Positions, found.Signed)
	}
}

// refusesUpTo asks for votes that are above the watermark, at each height that the key has signed already.
func (h *handOverHost) refusesUpTo(old Node, behind, top int64) {
	h.t.Helper()
	code := func(vote Vote) (int, error) {
		_, err := old.SignVote(chainID, &vote, false)
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			return 0, err
		}
		return refusal.Code, err
	}
	// The floor is told a moment before the wait for it ends.
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if now, _ := code(prevote(behind+1, 0, blockB)); now != awaitsChain {
			break
		}
	}
	asked := 0
	for height := behind + 1; height <= top; height++ {
		for _, vote := range []Vote{prevote(height, 0, blockB), precommit(height, 7, blockB)} {
			asked++
			if now, err := code(vote); now != belowFloor {
				h.t.Errorf("%v is not refused because of the floor at %d: %v", Request{Vote: &vote}, top, err)
			}
		}
	}
	h.t.Logf("%d votes at heights %d to %d were asked for, above the watermark", asked, behind+1, top)
}
