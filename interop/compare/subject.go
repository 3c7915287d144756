package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/privval"
)

// chain is one chain of a subject, with the addresses of its nodes.
type chain struct {
	ID    string
	Nodes []string
}

func secretOf(id string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "compare %d %s", os.Getpid(), id))
}

// subject is a signer that is measured, as a process of its own.
type subject struct {
	name    string
	process *exec.Cmd
	logFile string
}

// maker prepares a home in a folder and gives the command that serves the chains from there.
type maker struct {
	name string
	make func(home string, chains []chain) (*exec.Cmd, error)
}

func (m maker) start(folder string, chains []chain) (*subject, error) {
	home := filepath.Join(folder, strings.ReplaceAll(m.name, " ", "-"))
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	cmd, err := m.make(home, chains)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	cmd.Dir = home
	s := &subject{name: m.name, process: cmd, logFile: filepath.Join(home, "log")}
	output, err := os.Create(s.logFile)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	return s, cmd.Start()
}

func (s *subject) stop() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// residentMB is the resident memory in megabytes (10^6 bytes).
func (s *subject) residentMB() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return 0
	}
	return kib * 1024 / 1e6
}

// ours is the program of this repository.
func ours(name, program string) maker {
	return maker{name, func(home string, chains []chain) (*exec.Cmd, error) {
		config, err := writeHome(home, chains, "")
		if err != nil {
			return nil, err
		}
		for _, c := range chains {
			out, err := exec.Command(program, "state", "init", "-c", config, c.ID, "--never-signed").CombinedOutput()
			if err != nil {
				return nil, fmt.Errorf("state init: %w\n%s", err, out)
			}
		}
		return exec.Command(program, "start", "-c", config), nil
	}}
}

// older is a tmkms of before this one (0.10 and later), whose configuration has the same form.
func older(program string) maker {
	return maker{"older tmkms", func(home string, chains []chain) (*exec.Cmd, error) {
		config, err := writeHome(home, chains, "protocol_version = \"v0.34\"\n")
		return exec.Command(program, "start", "-c", config), err
	}}
}

// writeHome writes keys and tmkms.toml, whose path it gives. The older tmkms knows one key in a file only, for all chains.
func writeHome(home string, chains []chain, validator string) (string, error) {
	var config strings.Builder
	files := map[string]string{}
	key := func(name, id string) string {
		secret := secretOf(id)
		files[name] = base64.StdEncoding.EncodeToString(secret[:])
		return filepath.Join(home, name)
	}
	identity := key("identity.key", "identity")
	one := validator != ""
	var ids []string
	for _, c := range chains {
		ids = append(ids, strconv.Quote(c.ID))
		fmt.Fprintf(&config, "[[chain]]\nid = %q\nkey_format = { type = \"hex\" }\nstate_file = %q\n", c.ID, filepath.Join(home, c.ID+".state.json"))
		if !one {
			// Where the state lies is what is measured; the reader judges it.
			fmt.Fprintf(&config, "allow_ephemeral_state = true\n[[providers.softsign]]\nchain_ids = [%q]\npath = %q\n", c.ID, key(c.ID+".key", c.ID))
		}
		for _, node := range c.Nodes {
			fmt.Fprintf(&config, "[[validator]]\nchain_id = %q\naddr = %q\nsecret_key = %q\n%s\n", c.ID, node, identity, validator)
		}
	}
	if one {
		fmt.Fprintf(&config, "[[providers.softsign]]\nchain_ids = [%s]\nkey_type = \"consensus\"\npath = %q\n", strings.Join(ids, ", "), key("consensus.key", "consensus"))
	}
	files["tmkms.toml"] = config.String()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(home, "tmkms.toml"), nil
}

const envServe = "COMPARE_SERVE"

// comet is CometBFT's own SignerServer over its FilePV: this program once more, with its chains in the environment.
func comet() maker {
	return maker{"CometBFT", func(home string, chains []chain) (*exec.Cmd, error) {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		spec, err := json.Marshal(chains)
		if err != nil {
			return nil, err
		}
		for _, c := range chains {
			if len(c.Nodes) > 1 {
				return nil, errors.New("it serves one node a chain")
			}
			secret := secretOf(c.ID)
			key := ed25519.GenPrivKeyFromSecret(secret[:])
			privval.NewFilePV(key, filepath.Join(home, c.ID+".key.json"), filepath.Join(home, c.ID+".state.json")).Save()
		}
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), envServe+"="+string(spec))
		return cmd, nil
	}}
}

// serve is that process.
func serve(spec string) error {
	var chains []chain
	if err := json.Unmarshal([]byte(spec), &chains); err != nil {
		return err
	}
	for _, c := range chains {
		pv := privval.LoadFilePV(c.ID+".key.json", c.ID+".state.json")
		scheme, rest, _ := strings.Cut(c.Nodes[0], "://")
		dialer := privval.DialUnixFn(rest)
		if scheme == "tcp" {
			dialer = privval.DialTCPFn(rest, 5*time.Second, ed25519.GenPrivKey())
		}
		endpoint := privval.NewSignerDialerEndpoint(log.NewNopLogger(), dialer,
			privval.SignerDialerEndpointConnRetries(1000), privval.SignerDialerEndpointRetryWaitInterval(10*time.Millisecond))
		if err := privval.NewSignerServer(endpoint, c.ID, pv).Start(); err != nil {
			return err
		}
	}
	select {}
}
