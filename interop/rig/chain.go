package rig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// NodeSpec is what a process of nodes is told. While it runs it obeys lines on
// its standard input: "stop N" and "start N" for a node, and "end".
type NodeSpec struct {
	// Home holds the nodes' folders; a second run goes on where the first ended.
	Home    string
	ChainID string
	// Listen is where the first node waits for its signer.
	Listen string
	// ListenTwins are where further nodes of the same validator wait for signers of their own.
	ListenTwins []string
	// ManySignatures says that the signatures of that validator are not made the same twice, as those of FROST.
	ManySignatures bool
	// Validator is the key of that signer.
	Validator PublicKey
	// NodeKey is the seed of the first node's node key; without one it makes its own.
	NodeKey *[32]byte
	// OwnKey is the key where the first node signs by itself, with its state at the usual place.
	OwnKey *[32]byte
	// Others is the number of further validators, which sign by themselves.
	Others int
	// ExtensionsFrom is the height from which votes have extensions; 0 for never.
	ExtensionsFrom int64
	// ExtensionBytes is the size of each extension.
	ExtensionBytes int
	// Blocks is how many blocks to make before the process ends; 0 for until it
	// is told to end.
	Blocks int64
	// RPC are the ports at which the nodes answer questions, the first node's first; none or 0 for not at all.
	RPC []int
	// Propose is how long the nodes wait for a proposal before they vote for none; 0 for half a second.
	Propose time.Duration
	// Commit is how long nodes of a network wait for the votes of all after a block has those of two thirds; 0 for 0.3 s.
	Commit time.Duration
}

// Findings are what the nodes found on their chain and in their logs.
type Findings struct {
	// Commits were looked at, and the signer under test has signed so many, so
	// many of them with a sound extension that the node kept.
	Commits, Signed, Extended int
	// Positions are those that the first node's write-ahead log holds one
	// signature for.
	Positions int
	// LongestGap is the most commits in a row that lack it.
	LongestGap int
	// Missed are the heights whose commits lack it, and Late those that were decided above round 0.
	Missed, Late []int64
}

// How the nodes print them.
const (
	FindingsLine = "checked %d commits, %d signed, %d with extension, %d positions, at most %d missed in a row"
	MissedLine   = "not in the commit of height %d"
	LateLine     = "above round 0 was height %d"
)

// latePeer is what a node logs of a peer whose block it had not asked that connection for.
var latePeer = regexp.MustCompile(`(?m)^.*unsolicited BlockResponse.*$`)

// consensusFailure is what a node logs before it goes on as a dead one.
const consensusFailure = "CONSENSUS FAILURE"

// FreePort is [UnusedPort] for a test.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := UnusedPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// givenPorts are those that this process has asked for: nobody listens there yet, or for a moment, while a signer is killed.
var (
	givenPorts      = map[int]bool{}
	givenPortsMutex sync.Mutex
)

// UnusedPort is a TCP port of 127.0.0.1 on which nobody listens, below those that Linux gives to whoever connects
// (32,768 and up): one of these may be taken again before the node is there. No process gets one twice.
func UnusedPort() (int, error) {
	givenPortsMutex.Lock()
	defer givenPortsMutex.Unlock()
	for range 100 {
		port := 20_000 + rand.IntN(12_000)
		if givenPorts[port] {
			continue
		}
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		givenPorts[port] = true
		return ln.Addr().(*net.TCPAddr).Port, ln.Close()
	}
	return 0, errors.New("no free port of 20,000 to 32,000")
}

// RealNode is a process of nodes, which prints the first one's height after
// each block.
type RealNode struct {
	t       *testing.T
	spec    NodeSpec
	logFile string
	running *process
	input   io.WriteCloser
}

