package yubihsm

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	interop "tmkms/interop/v0.38/adapted"

	"tmkms/interop/rig"
)

func TestMain(m *testing.M) { rig.Main(m, interop.Series{}) }

const (
	network       = "cosmoshub-4"
	first, second = 77, 78
	hidden        = "while you type):"
)

// walk is an operator in the folder that `tmkms init` made.
type walk struct {
	t     *testing.T
	home  string
	desks []*desk
	// said is what commands without a terminal said.
	said string
}

func (w *walk) sit(arguments ...string) *desk {
	w.t.Helper()
	d := sit(w.t, w.home, arguments...)
	w.desks = append(w.desks, d)
	return d
}

// run has a command do its work without a word from anybody, and gives what it wrote to standard output.
func (w *walk) run(arguments ...string) string {
	w.t.Helper()
	cmd := exec.Command(program(w.t), arguments...)
	cmd.Dir = w.home
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	w.said += string(out) + errors.String()
	if err != nil {
		w.t.Fatalf("tmkms %q: %v\n%s", arguments, err, errors.String())
	}
	return string(out)
}

func (w *walk) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.home, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// edit changes the configuration, as its comments ask for.
func (w *walk) edit(change func(string) string) {
	w.t.Helper()
	before := w.read("tmkms.toml")
	after := change(before)
	if before == after {
		w.t.Fatalf("nothing to edit in\n%s", before)
	}
	if err := os.WriteFile(filepath.Join(w.home, "tmkms.toml"), []byte(after), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func section(serial int, d *device) string {
	return fmt.Sprintf(`
[[providers.yubihsm]]
adapter = { type = "http", addr = "tcp://%s" }
serial_number = "%010d"
auth = { key = 4, password_file = "secrets/yubihsm-password" }
keys = [{ chain_ids = [%q], key = 1, type = "consensus" }]
`, d.addr, serial, network)
}

// copyDown writes the 24 words on paper.
func copyDown(t *testing.T, shown string) []string {
	t.Helper()
	paper := make([]string, 24)
	for _, found := range numbered.FindAllStringSubmatch(shown, -1) {
		number, err := strconv.Atoi(found[1])
		if err != nil || number < 1 || number > 24 {
			t.Fatalf("word %s", found[0])
		}
		paper[number-1] = found[2]
	}
	for at, word := range paper {
		if word == "" {
			t.Fatalf("word %d is not on the screen:\n%s", at+1, shown)
		}
	}
	return paper
}

// asked gives the number of the word that the program asks for.
func asked(d *desk) int {
	d.t.Helper()
	d.see("Word ")
	number, err := strconv.Atoi(strings.TrimSuffix(d.see(" ("), " ("))
	if err != nil {
		d.t.Fatal(err)
	}
	d.see("from the paper:")
	return number
}

// typed goes on to the private screen and types the words there.
func typed(d *desk, phrase string) {
	d.t.Helper()
	d.see("Press Enter to go on to it.")
	d.enter("")
	d.see(hidden)
	d.enter(phrase)
}

// TestCeremony goes from two devices from the factory to a real node whose only validator they are, with nothing but the
// program's commands, at a real terminal.
func TestCeremony(t *testing.T) {
	one, two := simulate(t, first, "--firmware", "2.4.0"), simulate(t, second, "--firmware", "2.3.1")
	w := &walk{t: t, home: filepath.Join(t.TempDir(), "kms")}
	listen := fmt.Sprintf("tcp://127.0.0.1:%d", rig.FreePort(t))

	// The home, and the configuration of the first device.
	if out, err := exec.Command(program(t), "init", "-n", "cosmoshub", w.home).CombinedOutput(); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	w.edit(func(text string) string {
		text, _, _ = strings.Cut(text, "# The validator's key.")
		return strings.NewReplacer(
			"tcp://127.0.0.1:26659", listen,
			// Machines that run tests often keep temporary folders in memory.
			"[[chain]]\n", "[[chain]]\nallow_ephemeral_state = true\n",
		).Replace(text) + section(first, one)
	})

	// A new mnemonic: written down, asked for, and only then the device is erased.
	d := w.sit("yubihsm", "setup", "-w", "report.json")
	d.see("ALL OF THEM ARE ERASED")
	d.see("Type its serial number to erase it:")
	d.enter(fmt.Sprintf("%010d", first))
	d.see("Press Enter when that is so.")
	d.enter("")
	mnemonic := copyDown(t, d.see("press Enter"))
	d.enter("")
	asked(d)
	d.enter("wrong") // which is no word of any mnemonic
	d.see("was not right")
	if paper := copyDown(t, d.see("press Enter")); strings.Join(paper, " ") != strings.Join(mnemonic, " ") {
		t.Fatal("the words are others now")
	}
	d.enter("")
	for range 4 {
		d.enter(mnemonic[asked(d)-1])
	}
	if before := d.see("Erasing"); strings.Contains(before, "was not right") {
		t.Fatal("right words were refused")
	}
	d.see("Success")
	d.leave()
	if _, private := d.screens(); leaked(private, mnemonic) == "" {
		t.Fatal("the words were not on the second screen")
	}
	phrase := strings.Join(mnemonic, " ")

	// The password that signs, the key with its backup, the state.
	d = w.sit("yubihsm", "derive", "--role", "validator", "-o", "secrets/yubihsm-password")
	typed(d, phrase)
	d.leave()
	d = w.sit("yubihsm", "keys", "generate", "--mnemonic", "-b", "consensus.backup", "1")
	typed(d, phrase)
	d.see("the backup was opened with the mnemonic and holds this very key")
	d.leave()
	w.run("state", "init", network, "--never-signed")
	w.run("check")
	var keys []struct{ Type, Base64 string }
	if err := json.Unmarshal([]byte(w.run("keys", "show", "--json")), &keys); err != nil || len(keys) != 1 {
		t.Fatalf("keys show: %v, %+v", err, keys)
	}
	public, err := base64.StdEncoding.DecodeString(keys[0].Base64)
	if err != nil {
		t.Fatal(err)
	}

	// A node whose only validator the device is; no vote extensions.
	service := w.sit("start")
	node := rig.NewRealNode(t, rig.NodeSpec{
		Home: t.TempDir(), ChainID: network, Listen: listen,
		Validator: rig.PublicKey{Type: keys[0].Type, Bytes: public},
	})
	node.Start()
	node.Reach(10)
	t.Logf("%d blocks with the first device", node.Height())

	// The second device, from the paper and the backup, while the node goes on with the first one.
	w.edit(func(text string) string { return text + section(second, two) })
	d = w.sit("yubihsm", "setup", "--serial", fmt.Sprint(second), "--restore", "-w", "second.json")
	d.see("Type its serial number to erase it:")
	d.enter(fmt.Sprint(second))
	typed(d, phrase)
	d.see("Success")
	d.leave()
	d = w.sit("yubihsm", "keys", "verify-backup", "consensus.backup", "--into", fmt.Sprint(second))
	typed(d, phrase)
	d.see(fmt.Sprintf("brought into YubiHSM %010d", second))
	d.leave()
	service.stop()
	one.order(t, "unplug")
	alone := node.Height()
	service = w.sit("start")
	node.Reach(alone + 10)
	t.Logf("%d blocks with the second device alone", node.Height()-alone)
	node.Tell("end")
	found := node.End()
	if found.Signed != found.Commits || found.Commits < 19 || found.Positions < 3*found.Commits {
		t.Errorf("%d of %d commits are signed, at %d positions", found.Signed, found.Commits, found.Positions)
	}
	service.stop()

	w.nothingStays(mnemonic)
}

// nothingStays looks for the mnemonic wherever it must not be: what is left on the screens, and every file.
func (w *walk) nothingStays(mnemonic []string) {
	w.t.Helper()
	left := map[string]string{"what commands said": w.said}
	for _, d := range w.desks {
		public, _ := d.screens()
		left[fmt.Sprintf("the screen of tmkms %q", d.cmd.Args[1:])] = public
	}
	err := filepath.WalkDir(w.home, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		left[path] = string(text)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range []string{"report.json", "second.json", "consensus.backup", "tmkms.toml"} {
		if left[filepath.Join(w.home, name)] == "" {
			w.t.Errorf("%s was not looked at", name)
		}
	}
	for where, text := range left {
		if words := leaked(text, mnemonic); words != "" {
			w.t.Errorf("%q stays in %s:\n%s", words, where, text)
		}
		if strings.Contains(text, "-password-1") && filepath.Base(where) != "yubihsm-password" {
			w.t.Errorf("a password stays in %s:\n%s", where, text)
		}
	}
	w.t.Logf("looked for the mnemonic in %d places", len(left))
}
