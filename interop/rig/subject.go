package rig

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	envControl = "INTEROP_CONTROL_SPEC"
	envNode    = "INTEROP_NODE_SPEC"
	envSubject = "INTEROP_SUBJECT"
	envBinary  = "TMKMS"
	envLogs    = "INTEROP_LOGS"
)

// Main is the TestMain of every series: the test binary doubles as the control
// and as the node, which are processes of their own.
func Main(m *testing.M, series Series) {
	if ran, err := runAs(envControl, series.Control); ran {
		fmt.Fprintln(os.Stderr, "control:", err)
		os.Exit(1)
	}
	if ran, err := runAs(envNode, series.RunNodes); ran {
		if err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runAs[Spec any](variable string, run func(Spec) error) (bool, error) {
	text := os.Getenv(variable)
	if text == "" {
		return false, nil
	}
	var spec Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return true, err
	}
	return true, run(spec)
}

// ControlIsSubject says whether the control stands in for the binary.
func ControlIsSubject() bool { return os.Getenv(envSubject) == "control" }

// Settings describe the one chain of a subject.
type Settings struct {
	ChainID string
	KeyType string
	Secret  [32]byte
	// Private is the key itself where it is not the secret.
	Private []byte
	// Addresses of the nodes.
	Addresses []string
	// Chain holds further lines of the [[chain]] table.
	Chain []string
	// Armed is nil for a chain that has never signed; otherwise the arguments
	// of the command that arms it; an empty list leaves it unarmed.
	Arm []string
	// Defect is for controls only.
	Defect Defect
}

// Subject is the signer under test: the binary, or the control.
type Subject struct {
	t        testing.TB
	Home     string
	settings Settings
	control  bool
	binary   string
	logFile  string
	running  *process
}

// NewSubject prepares the signer that the environment selects; it is not
// started yet.
func NewSubject(t testing.TB, settings Settings) *Subject {
	t.Helper()
	if ControlIsSubject() {
		return newControl(t, settings)
	}
	return newBinary(t, settings)
}

func newSubject(t testing.TB, settings Settings) *Subject {
	t.Helper()
	s := &Subject{t: t, Home: tempDir(t), settings: settings}
	s.logFile = filepath.Join(s.Home, "log")
	t.Cleanup(func() {
		if s.running != nil && s.running.alive() {
			s.running.kill()
		}
		keepLog(t, "signer", s.logFile)
		if t.Failed() {
			t.Logf("log of the signer under test:\n%s", s.LogTail())
		}
	})
	return s
}

// tempDir is a folder with a short path, because that of a Unix socket may
// have little more than 100 bytes.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// keepLog copies a log to the folder that the environment names, if it does.
func keepLog(t testing.TB, what, file string) {
	folder := os.Getenv(envLogs)
	if folder == "" {
		return
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		// It was not started.
		return
	}
	if err == nil {
		name := strings.NewReplacer("/", "-", " ", "_").Replace(t.Name()) + "." + what + ".log"
		err = os.WriteFile(filepath.Join(folder, name), text, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

func newControl(t testing.TB, settings Settings) *Subject {
	t.Helper()
	s := newSubject(t, settings)
	s.control = true
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.binary = exe
	if len(settings.Addresses) != 1 || len(settings.Chain) > 0 || settings.Arm != nil {
		t.Fatalf("the control knows one node and no settings, not %+v", settings)
	}
	return s
}

// BinaryPath is the binary under test, from the environment.
func BinaryPath(t testing.TB) string {
	t.Helper()
	path := os.Getenv(envBinary)
	if path == "" {
		t.Fatalf("%s must name the binary under test (interop/run does), or %s be \"control\"", envBinary, envSubject)
	}
	if !filepath.IsAbs(path) {
		t.Fatalf("%s=%s must be an absolute path", envBinary, path)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the binary under test: %v", err)
	}
	return path
}

func newBinary(t testing.TB, settings Settings) *Subject {
	t.Helper()
	s := newSubject(t, settings)
	s.binary = BinaryPath(t)
	var config bytes.Buffer
	private := settings.Private
	if private == nil {
		private = settings.Secret[:]
	}
	fmt.Fprintf(&config, "[[chain]]\nid = %q\nstate_file = \"state/%s.json\"\nallow_ephemeral_state = true\n", settings.ChainID, settings.ChainID)
	for _, line := range settings.Chain {
		fmt.Fprintln(&config, line)
	}
	for _, address := range settings.Addresses {
		fmt.Fprintf(&config, "\n[[validator]]\nchain_id = %q\naddr = %q\nsecret_key = \"secrets/kms-identity.key\"\n", settings.ChainID, address)
	}
	fmt.Fprintf(&config, "\n[[providers.softsign]]\nchain_ids = [%q]\nalgorithm = %q\npath = \"secrets/consensus.key\"\n", settings.ChainID, settings.KeyType)

	for _, dir := range []string{"secrets", "state"} {
		if err := os.Mkdir(filepath.Join(s.Home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string][]byte{
		"tmkms.toml":               config.Bytes(),
		"secrets/kms-identity.key": Base64Line(SignerIdentity),
		"secrets/consensus.key":    base64Line(private),
	} {
		if err := os.WriteFile(filepath.Join(s.Home, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	arm := settings.Arm
	if arm == nil {
		arm = []string{"state", "init", "-c", s.ConfigPath(), settings.ChainID, "--never-signed"}
	}
	if len(arm) > 0 {
		s.Command(arm...)
	}
	return s
}

// Base64Line is how the binary wants a seed in a file.
func Base64Line(secret [32]byte) []byte { return base64Line(secret[:]) }

func base64Line(key []byte) []byte {
	return []byte(base64.StdEncoding.EncodeToString(key) + "\n")
}

// ConfigPath is the configuration file of the binary.
func (s *Subject) ConfigPath() string { return filepath.Join(s.Home, "tmkms.toml") }

// Command runs the binary with arguments; it must succeed.
func (s *Subject) Command(args ...string) string {
	s.t.Helper()
	out, err := exec.Command(s.binary, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %q: %v\n%s", s.binary, args, err, out)
	}
	return string(out)
}

// Start starts the signer; it must not be running.
func (s *Subject) Start() {
	s.t.Helper()
	if s.running != nil && s.running.alive() {
		s.t.Fatal("the signer under test is running already")
	}
	var cmd *exec.Cmd
	if s.control {
		spec, err := json.Marshal(ControlSpec{
			Address: s.settings.Addresses[0], ChainID: s.settings.ChainID, KeyType: s.settings.KeyType,
			Secret: s.settings.Secret, StateFile: filepath.Join(s.Home, "state.json"), Defect: s.settings.Defect,
		})
		if err != nil {
			s.t.Fatal(err)
		}
		cmd = exec.Command(s.binary)
		cmd.Env = append(os.Environ(), envControl+"="+string(spec))
	} else {
		cmd = exec.Command(s.binary, "start", "-c", s.ConfigPath())
	}
	var err error
	if s.running, err = startProcess(cmd, s.logFile); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends the signer with SIGKILL; it must have been running until then.
func (s *Subject) Kill() {
	s.t.Helper()
	if !s.running.alive() {
		s.t.Fatalf("the signer under test ended by itself: %v", s.running.err)
	}
	s.running.kill()
}

// Terminate ends the binary with SIGTERM, which must lead to exit code 0.
func (s *Subject) Terminate() {
	s.t.Helper()
	if err := s.running.terminate(5 * time.Second); err != nil {
		s.t.Fatalf("the signer under test after SIGTERM: %v", err)
	}
}

// LogTail is the end of what the signer wrote.
func (s *Subject) LogTail() string {
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		return err.Error()
	}
	const keep = 4000
	if len(text) > keep {
		text = append([]byte("[...]\n"), text[len(text)-keep:]...)
	}
	return string(text)
}

// Connect waits until the node has a link on which the signer answers a ping.
func Connect(t testing.TB, node Node) {
	t.Helper()
	if err := connect(node); err != nil {
		t.Fatal(err)
	}
}

func connect(node Node) error {
	const patience = 15 * time.Second
	deadline := time.Now().Add(patience)
	for {
		// Only a failed read or write frees the node's end of a dead link.
		err := node.Ping()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no link to the signer under test after %v: %w", patience, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