// NewRealNode prepares one, which is ended with the test.
func NewRealNode(t *testing.T, spec NodeSpec) *RealNode {
	t.Helper()
	n := &RealNode{t: t, spec: spec, logFile: filepath.Join(spec.Home, "log")}
	t.Cleanup(func() {
		if n.running != nil {
			n.running.kill()
		}
		keepLog(t, "node", n.logFile)
		if t.Failed() {
			text := n.log()
			t.Logf("log of the node:\n%s", text[max(0, len(text)-8000):])
		}
	})
	return n
}

// Start runs the process; a second time it goes on where the first ended.
func (n *RealNode) Start() {
	n.t.Helper()
	spec, err := json.Marshal(n.spec)
	if err != nil {
		n.t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envNode+"="+string(spec))
	if n.input, err = cmd.StdinPipe(); err != nil {
		n.t.Fatal(err)
	}
	if n.running, err = startProcess(cmd, n.logFile); err != nil {
		n.t.Fatal(err)
	}
}

// Tell has the process obey a command.
func (n *RealNode) Tell(command string) {
	n.t.Helper()
	before := strings.Count(n.log(), "\ndone "+command+"\n")
	if _, err := io.WriteString(n.input, command+"\n"); err != nil {
		n.t.Fatal(err)
	}
	if command != "end" {
		n.wait(command, 30*time.Second, func() bool { return strings.Count(n.log(), "\ndone "+command+"\n") > before })
	}
}

func (n *RealNode) log() string {
	text, err := os.ReadFile(n.logFile)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(text)
}

// Height is the last one that the node printed.
func (n *RealNode) Height() int64 {
	text := n.log()
	at := strings.LastIndex(text, "\nheight ")
	if at < 0 {
		return 0
	}
	line, _, complete := strings.Cut(text[at+len("\nheight "):], "\n")
	height, err := strconv.ParseInt(line, 10, 64)
	if !complete || err != nil {
		return 0
	}
	return height
}

func (n *RealNode) wait(what string, patience time.Duration, done func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatalf("%s: not after %v, the node is at height %d", what, patience, n.Height())
		}
		if !n.running.alive() && !done() {
			n.t.Fatalf("%s: the node ended by itself at height %d: %v", what, n.Height(), n.running.err)
		}
	}
}

// Reach waits for a height, as long as there is a new one each 30 s.
func (n *RealNode) Reach(height int64) {
	n.t.Helper()
	for now := n.Height(); now < height; now = n.Height() {
		n.wait(fmt.Sprintf("height %d", now+1), 30*time.Second, func() bool { return n.Height() > now })
	}
}

// End waits for the process to end well, and gives what it found.
func (n *RealNode) End() Findings {
	n.t.Helper()
	n.wait("the end", 60*time.Second, func() bool { return !n.running.alive() })
	if err := n.running.err; err != nil {
		n.t.Errorf("the node: %v", err)
	}
	text := n.log()
	// A peer that was killed and answers late is hung up on so, which has nothing to do with votes.
	text = latePeer.ReplaceAllString(text, "")
	for _, bad := range []string{consensusFailure, "panic", "evidence of", "onflicting vote"} {
		if at := strings.Index(text, bad); at >= 0 {
			n.t.Errorf("the node's log says %q: %s", bad, text[max(0, at-500):min(len(text), at+2000)])
		}
	}
	var found Findings
	at := strings.LastIndex(text, "\nchecked ")
	if at < 0 {
		n.t.Fatal("the node has not checked its commits")
	}
	if _, line, ok := strings.Cut(text, "\ncommits signed by each validator: "); ok {
		line, _, _ = strings.Cut(line, "\n")
		n.t.Logf("commits signed by each validator, the one under test first: %s", line)
	}
	if _, err := fmt.Sscanf(text[at+1:], FindingsLine, &found.Commits, &found.Signed, &found.Extended, &found.Positions, &found.LongestGap); err != nil {
		n.t.Fatalf("what the node found: %v", err)
	}
	n.t.Logf(FindingsLine, found.Commits, found.Signed, found.Extended, found.Positions, found.LongestGap)
	found.Missed, found.Late = heightsIn(text, MissedLine), heightsIn(text, LateLine)
	return found
}

