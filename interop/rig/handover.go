package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// handOverHost is a home on a host of its own: what is shared between the two is the key, and the folder of the node's
// socket. The second one has a network namespace of its own, because the lock on chain and key reaches as far as the first's.
type handOverHost struct {
	t           *testing.T
	config, log string
	apart       bool
	running     *process
}

func newHandOverHost(t *testing.T, name, listen string, secret [32]byte, apart bool) *handOverHost {
	t.Helper()
	home := tempDir(t)
	h := &handOverHost{t: t, config: filepath.Join(home, "tmkms.toml"), log: filepath.Join(home, "log"), apart: apart}
	text := fmt.Sprintf("[[chain]]\nid = %[1]q\nstate_file = \"state.json\"\nallow_ephemeral_state = true\n"+
		"[[validator]]\nchain_id = %[1]q\naddr = %[2]q\n"+
		"[[providers.softsign]]\nchain_ids = [%[1]q]\npath = \"consensus.key\"\n", chainID, listen)
	for path, content := range map[string]string{h.config: text, filepath.Join(home, "consensus.key"): string(Base64Line(secret))} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if h.running != nil {
			h.running.kill()
		}
		keepLog(t, name, h.log)
	})
	return h
}

// words are those of a command of this program on this host.
func (h *handOverHost) words(arguments ...string) []string {
	words := append([]string{BinaryPath(h.t)}, append(arguments, "-c", h.config)...)
	switch {
	case h.apart && os.Geteuid() != 0:
		return append([]string{"unshare", "--map-root-user", "--net"}, words...)
	case h.apart:
		return append([]string{"unshare", "--net"}, words...)
	default:
		return words
	}
}

func (h *handOverHost) tmkms(arguments ...string) string {
	h.t.Helper()
	words := h.words(arguments...)
	out, code := run(h.t, words[0], words[1:]...)
	if code != 0 {
		h.t.Fatalf("tmkms %q: exit code %d\n%s", arguments, code, out)
	}
	return out
}

func (h *handOverHost) start() {
	h.t.Helper()
	h.startUntil("armed with the")
}

// startUntil starts the service and waits for these words in its log.
func (h *handOverHost) startUntil(said string) {
	h.t.Helper()
	words := h.words("start")
	before := h.count(said)
	var err error
	if h.running, err = startProcess(exec.Command(words[0], words[1:]...), h.log); err != nil {
		h.t.Fatal(err)
	}
	h.waitFor(said, before)
}

// waitFor waits until the log has these words more often than before.
func (h *handOverHost) waitFor(words string, before int) {
	h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); h.count(words) <= before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(h.log)
			h.t.Fatalf("no other %q in\n%s", words, text)
		}
	}
}

// count is how often the log has these words.
func (h *handOverHost) count(words string) int {
	text, err := os.ReadFile(h.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		h.t.Fatal(err)
	}
	return strings.Count(string(text), words)
}

var precommitAt = regexp.MustCompile(`\bsigned precommit:\w+ at (\d+)/`)

// precommits are the heights that it has signed one at.
func (h *handOverHost) precommits() map[int64]bool {
	h.t.Helper()
	text, err := os.ReadFile(h.log)
	if err != nil {
		h.t.Fatal(err)
	}
	heights := map[int64]bool{}
	for _, found := range precommitAt.FindAllStringSubmatch(string(text), -1) {
		height, err := strconv.ParseInt(found[1], 10, 64)
		if err != nil {
			h.t.Fatal(err)
		}
		heights[height] = true
	}
	return heights
}

// HandOver is a validator that goes from one host to another at a height, in a network of four: `pause --at H` on the one,
// `state init --height H-1` on the other. At most one height may lack its signature, none may have two, and the first host signs
// nothing from H on, whatever is restarted.
func (s Suite) HandOver(t *testing.T) {
	binaryOnly(t)
	t.Parallel()
	secret := SecretNamed(t.Name())
	socket := "unix://" + filepath.Join(tempDir(t), "node.sock")
	spec := NodeSpec{
		Home: tempDir(t), ChainID: chainID, Validator: s.Series.PublicKey(Ed25519, secret), Others: 3, Listen: socket,
	}
	here := newHandOverHost(t, "here", socket, secret, false)
	there := newHandOverHost(t, "there", socket, secret, true)
	here.tmkms("state", "init", chainID, "--never-signed")
	here.start()
	node := NewRealNode(t, spec)
	node.Start()
	node.Reach(5)

	at := node.Height() + 20
	here.tmkms("pause", chainID, "--at", fmt.Sprint(at), "--why", "to another host")
	there.tmkms("state", "init", chainID, "--height", fmt.Sprint(at-1))
	// A host that is restarted before its height still knows it.
	here.running.kill()
	here.start()
	node.Reach(at - 5)
	// It stands in the queue of the node's socket from now on: a node has one signer at a time.
	there.start()
	node.Reach(at - 1)
	here.waitFor("refused (paused)", 0)
	if err := here.running.terminate(5 * time.Second); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	node.Reach(at + 20)

	// The first host comes back by mistake, and the other one is gone.
	here.start()
	refused := here.count("refused (paused)")
	gone := node.Height()
	if err := there.running.terminate(5 * time.Second); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	here.waitFor("refused (paused)", refused)
	node.Reach(node.Height() + 3)
	here.running.kill()
	there.start()
	back := node.Height()
	node.Reach(back + 20)
	node.Tell("end")
	found := node.End()
	missed, absent := found.Commits-found.Signed, int(back-gone)+2
	t.Logf("handed over at height %d; %d of %d commits lack its signature, %d heights went by while the other host was gone", at, missed, found.Commits, absent)
	if missed > 1+absent {
		t.Errorf("%d commits lack its signature, and only %d heights went by while nobody signed", missed, absent)
	}
	first, second := here.precommits(), there.precommits()
	var lost []int64
	for height := int64(6); height < gone; height++ {
		if first[height] && second[height] {
			t.Errorf("both hosts have signed at height %d", height)
		}
		if !first[height] && !second[height] {
			lost = append(lost, height)
		}
	}
	for height := range first {
		if height >= at {
			t.Errorf("the first host has signed at height %d, and was paused at %d", height, at)
		}
	}
	t.Logf("neither host has signed at heights %d", lost)
	if len(lost) > 1 {
		t.Errorf("%d heights were lost to the hand-over: %d", len(lost), lost)
	}
	if found.Positions < 2*found.Signed {
		t.Errorf("only %d positions in the write-ahead log for %d commits", found.Positions, found.Signed)
	}
}
