// Compare measures signers through one meter, in turns: this repository's program, CometBFT's own SignerServer with
// FilePV as a process of its own, and, when TMKMS_OLDER names its binary, an older tmkms, or when TMKMS_BEFORE does, an
// earlier build of this program.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

func main() {
	if spec := os.Getenv(envServe); spec != "" {
		fmt.Fprintln(os.Stderr, serve(spec))
		os.Exit(1)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	rounds, chains, crowd, seconds int
	block                          float64
	state                          string
	only                           string
}

func run() error {
	var o options
	flag.IntVar(&o.rounds, "rounds", 3000, "paired rounds for each transport; one is a ping, the public key, a proposal and two votes of each signer")
	flag.IntVar(&o.chains, "chains", 200, "chains of the load, with two nodes each")
	flag.Float64Var(&o.block, "block", 2, "seconds between two blocks of each of them")
	flag.IntVar(&o.crowd, "crowd", 50, "chains that ask at the same instant, ten times a second")
	flag.IntVar(&o.seconds, "seconds", 20, "how long each load lasts")
	flag.StringVar(&o.state, "state", "", "folder for the state files; what its file system is decides much (default: that for temporary files)")
	flag.StringVar(&o.only, "only", "", "pairs, chains or crowd (default: all)")
	flag.Parse()

	program := os.Getenv("TMKMS")
	if program == "" {
		program = "../../target/release/tmkms"
	}
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("no binary to measure (cargo build --release, or TMKMS=path): %w", err)
	}
	makers := []maker{ours("ours", program), comet()}
	if path := os.Getenv("TMKMS_BEFORE"); path != "" {
		makers = append(makers, ours("before", path))
	}
	if path := os.Getenv("TMKMS_OLDER"); path != "" {
		makers = append(makers, older(path))
	}
	folder, err := os.MkdirTemp(o.state, "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	rename, err := renameCost(folder)
	if err != nil {
		return err
	}
	flush, err := flushCost(folder)
	if err != nil {
		return err
	}
	fmt.Printf("%d processors, %s; state on %s: a rename over a file %s ms, 8 KiB in place and flushed %s ms\n",
		runtime.NumCPU(), runtime.GOARCH, fileSystem(folder), millis(rename), millis(flush))
	for _, part := range []struct {
		name string
		run  func(options, string, []maker) error
	}{{"pairs", pairs}, {"chains", manyChains}, {"crowd", crowd}} {
		if o.only != "" && o.only != part.name {
			continue
		}
		if err := part.run(o, filepath.Join(folder, part.name), makers); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}
