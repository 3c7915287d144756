package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// fileSystem names the file system that holds a folder, with its mount options.
func fileSystem(folder string) string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "unknown"
	}
	best, found := "", "unknown"
	for line := range strings.Lines(string(text)) {
		// ID, parent, device, root, mount point, options, ..., "-", type, source, options of the file system
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 3 {
			continue
		}
		under, err := filepath.Rel(left[4], folder)
		if err == nil && !strings.HasPrefix(under, "..") && len(left[4]) >= len(best) {
			best, found = left[4], right[0]+" ("+left[5]+"; "+right[2]+")"
		}
	}
	return found
}

// renameCost is the median of a rename over a file, without any flush: what a state file that is replaced each time
// costs at least.
func renameCost(folder string) (time.Duration, error) {
	var took times
	to := filepath.Join(folder, "rename")
	for range 200 {
		if err := os.WriteFile(to+".new", make([]byte, 300), 0o600); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := os.Rename(to+".new", to); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	return took.at(0.5), nil
}

// flushCost is the median of writing 8 KiB in place and flushing them.
func flushCost(folder string) (time.Duration, error) {
	file, err := os.Create(filepath.Join(folder, "flush"))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	data := make([]byte, 8192)
	var took times
	for i := range 200 {
		data[0] = byte(i)
		began := time.Now()
		if _, err := file.WriteAt(data, 0); err != nil {
			return 0, err
		}
		if err := flushData(file); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	return took.at(0.5), nil
}

func flushData(file *os.File) error { return syscall.Fdatasync(int(file.Fd())) }
