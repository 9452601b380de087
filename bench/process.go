package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// projectorVariable has a process project the database that it names.
const projectorVariable = "TASKER_BENCH_PROJECT_URL"

// process is a sidecar in a process of its own, as in production: what it does to
// workers does not pass through a runtime that it shares with them.
type process struct {
	command *exec.Cmd
	ends    io.Closer // its standard input: when that ends, it ends
}

// projectBeside is startProjecting in a process of its own; it returns when the
// rows count. The function that it gives ends it.
func (l *lab) projectBeside(ctx context.Context, set *dataset) (stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(context.WithoutCancel(ctx), self)}
	p.command.Env = append(os.Environ(), projectorVariable+"="+set.url)
	p.command.Stderr = os.Stderr
	if p.ends, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("the sidecar to measure beside: %w", err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("the sidecar to measure beside has ended: %w", err), p.stop())
	}
	return p.stop, nil
}

func (p *process) stop() error {
	_ = p.ends.Close()
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("the sidecar to measure beside: %w", err)
	}
	return nil
}

// projector projects a database until standard input ends, and says a line when
// the rows count.
func projector(ctx context.Context, url string) error {
	debug.SetGCPercent(config.Default().Runtime.GCPercent)
	p, err := startProjecting(ctx, &dataset{url: url}, nil)
	if err != nil {
		return err
	}
	if err := p.counts(ctx); err != nil {
		return errors.Join(err, p.stop())
	}
	fmt.Println("the rows count")
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that is waited for
	return p.stop()
}
