package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const secondChain = "interop-2"

// spared is how many heights may be missed, or late, because the machine is busy.
const spared = 2

// Reload has the binary read its configuration again while it signs for real nodes.
func (s Suite) Reload(t *testing.T) {
	binaryOnly(t)
	// Not beside the network that is made to suffer: the two would want the processors at the same time.
	t.Run("node", func(t *testing.T) {
		t.Parallel()
		reloadNode(t, s.Series)
	})
	t.Run("network", func(t *testing.T) {
		t.Parallel()
		reloadNetwork(t, s.Series)
	})
}

// changing is a configuration that is written again and again.
type changing struct {
	address, key, signExtensions, log string
	maxGap, maxHeight                 int64
	// second is where the only node of a second chain would listen, if it did; empty without such a chain.
	second string
}

func (c changing) String() string {
	var text strings.Builder
	chain := func(id, key, address string, chainLines, nodeLines string) {
		fmt.Fprintf(&text, "[[chain]]\nid = %[1]q\nstate_file = \"state/%[1]s.json\"\nallow_ephemeral_state = true\n%[2]s\n"+
			"[[validator]]\nchain_id = %[1]q\naddr = %[3]q\nsecret_key = \"secrets/kms-identity.key\"\n%[4]s\n"+
			"[[providers.softsign]]\nchain_ids = [%[1]q]\nkey_type = \"consensus\"\npath = \"secrets/%[5]s\"\n\n",
			id, chainLines, address, nodeLines, key)
	}
	nodeLines := ""
	if c.maxHeight > 0 {
		nodeLines = fmt.Sprintf("max_height = %d\n", c.maxHeight)
	}
	chain(chainID, c.key, c.address, fmt.Sprintf("max_gap = %d\nsign_extensions = %s\n", c.maxGap, c.signExtensions), nodeLines)
	if c.second != "" {
		chain(secondChain, "second.key", c.second, "", "")
	}
	if c.log != "" {
		fmt.Fprintf(&text, "[log]\n%s\n", c.log)
	}
	return text.String()
}

// reloading is a signer whose configuration changes.
type reloading struct {
	*testing.T
	subject *Subject
	now     changing
	// second is what the address of the second chain is, where there is that chain.
	second string
}

// newReloading has a signer for a key and a node, and the key and state of a second chain lie ready.
func newReloading(t *testing.T, secret [32]byte, address string, signExtensions string) *reloading {
	t.Helper()
	r := &reloading{
		T:      t,
		second: fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t)),
		subject: NewSubject(t, Settings{
			ChainID: chainID, KeyType: Ed25519, Secret: secret, Addresses: []string{address},
		}),
		now: changing{address: address, key: "consensus.key", signExtensions: signExtensions, maxGap: 1000},
	}
	second := Base64Line(SecretNamed(t.Name() + " second"))
	if err := os.WriteFile(filepath.Join(r.subject.Home, "secrets", "second.key"), second, 0o600); err != nil {
		t.Fatal(err)
	}
	both := r.now
	both.second = r.second
	r.write(both.String())
	r.subject.Command("state", "init", "-c", r.subject.ConfigPath(), secondChain, "--never-signed")
	r.write(r.now.String())
	r.subject.Start()
	return r
}

func (r *reloading) write(text string) {
	r.Helper()
	if err := os.WriteFile(r.subject.ConfigPath(), []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

// reload changes the configuration and has it followed; the command must say just these lines.
func (r *reloading) reload(change func(*changing), lines ...string) {
	r.Helper()
	change(&r.now)
	r.write(r.now.String())
	out, code := run(r.T, r.subject.binary, "reload", "-c", r.subject.ConfigPath())
	if expected := strings.Join(lines, "\n") + "\n"; code != 0 || out != expected {
		r.Fatalf("reload: exit code %d\n%sexpected\n%s", code, out, expected)
	}
}

// refuses offers a broken configuration by the command and by a signal, and puts the good one back.
func (r *reloading) refuses(text string) {
	r.Helper()
	const refused = "the configuration was not followed, and nothing was changed"
	r.write(text)
	if out, code := run(r.T, r.subject.binary, "reload", "-c", r.subject.ConfigPath()); code != 2 {
		r.Errorf("reload of a broken file: exit code %d\n%s", code, out)
	}
	before := strings.Count(r.log(), refused)
	if err := r.subject.running.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		r.Fatal(err)
	}
	for deadline := time.Now().Add(15 * time.Second); strings.Count(r.log(), refused) == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatal("SIGHUP with a broken file: nothing is said")
		}
	}
	r.write(r.now.String())
}

