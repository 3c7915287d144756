package rig

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Answers are those of a real node's RPC, for the Rust tests. The checked-in ones must have the same names in the same places;
// INTEROP_UPDATE=1 records them anew.
func (s Suite) Answers(t *testing.T) {
	t.Parallel()
	const absent, present = 9, 3
	secret := SecretNamed("TestAnswers")
	port := FreePort(t)
	key := s.Series.PublicKey(Ed25519, secret)
	node := NewRealNode(t, NodeSpec{Home: tempDir(t), ChainID: chainID, Validator: key, OwnKey: &secret, Others: 3, RPC: []int{port}})
	node.Start()
	node.Reach(5)
	node.Tell("stop 3")
	node.Reach(absent + 3)
	ask := func(question string) []byte {
		t.Helper()
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/%s", port, question))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	// Whatever moves between two questions is asked for until it is what it is to be.
	var last []byte
	for range 50 {
		if last = ask("commit"); bytes.Contains(last, []byte(`"canonical":false`)) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	folder := filepath.Join("..", "..", "..", "tests", "rpc", s.Series.Traits().Name)
	answers := map[string][]byte{
		"status":            ask("status"),
		"commit":            ask(fmt.Sprintf("commit?height=%d", present)),
		"commit-absent":     ask(fmt.Sprintf("commit?height=%d", absent)),
		"commit-last":       last,
		"commit-unknown":    ask("commit?height=4611686018427387904"),
		"validators-1":      ask(fmt.Sprintf("validators?height=%d&page=1&per_page=3", present)),
		"validators-2":      ask(fmt.Sprintf("validators?height=%d&page=2&per_page=3", present)),
		"validators-beyond": ask(fmt.Sprintf("validators?height=%d&page=9&per_page=3", present)),
	}
	answers["key"] = []byte(fmt.Sprintf(`{"type":%q,"value":%q}`+"\n", key.Type, base64.StdEncoding.EncodeToString(key.Bytes)))
	for name, answer := range answers {
		path := filepath.Join(folder, name+".json")
		if os.Getenv("INTEROP_UPDATE") == "1" {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, answer, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		recorded, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v; INTEROP_UPDATE=1 records it", err)
		}
		if now, then := shape(t, answer), shape(t, recorded); !slices.Equal(now, then) {
			t.Errorf("%s: a node answers with %q, and the recorded one has %q; INTEROP_UPDATE=1 records it anew", path, now, then)
		}
	}
	node.running.kill()
	node.running = nil
}

// shape is the names in an answer with the kinds of their values, sorted.
func shape(t *testing.T, text []byte) []string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in %.200s", err, text)
	}
	found := map[string]bool{}
	var walk func(string, any)
	walk = func(at string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, inner := range value {
				walk(at+"."+name, inner)
			}
		case []any:
			for _, inner := range value {
				walk(at+"[]", inner)
			}
		case nil:
			// Which of several is empty differs from run to run.
		default:
			kind := fmt.Sprintf("%T", value)
			if text, ok := value.(string); ok {
				if _, err := hex.DecodeString(text); err == nil && text == strings.ToUpper(text) {
					kind = "digits"
				}
			}
			found[at+" "+kind] = true
		}
	}
	walk("", value)
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