// heightsIn gives the heights of all lines of a form.
func heightsIn(text, form string) []int64 {
	var heights []int64
	for line := range strings.Lines(text) {
		var height int64
		if _, err := fmt.Sscanf(line, form+"\n", &height); err == nil {
			heights = append(heights, height)
		}
	}
	return heights
}

// ChainSettings say what a test of one real node varies.
type ChainSettings struct {
	// KeyType is the validator's; Ed25519 where nothing is said.
	KeyType        string
	Scheme         string
	ExtensionsFrom int64
	ExtensionBytes int
	// Blocks to make.
	Blocks int64
	// Kills says whether signer and node are killed on the way.
	Kills bool
}

// NodeTest has a real node, whose only validator is the signer, make blocks.
func NodeTest(t *testing.T, series Series, settings ChainSettings) {
	secret := SecretNamed(t.Name())
	home := tempDir(t)
	keyType := settings.KeyType
	if keyType == "" {
		keyType = Ed25519
	}
	spec := NodeSpec{
		Home: home, ChainID: chainID, Validator: series.PublicKey(keyType, secret), Blocks: settings.Blocks,
		Listen:         fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t)),
		ExtensionsFrom: settings.ExtensionsFrom, ExtensionBytes: settings.ExtensionBytes,
	}
	if settings.Scheme == "unix" {
		spec.Listen = "unix://" + filepath.Join(home, "node.sock")
	}
	address := spec.Listen
	if settings.Scheme == "noise" {
		_, at := SplitAddress(spec.Listen)
		spec.NodeKey = &NodeIdentity
		spec.Listen = "noise://" + series.NoiseID(SignerIdentity) + "@" + at
		address = "noise://" + series.NoiseID(NodeIdentity) + "@" + at
	}
	subject := NewSubject(t, Settings{
		ChainID: chainID, KeyType: keyType, Secret: secret, Private: series.PrivateKey(keyType, secret),
		Addresses: []string{address},
	})
	node := NewRealNode(t, spec)

	// The node ends when no signer has come 3 s after its start.
	subject.Start()
	node.Start()
	if settings.Kills {
		for _, height := range []int64{3, 6, 10, 16} {
			node.Reach(height)
			subject.Kill()
			began := time.Now()
			subject.Start()
			node.Reach(node.Height() + 1)
			t.Logf("signer killed at height %d, next block %v after its start", height, time.Since(began).Round(time.Millisecond))
		}
	}
	// CometBFT's own remote signer does not notice that a node is gone.
	if settings.Kills && !ControlIsSubject() {
		height := node.Height()
		node.running.kill()
		if _, path := SplitAddress(spec.Listen); settings.Scheme == "unix" {
			// A killed node leaves its socket behind and cannot listen on it again.
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		node.Start()
		node.wait("a block after the node's restart", 30*time.Second, func() bool { return node.Height() > height })
		t.Logf("node killed at height %d, went on", height)
	}
	found := node.End()
	if found.Signed != found.Commits || found.Commits < int(settings.Blocks)-1 {
		t.Errorf("%d of %d commits are signed, and %d blocks were to be made", found.Signed, found.Commits, settings.Blocks)
	}
	if from := settings.ExtensionsFrom; from > 0 && found.Extended < found.Commits-int(from)+1 {
		t.Errorf("only %d of %d commits have extensions, from height %d on all should", found.Extended, found.Commits, from)
	}
	if found.Positions < 3*found.Commits {
		t.Errorf("only %d positions in the write-ahead log for %d commits", found.Positions, found.Commits)
	}
	// A signer that was killed has begun to count anew.
	if !settings.Kills && !ControlIsSubject() {
		wordsOf(t, series, subject, found)
	}
}
