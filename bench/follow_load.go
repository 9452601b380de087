package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// loadSet is the data set that is loaded.
func (l *lab) loadSet(ctx context.Context) (*dataset, error) {
	if l.o.Suite == "claim" { // the largest that it has
		ladder := l.taskLadder()
		return l.everySet(ctx, ladder[len(ladder)-1])
	}
	return l.layeredSet(ctx, pick(l, 1000, 100_000))
}

func runSnapshot(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	return l.loading(ctx, c, "rows/s", Higher, func(f *following) float64 {
		return float64(f.rows.Load()) / f.loaded.Sub(f.loading).Seconds()
	}, func(rows int64, took time.Duration) float64 { return float64(rows) / took.Seconds() })
}

func runStart(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	return l.loading(ctx, c, "ns", Lower, func(f *following) float64 {
		return float64(f.streams.Sub(f.began))
	}, func(_ int64, took time.Duration) float64 { return float64(took) })
}

// loading measures starts beside psql reading the same rows.
func (l *lab) loading(ctx context.Context, c *Case, unit string, better Better, ours func(*following) float64, theirs func(rows int64, took time.Duration) float64) ([]Result, error) {
	set, err := l.loadSet(ctx)
	if err != nil {
		return nil, err
	}
	psql, err := l.client("psql")
	if err != nil {
		return nil, err
	}
	rows := int64(0)
	subject := func(ctx context.Context) (float64, error) {
		f, err := follow(ctx, set.url, hooks{})
		if err != nil {
			return 0, err
		}
		f.stop()
		rows = f.rows.Load()
		return ours(f), nil
	}
	baseline := func(ctx context.Context) (float64, error) {
		start := time.Now()
		if err := psql(ctx, copies(set.url)...); err != nil {
			return 0, err
		}
		return theirs(rows, time.Since(start)), nil
	}
	if _, err := subject(ctx); err != nil { // tells how many rows there are; the publication is made
		return nil, err
	}
	r := l.result(c)
	r.Unit, r.Better, r.Dataset = unit, better, fmt.Sprintf("%s; %d rows read", set.words, rows)
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(), subject, baseline, l.round)
	return []Result{r}, err
}

// copies are psql's arguments: the COPYs that a snapshot is made of, in turn.
func copies(url string) []string {
	args := []string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url}
	for i := range tasker.FollowedTables {
		info := tasker.Table(i + 1).Info() //nolint:gosec // eight
		columns := make([]string, len(info.Followed))
		for j, column := range info.Followed {
			columns[j] = pgx.Identifier{column.Name}.Sanitize()
		}
		query := "SELECT " + strings.Join(columns, ", ") + " FROM ONLY " + pgx.Identifier{info.Name}.Sanitize()
		if info.Table == tasker.TaskTransitions || info.Table == tasker.WorkflowStepTransitions {
			query += " WHERE most_recent"
		}
		args = append(args, "-c", "COPY ("+query+") TO STDOUT (FORMAT binary)")
	}
	return args
}

// program finds a program of PostgreSQL.
func (l *lab) program(name string) (path string, err error) {
	for _, dir := range []string{l.o.BinDir, l.server.BinDir} {
		if _, err := os.Stat(filepath.Join(dir, name)); dir != "" && err == nil {
			return filepath.Join(dir, name), nil
		}
	}
	if path, err = exec.LookPath(name); err != nil {
		return "", fmt.Errorf("%s is neither beside the server (%s) nor in PATH: install PostgreSQL's programs", name, l.server.BinDir)
	}
	return path, nil
}

// client finds a client program of PostgreSQL; what it gives runs it, its
// output into /dev/null.
func (l *lab) client(name string) (func(ctx context.Context, args ...string) error, error) {
	path, err := l.program(name)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, args ...string) error {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer null.Close()
		var said bytes.Buffer
		command := exec.CommandContext(ctx, path, args...)
		command.Stdout, command.Stderr = null, &said
		command.Env = append(os.Environ(), "PGCONNECT_TIMEOUT=10")
		if err := command.Run(); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(said.String()))
		}
		return nil
	}, nil
}
