package yubihsm

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// What a terminal is told to go to its second screen, and back.
const (
	toPrivate = "\x1b[?1049h"
	toPublic  = "\x1b[?1049l"
)

// patience is how long a word of the program is waited for.
const patience = 60 * time.Second

// desk is a person at a real pseudo-terminal, in which one command runs.
type desk struct {
	t        *testing.T
	cmd      *exec.Cmd
	terminal *os.File
	came     chan string
	// all that came, how much of it was read, and whether there is more.
	all   string
	read  int
	ended bool
}

// sit starts a command of the program in a folder, on a terminal of its own.
func sit(t *testing.T, folder string, arguments ...string) *desk {
	t.Helper()
	cmd := exec.Command(program(t), arguments...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "TERM=xterm")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, cmd: cmd, terminal: terminal, came: make(chan string)}
	go func() {
		defer close(d.came)
		buffer := make([]byte, 4096)
		for {
			count, err := terminal.Read(buffer)
			if count > 0 {
				d.came <- string(buffer[:count])
			}
			// Linux says EIO when the last process has left the terminal.
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		terminal.Close()
		for range d.came { // until the reader has ended
		}
	})
	return d
}

// more waits for more of the output; false at its end.
func (d *desk) more(until <-chan time.Time) bool {
	d.t.Helper()
	select {
	case text, ok := <-d.came:
		d.all += text
		d.ended = d.ended || !ok
		return ok
	case <-until:
		d.t.Fatalf("tmkms %q says no more after %v:\n%s", d.cmd.Args[1:], patience, d.all)
		return false
	}
}

// see waits for words and gives what came up to their end since the last time.
func (d *desk) see(words string) string {
	d.t.Helper()
	until := time.After(patience)
	for {
		if at := strings.Index(d.all[d.read:], words); at >= 0 {
			text := d.all[d.read : d.read+at+len(words)]
			d.read += len(text)
			return text
		}
		if d.ended || !d.more(until) {
			d.t.Fatalf("tmkms %q ended without %q:\n%s", d.cmd.Args[1:], words, d.all)
		}
	}
}

// enter types a line.
func (d *desk) enter(line string) {
	d.t.Helper()
	if _, err := d.terminal.WriteString(line + "\n"); err != nil {
		d.t.Fatal(err)
	}
}

// leave waits for the command to end well.
func (d *desk) leave() {
	d.t.Helper()
	for until := time.After(patience); !d.ended && d.more(until); {
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Fatalf("tmkms %q: %v\n%s", d.cmd.Args[1:], err, d.all)
	}
	d.read = len(d.all)
}

// stop sends SIGTERM, after which the command ends well.
func (d *desk) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		d.t.Fatal(err)
	}
	d.leave()
}

// screens splits what came into what stays on the terminal and what was on its second screen.
func (d *desk) screens() (public, private string) {
	for at, part := range strings.Split(d.all, toPrivate) {
		inside, outside, _ := strings.Cut(part, toPublic)
		if at == 0 {
			inside, outside = "", part
		}
		private += inside
		public += outside
	}
	return public, private
}

var (
	letters  = regexp.MustCompile(`[a-zA-Z]+`)
	numbered = regexp.MustCompile(`(\d+)[.:] +([a-z]+)`)
)

// leaked finds two words of a mnemonic that follow each other in a text, whatever stands between them but letters, or a
// word beside its number.
func leaked(text string, mnemonic []string) string {
	pairs := map[string]bool{}
	for at := range mnemonic[1:] {
		pairs[mnemonic[at]+" "+mnemonic[at+1]] = true
	}
	for _, found := range numbered.FindAllStringSubmatch(text, -1) {
		if number, err := strconv.Atoi(found[1]); err == nil && number >= 1 && number <= len(mnemonic) && mnemonic[number-1] == found[2] {
			return found[0]
		}
	}
	words := letters.FindAllString(strings.ToLower(text), -1)
	for at := range words {
		if at > 0 && pairs[words[at-1]+" "+words[at]] {
			return words[at-1] + " " + words[at]
		}
	}
	return ""
}
