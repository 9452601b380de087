//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is a child that was started behind a gate, in a session and so a
// process group of its own.
type process struct {
	pid    int
	status unix.WaitStatus
	gone   bool
}

// The shell waits for one line on descriptor 3 and becomes the program; it
// ends when there will be no line.
const gateScript = `read -r go <&3 || exit 1; exec 3<&-; exec "$@"`

// startGated starts a program in dir. Before it runs its first instruction,
// told has returned; told learns the pid and may refuse.
func startGated(dir string, who *account, out *os.File, told func(pid int) error, program string, args ...string) (*process, error) {
	gate, open, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer gate.Close()
	defer open.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", gateScript, "sh", program}, args...)...)
	cmd.Dir = dir
	cmd.Env = environment(dir)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{gate}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	who.apply(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{pid: cmd.Process.Pid}
	// From here on the child is waited for by number, without a goroutine.
	if err := cmd.Process.Release(); err != nil {
		return nil, err
	}
	err = told(p.pid)
	if err == nil {
		_, err = open.WriteString("go\n")
	}
	if err != nil {
		open.Close() // the gate ends the child
		return nil, errors.Join(err, p.wait(context.Background()))
	}
	return p, nil
}

// environment is what a server inherits: nothing of ours that could change
// what it does.
func environment(home string) []string {
	env := []string{"HOME=" + home, "LC_ALL=C", "TZ=UTC", "PATH=/usr/local/bin:/usr/bin:/bin"}
	for _, name := range []string{"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// exited tells, without blocking, whether the process has ended, and reaps it.
func (p *process) exited() (bool, error) {
	if p.gone {
		return true, nil
	}
	for {
		pid, err := unix.Wait4(p.pid, &p.status, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, fmt.Errorf("wait for process %d: %w", p.pid, err)
		}
		p.gone = pid == p.pid
		return p.gone, nil
	}
}

// wait returns when the process has ended or ctx is done.
func (p *process) wait(ctx context.Context) error {
	return poll(ctx, p.exited)
}

// signal sends a signal to a process that has not been reaped, so that its
// number still means it.
func (p *process) signal(s unix.Signal) error {
	if gone, err := p.exited(); gone || err != nil {
		return err
	}
	return unix.Kill(p.pid, s)
}

// poll asks until the answer is yes, an error, or ctx is done.
func poll(ctx context.Context, ask func() (bool, error)) error {
	interval := 2 * time.Millisecond
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if done, err := ask(); done || err != nil {
			return err
		}
		interval = min(2*interval, 50*time.Millisecond)
		timer.Reset(interval)
	}
}
