package rig

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SelfTest shows that the rig is right: it finds no difference between
// CometBFT's own remote signer and a second file signer, and it does notice
// each defect of a broken one.
func SelfTest(t *testing.T, series Series) {
	run := func(t *testing.T, defect Defect, total, killEvery int) Report {
		t.Helper()
		secret := SecretNamed("self test")
		node := listen(t, series, "unix")
		control := newControl(t, Settings{
			ChainID: chainID, KeyType: Ed25519, Secret: secret, Addresses: []string{node.Address()}, Defect: defect,
		})
		control.Start()
		Connect(t, node)
		oracle, err := series.NewOracle(filepath.Join(tempDir(t), "oracle.json"), Ed25519, secret)
		if err != nil {
			t.Fatal(err)
		}
		c := Comparison{
			Series: series, Node: node, Oracle: oracle, ChainID: chainID, Seed: seed(t), Requests: total,
			KillEvery: killEvery, Kill: control.Kill, Start: control.Start,
		}
		report, err := c.Run()
		if err != nil {
			t.Fatal(err)
		}
		return report
	}

	t.Run("no difference without a defect", func(t *testing.T) {
		if report := run(t, NoDefect, 2_000, 400); len(report.Differences) > 0 {
			t.Errorf("CometBFT differs from itself: %v", report)
		}
	})
	defects := []Defect{
		SignsConflicts, SignsNewTimestamp, ReturnsNewTimestamp, ClosesOnRefusal, RefusesOtherBlock,
		ForgetsState, SignsLowerRound, RefusesReplay,
	}
	if series.Traits().Extensions {
		defects = append(defects, NoExtension, NoExtensionOnReplay)
	}
	for _, defect := range defects {
		t.Run("notices one that "+string(defect), func(t *testing.T) {
			t.Parallel()
			report := run(t, defect, 2_000, 100)
			if len(report.Differences) == 0 {
				t.Fatalf("a signer that %s passed:\n%v", defect, report)
			}
			t.Logf("noticed, as it should be, by %s", report.Differences[0])
		})
	}
	if series.Traits().Extensions {
		t.Run("notices a node whose consensus fails", func(t *testing.T) { noticeFailure(t, series) })
	}
	t.Run("notices two votes in a write-ahead log", func(t *testing.T) { noticeWAL(t, series) })
	t.Run("a link that says nothing", func(t *testing.T) {
		node := listen(t, series, "unix")
		began := time.Now()
		if err := node.WaitForConnection(50 * time.Millisecond); err == nil {
			t.Errorf("a link came from nowhere after %v", time.Since(began))
		}
	})
}

// noticeFailure shows that a consensus failure ends up in the log under the
// words that the test of real nodes looks for.
func noticeFailure(t *testing.T, series Series) {
	secret := SecretNamed("self test")
	home := tempDir(t)
	spec := NodeSpec{
		Home: home, ChainID: chainID, Validator: series.PublicKey(Ed25519, secret), Blocks: 20,
		Listen: "unix://" + filepath.Join(home, "node.sock"), ExtensionsFrom: 2,
	}
	control := newControl(t, Settings{
		ChainID: chainID, KeyType: Ed25519, Secret: secret, Addresses: []string{spec.Listen}, Defect: NoExtension,
	})
	node := NewRealNode(t, spec)
	control.Start()
	node.Start()
	node.wait("a consensus failure", 30*time.Second, func() bool { return strings.Contains(node.log(), consensusFailure) })
}

// noticeWAL shows that the reader of write-ahead logs counts positions and
// notices a second vote at one.
func noticeWAL(t *testing.T, series Series) {
	secret := SecretNamed("self test")
	key := series.PublicKey(Ed25519, secret)
	read := func(votes ...Vote) (int, error) {
		log, err := series.WriteWAL(chainID, Ed25519, secret, votes)
		if err != nil {
			t.Fatal(err)
		}
		return series.ReadWAL(chainID, key, log)
	}
	later := prevote(5, 0, blockA)
	later.Timestamp.Seconds++
	same := prevote(5, 0, blockA)
	if n, err := read(same, same, precommit(5, 0, blockA), prevote(5, 1, blockA), prevote(6, 0, blockB)); err != nil || n != 4 {
		t.Errorf("%d positions (%v), not 4", n, err)
	}
	for what, second := range map[string]Vote{"block": prevote(5, 0, blockB), "nil": prevote(5, 0, BlockID{}), "time": later} {
		if n, err := read(same, precommit(5, 0, blockA), second); err == nil {
			t.Errorf("another %s at one position was not noticed among %d", what, n)
		}
	}
}
