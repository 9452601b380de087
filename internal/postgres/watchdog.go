//go:build unix

package postgres

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

//go:embed watchdog.sh
var watchdogScript string

// A watchdog is a child process that clears up when this process is gone; see
// the package comment.
type watchdog struct {
	cmd  *exec.Cmd
	pipe *os.File
}

// newWatchdog starts the watchdog of a cluster's directory, which need not
// exist yet.
func newWatchdog(dir string) (*watchdog, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, "tasker-sidecar-pg-watchdog", dir)
	cmd.Dir = "/"
	cmd.Stdin = r
	// A session of its own: Ctrl-C goes to the foreground's process group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return &watchdog{cmd: cmd, pipe: w}, nil
}

// tell says what runs now: "group", "postmaster" or "none".
func (d *watchdog) tell(kind string, pid int) error {
	if _, err := fmt.Fprintf(d.pipe, "%s %d\n", kind, pid); err != nil {
		return fmt.Errorf("tell the watchdog: %w", err)
	}
	return nil
}

// dismiss lets the watchdog clear up what is left, and waits until it has.
func (d *watchdog) dismiss() error {
	if err := d.pipe.Close(); err != nil {
		return err
	}
	if err := d.cmd.Wait(); err != nil && d.cmd.ProcessState == nil {
		return err
	}
	return nil
}