func (r *reloading) log() string {
	r.Helper()
	text, err := os.ReadFile(r.subject.logFile)
	if err != nil {
		r.Fatal(err)
	}
	return string(text)
}

var connected = regexp.MustCompile(`\[` + chainID + `[^\]]*\] connected`)

// links fails unless the chain had so many links until now.
func (r *reloading) links(when string, expected int) {
	r.Helper()
	if n := len(connected.FindAllString(r.log(), -1)); n != expected {
		r.Fatalf("%s: %d links until now, not %d", when, n, expected)
	}
}

// reloadNode has a node, whose only validator is the signer, make blocks while all that can change does.
func reloadNode(t *testing.T, series Series) {
	secret := SecretNamed(t.Name())
	listen := func() string { return fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t)) }
	spec := NodeSpec{
		Home: tempDir(t), ChainID: chainID, Validator: series.PublicKey(Ed25519, secret), Listen: listen(),
		// What nodes have from the start.
		Propose: 3 * time.Second,
	}
	extensions := series.Traits().Extensions
	if extensions {
		spec.ExtensionsFrom, spec.ExtensionBytes = 25, 100
	}
	r := newReloading(t, secret, spec.Listen, "false")
	node := NewRealNode(t, spec)
	node.Start()
	node.Reach(3)
	goesOn := func() { t.Helper(); node.Reach(node.Height() + 2) }

	// Were this not followed, the node would end at the first height of the extensions.
	r.reload(func(c *changing) { c.signExtensions = `"auto"` }, chainID+": `sign_extensions` changed")
	r.reload(func(*changing) {}, "nothing is different")
	for range 3 {
		r.reload(func(c *changing) { c.second = r.second }, secondChain+": added")
		goesOn()
		r.reload(func(c *changing) { c.second = "" }, secondChain+": removed")
		goesOn()
	}
	r.reload(func(c *changing) { c.maxGap = 50 }, chainID+": `max_gap` is 50")
	goesOn()
	r.reload(func(c *changing) { c.log = "level = \"debug\"\nformat = \"json\"" },
		"`level` of [log] is debug", "`format` of [log] is json")
	goesOn()
	r.reload(func(c *changing) { c.log = "" }, "[log] has no `level`", "`format` of [log] is auto")
	good := r.now.String()
	for _, broken := range []string{"", good[:len(good)/2], strings.ReplaceAll(good, "max_gap", "max_gas"), strings.ReplaceAll(good, "consensus.key", "none.key")} {
		r.refuses(broken)
		goesOn()
	}
	r.reload(func(*changing) {}, "nothing is different")
	node.Reach(30)
	r.links("second chain, settings, log, broken files", 1)

	limit := node.Height() + 10
	r.reload(func(c *changing) { c.maxHeight = limit }, fmt.Sprintf("%s: `max_height` of %s is %d", chainID, spec.Listen, limit))
	node.Reach(limit)
	waitForLog(t, r.subject.logFile, fmt.Sprintf("max_height of %d", limit))
	time.Sleep(time.Second)
	if now := node.Height(); now != limit {
		t.Errorf("`max_height` is %d, and the chain is at %d", limit, now)
	}
	r.reload(func(c *changing) { c.maxHeight = 0 }, fmt.Sprintf("%s: %s has no `max_height`", chainID, spec.Listen))
	r.links("`max_height`", 1)

	// A node does not ask again after a refusal, and this one has no others who go on without it. It moves at once.
	node.running.kill()
	left := spec.Listen
	spec.Listen = listen()
	node.spec = spec
	node.Start()
	r.reload(func(c *changing) { c.address = spec.Listen },
		chainID+": dials "+spec.Listen, chainID+": leaves "+left)
	goesOn()
	goesOn()
	r.links("another address", 2)

	secrets := filepath.Join(r.subject.Home, "secrets")
	if err := os.Rename(filepath.Join(secrets, "consensus.key"), filepath.Join(secrets, "moved.key")); err != nil {
		t.Fatal(err)
	}
	r.reload(func(c *changing) { c.key = "moved.key" },
		chainID+": the key is opened anew: softsign key "+filepath.Join(secrets, "moved.key"))
	goesOn()
	goesOn()
	r.links("the key at another path", 3)

	node.Tell("end")
	found := node.End()
	t.Logf("`max_height` was %d", limit)
	if found.Signed != found.Commits || int64(found.Commits) < limit+7 {
		t.Errorf("%d of %d commits are signed", found.Signed, found.Commits)
	}
	// A busy machine may be late by itself, but not at each of the reloads.
	if len(found.Late) > spared {
		t.Errorf("above round 0: %v", found.Late)
	}
	if extensions && found.Extended < found.Commits-int(spec.ExtensionsFrom)+1 {
		t.Errorf("only %d of %d commits have extensions, from height %d on all should", found.Extended, found.Commits, spec.ExtensionsFrom)
	}
	if found.Positions < 3*found.Commits {
		t.Errorf("only %d positions in the write-ahead log for %d commits", found.Positions, found.Commits)
	}
}

