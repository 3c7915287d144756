package rig

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// newCosigners are the members of a key of which a threshold signs, each with the nodes that it dials. All are on this host.
func newCosigners(t *testing.T, secret [32]byte, threshold int, nodes [][]string) []*handOverHost {
	t.Helper()
	folder := tempDir(t)
	key := filepath.Join(folder, "consensus.key")
	if err := os.WriteFile(key, Base64Line(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	words := []string{"cosign", "split", "-t", fmt.Sprint(threshold), "-n", fmt.Sprint(len(nodes)), "--chain-id", chainID}
	for range nodes {
		words = append(words, "--addr", fmt.Sprintf("127.0.0.1:%d", FreePort(t)))
	}
	shares := filepath.Join(folder, "shares")
	if out, code := run(t, BinaryPath(t), append(words, key, shares)...); code != 0 {
		t.Fatalf("split: %s", out)
	}
	var members []*handOverHost
	for i, addresses := range nodes {
		home, from := tempDir(t), filepath.Join(shares, fmt.Sprintf("member-%d", i+1))
		member := &handOverHost{t: t, config: filepath.Join(home, "tmkms.toml"), log: filepath.Join(home, "log")}
		text := fmt.Sprintf("[[chain]]\nid = %q\nstate_file = \"state.json\"\nallow_ephemeral_state = true\n", chainID)
		for _, address := range addresses {
			text += fmt.Sprintf("[[validator]]\nchain_id = %q\naddr = %q\nsecret_key = \"secrets/node.key\"\n", chainID, address)
		}
		text += contentOf(t, filepath.Join(from, "cosign.toml"))
		if err := os.Mkdir(filepath.Join(home, "secrets"), 0o700); err != nil {
			t.Fatal(err)
		}
		identity := contentOf(t, filepath.Join(from, "identity.key"))
		for name, content := range map[string]string{
			"tmkms.toml":                         text,
			"secrets/node.key":                   identity,
			"secrets/" + chainID + "-cosign.key": identity,
			"secrets/" + chainID + ".share":      contentOf(t, filepath.Join(from, "share.json")),
		} {
			if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() {
			if member.running != nil {
				member.running.kill()
			}
			keepLog(t, fmt.Sprintf("member-%d", i+1), member.log)
			if t.Failed() {
				text, _ := os.ReadFile(member.log)
				t.Logf("log of member %d:\n%s", i+1, text[max(0, len(text)-4000):])
			}
		})
		member.tmkms("state", "init", chainID, "--never-signed")
		members = append(members, member)
	}
	return members
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// killed are members that were killed at once.
type killed struct {
	members []int
	height  int64
}

// Cosigners is a network of four validators, of which the key of one is in shares: members are killed in turn, as many at once as
// may be, and started again, behind one, two and three nodes of that validator. Blocks go on, each time costs one commit at most,
// and no node has two different votes of it at one height, round and step.
func (s Suite) Cosigners(t *testing.T) {
	binaryOnly(t)
	for _, one := range []struct{ threshold, members, nodes int }{{2, 3, 3}, {3, 5, 2}, {2, 3, 1}} {
		t.Run(fmt.Sprintf("%d of %d, nodes %d", one.threshold, one.members, one.nodes), func(t *testing.T) {
			t.Parallel()
			s.cosigners(t, one.threshold, one.members, one.nodes)
		})
	}
}

func (s Suite) cosigners(t *testing.T, threshold, count, nodes int) {
	lasts := time.Duration(envNumber(t, "INTEROP_SECONDS", 25)) * time.Second
	every := min(10*time.Second, lasts/5)
	secret := SecretNamed(t.Name())
	spec := NodeSpec{
		Home: tempDir(t), ChainID: chainID, Validator: s.Series.PublicKey(Ed25519, secret), Others: 3, ManySignatures: true,
		// A node whose signer is gone needs 0.3 to 0.45 s by itself until it turns to the next one. Where heights are as short as
		// that, one kill can cost two of them, and does where the machine is busy.
		Commit: time.Duration(envNumber(t, "INTEROP_COMMIT_MS", 600)) * time.Millisecond,
	}
	if s.Series.Traits().Extensions {
		spec.ExtensionsFrom, spec.ExtensionBytes = 2, 100
	}
	for i := range nodes {
		address := fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t))
		if i == 0 {
			spec.Listen = address
		} else {
			spec.ListenTwins = append(spec.ListenTwins, address)
		}
	}
	all := append([]string{spec.Listen}, spec.ListenTwins...)
	// Where there are more members than nodes, several dial one: it has one signer, and takes the next when that is gone.
	dialled := make([][]string, count)
	for i := range dialled {
		dialled[i] = []string{all[i%nodes]}
	}
	members := newCosigners(t, secret, threshold, dialled)
	for _, member := range members {
		member.startUntil("armed with the")
	}
	node := NewRealNode(t, spec)
	node.Start()
	node.Reach(5)

	began, kills := time.Now(), 0
	var rounds []killed
	dead := count - threshold
	for next := 0; time.Since(began) < lasts; next += dead {
		time.Sleep(every)
		round := killed{height: node.Height()}
		for i := range dead {
			members[(next+i)%count].running.kill()
			round.members = append(round.members, (next+i)%count+1)
			kills++
		}
		t.Logf("%s killed %v above height %d", time.Now().UTC().Format("15:04:05.000"), round.members, round.height)
		rounds = append(rounds, round)
		// Down for as long as a restart by a service manager takes.
		time.Sleep(time.Second)
		for i := range dead {
			members[(next+i)%count].start()
		}
	}
	t.Logf("killed %d times by height %d, in %v", kills, node.Height(), time.Since(began).Round(time.Second))
	node.Reach(node.Height() + 5)
	node.Tell("end")
	found := node.End()
	missed := found.Commits - found.Signed
	t.Logf("%d of %d, nodes %d: %d of %d commits lack its vote, after %d kills: those of %v, at most %d in a row", threshold, count, nodes,
		missed, found.Commits, kills, found.Missed, found.LongestGap)
	for i, round := range rounds {
		until := int64(math.MaxInt64)
		if i+1 < len(rounds) {
			until = rounds[i+1].height
		}
		between := func(height int64) bool { return height >= round.height && height < until }
		if lost := slices.DeleteFunc(slices.Clone(found.Missed), func(h int64) bool { return !between(h) }); len(lost) > 1 {
			t.Errorf("commits %v lack its vote after members %v were killed once, above height %d", lost, round.members, round.height)
		}
	}
	if kills < 4 || found.Commits < 15 {
		t.Errorf("only %d kills and %d commits", kills, found.Commits)
	}
	if found.Positions < 2*found.Signed {
		t.Errorf("only %d positions in the write-ahead log for %d commits", found.Positions, found.Signed)
	}
	signed := 0
	for i, member := range members {
		_, _, signatures := member.signed()
		t.Logf("member %d: %d signatures for its node", i+1, signatures)
		signed += signatures
		if text := contentOf(t, member.log); nodes == 1 && strings.Contains(text, " ERROR ") {
			t.Errorf("member %d has an error in its log", i+1)
		}
	}
	if signed < found.Signed {
		t.Errorf("the logs have %d signatures, and %d commits have its vote", signed, found.Signed)
	}
}
