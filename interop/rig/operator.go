package rig

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Newcomer is somebody's first five minutes with the program: init, keygen,
// state, check, start, and a block of a real node. Only commands are used, and
// the edit that the program itself asks for.
func (s Suite) Newcomer(t *testing.T) {
	binaryOnly(t)
	t.Parallel()
	const chain = "cosmoshub-4"
	// A home with a space and another script in its name.
	home := filepath.Join(tempDir(t), "my κόσμος kms")
	config := filepath.Join(home, "tmkms.toml")
	began := time.Now()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(BinaryPath(t), args...)
		out, err := cmd.Output()
		if err != nil {
			text := ""
			if exit, ok := err.(*exec.ExitError); ok {
				text = string(exit.Stderr)
			}
			t.Fatalf("tmkms %q: %v\n%s", args, err, text)
		}
		return string(out)
	}

	run("init", "-n", "cosmoshub", home)
	run("softsign", "keygen", filepath.Join(home, "secrets", chain+"-consensus.key"))
	listen := fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t))
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.NewReplacer(
		"tcp://127.0.0.1:26659", listen,
		// Machines that run tests often keep temporary folders in memory.
		"[[chain]]\n", "[[chain]]\nallow_ephemeral_state = true\n",
	).Replace(string(text))
	if err := os.WriteFile(config, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	run("state", "init", "-c", config, chain, "--never-signed")
	run("check", "-c", config)

	var keys []struct{ Type, Base64 string }
	if err := json.Unmarshal([]byte(run("keys", "show", "-c", config, "--json")), &keys); err != nil || len(keys) != 1 {
		t.Fatalf("keys show: %v, %+v", err, keys)
	}
	public, err := base64.StdEncoding.DecodeString(keys[0].Base64)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := startProcess(exec.Command(BinaryPath(t), "start", "-c", config), filepath.Join(home, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signer.kill)
	node := NewRealNode(t, NodeSpec{
		Home: tempDir(t), ChainID: chain, Listen: listen,
		Validator: PublicKey{Type: keys[0].Type, Bytes: public}, Blocks: 5,
	})
	node.Start()
	node.Reach(1)
	t.Logf("from init to the first signed block: %v", time.Since(began).Round(time.Millisecond))

	// What the operator looks at meanwhile.
	status := run("status", "-c", config)
	if !strings.Contains(status, chain+": armed") {
		t.Errorf("status says\n%s", status)
	}
	if found := node.End(); found.Signed != found.Commits || found.Commits < 4 {
		t.Errorf("%d of %d commits are signed", found.Signed, found.Commits)
	}
}

// WayBack has CometBFT's own file signer go on from an exported state: what was
// signed here is not signed there.
func (s Suite) WayBack(t *testing.T) {
	binaryOnly(t)
	b := newBench(t, s.Series, "tcp", Ed25519)
	b.signVote(prevote(100, 0, blockA))
	b.signVote(precommit(100, 1, blockA))
	b.subject.Terminate()
	export := func(name string) Oracle {
		t.Helper()
		file := filepath.Join(b.subject.Home, name)
		b.subject.Command("state", "export", "-c", b.subject.ConfigPath(), chainID, "--format", "cometbft", "-o", file)
		oracle, err := s.Series.NewOracle(file, Ed25519, b.secret)
		if err != nil {
			t.Fatal(err)
		}
		return oracle
	}
	want := func(oracle Oracle, v Vote, signed bool) {
		t.Helper()
		if _, err := oracle.SignVote(chainID, v, false); (err == nil) != signed {
			t.Errorf("FilePV at %d/%d type %d: error %v, wanted a signature: %v", v.Height, v.Round, v.Type, err, signed)
		}
	}
	oracle := export("exported.json")
	want(oracle, prevote(99, 0, blockA), false)
	want(oracle, precommit(100, 0, blockB), false)
	want(oracle, prevote(100, 1, blockB), false)
	want(oracle, precommit(100, 1, blockB), false)
	want(oracle, prevote(100, 2, blockB), true)

	b.subject.Command("state", "raise", "-c", b.subject.ConfigPath(), chainID, "--height", "200")
	oracle = export("raised.json")
	want(oracle, prevote(200, 0, blockA), false)
	want(oracle, precommit(200, MaxRound, blockA), false)
	want(oracle, prevote(201, 0, blockA), true)
}