// reloadNetwork is a network of four validators, one of which signs through the signer: no commit lacks its signature
// because of 50 reloads, and just those above `max_height` do until that is gone again.
func reloadNetwork(t *testing.T, series Series) {
	const (
		reloads = 50
		blocks  = 100
	)
	secret := SecretNamed(t.Name())
	spec := NodeSpec{
		Home: tempDir(t), ChainID: chainID, Validator: series.PublicKey(Ed25519, secret), Others: 3,
		Listen:  fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t)),
		Propose: 3 * time.Second,
	}
	if series.Traits().Extensions {
		spec.ExtensionsFrom, spec.ExtensionBytes = 2, 100
	}
	r := newReloading(t, secret, spec.Listen, `"auto"`)
	node := NewRealNode(t, spec)
	node.Start()
	node.Reach(5)
	began := node.Height()
	for i := range reloads {
		switch i % 5 {
		case 0:
			r.reload(func(c *changing) { c.second = r.second }, secondChain+": added")
		case 1:
			r.reload(func(c *changing) { c.maxGap = 50 }, chainID+": `max_gap` is 50")
		case 2:
			r.reload(func(c *changing) { c.second = "" }, secondChain+": removed")
		case 3:
			r.reload(func(c *changing) { c.log = "level = \"debug\"" }, "`level` of [log] is debug")
		case 4:
			r.reload(func(c *changing) { c.maxGap, c.log = 1000, "" }, chainID+": `max_gap` is 1000", "[log] has no `level`")
		}
		node.Reach(began + int64(i+1)*blocks/reloads)
	}

	limit := node.Height() + 5
	r.reload(func(c *changing) { c.maxHeight = limit }, fmt.Sprintf("%s: `max_height` of %s is %d", chainID, spec.Listen, limit))
	node.Reach(limit + 5)
	r.reload(func(c *changing) { c.maxHeight = 0 }, fmt.Sprintf("%s: %s has no `max_height`", chainID, spec.Listen))
	again := node.Height() + 2
	node.Reach(again + 10)
	r.links("50 reloads and `max_height`", 1)
	node.Tell("end")
	found := node.End()
	t.Logf("%d reloads from height %d to %d, none signed above %d, and again from %d at the latest; missed %v, above round 0 %v",
		reloads, began, limit-5, limit, again, found.Missed, found.Late)
	between := func(h int64) bool { return h > limit && h < again }
	// The first heights are those at which the nodes find each other.
	expected := func(h int64) bool { return h < began || between(h) }
	if wrong := slices.DeleteFunc(slices.Clone(found.Missed), expected); len(wrong) > spared {
		t.Errorf("not in the commits of heights %v", wrong)
	}
	if n := len(slices.DeleteFunc(slices.Clone(found.Missed), func(h int64) bool { return !between(h) })); n < 5 {
		t.Errorf("only %d heights above `max_height` %d were not signed: %v", n, limit, found.Missed)
	}
	if found.Positions < 2*found.Signed {
		t.Errorf("only %d positions in the write-ahead log for %d commits", found.Positions, found.Signed)
	}
}
