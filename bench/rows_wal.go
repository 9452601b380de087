package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// runWAL reads the log itself: each record has the transaction that wrote it,
// and those of the projection are the ones that wrote a row of flushes.
func runWAL(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	if err := l.unproject(); err != nil {
		return nil, err
	}
	set, pool, err := l.playersSet(ctx, "wal")
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	waldump, err := l.program("pg_waldump")
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, set.url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	p, err := startProjecting(ctx, set, func(o *projection.Options) { o.KeepFlushes, o.CompactInterval = 1_000_000, -1 })
	if err != nil {
		return nil, err
	}
	defer p.stop() //nolint:errcheck // had it ended, the rows would not have come
	if err := p.counts(ctx); err != nil {
		return nil, err
	}
	duration := l.span(300*time.Millisecond, 10*time.Second)
	r := l.result(c)
	r.Unit = "B/commit"
	r.Dataset = fmt.Sprintf("%s, and what %d workers make in %v a round", set.words, playerWorkers, duration)
	var rates, flushes, sizes []float64
	for round := range l.o.Rounds + 1 {
		l.round(round, l.o.Rounds)
		one, err := walRound(ctx, p, conn, waldump, func() (player.Counters, error) {
			return play(ctx, pool, player.Options{Seed: l.o.Seed + uint64(round), Rate: commitRate}, duration) //nolint:gosec // not negative
		})
		if err != nil {
			return []Result{r}, err
		}
		if round == 0 {
			continue
		}
		r.Samples = append(r.Samples, float64(one.ours)/float64(one.commits))
		r.BaselineSamples = append(r.BaselineSamples, float64(one.theirs)/float64(one.commits))
		rates = append(rates, float64(one.commits)/duration.Seconds())
		flushes = append(flushes, float64(one.flushes)/duration.Seconds())
		sizes = append(sizes, float64(one.ours)/float64(one.flushes))
	}
	r.Notes = []string{fmt.Sprintf("%s commits/s and %s flushes/s of %s bytes; by pg_waldump, each record counted for its transaction, full_page_writes off",
		number(Median(rates)), number(Median(flushes)), number(Median(sizes)))}
	return []Result{r}, nil
}

// walShare is what was written to the log by the projection and by all others.
type walShare struct {
	ours, theirs     int64 // bytes
	commits, flushes int64
}

func walRound(ctx context.Context, p *projecting, conn *pgx.Conn, waldump string, load func() (player.Counters, error)) (s walShare, err error) {
	var last int64
	var dir, start, end string
	if err := conn.QueryRow(ctx, "SELECT max(flush), current_setting('data_directory'), pg_current_wal_insert_lsn()::text FROM tasker_sidecar.flushes").Scan(&last, &dir, &start); err != nil {
		return s, err
	}
	counters, err := load()
	if err != nil {
		return s, err
	}
	s.commits = counters.Commits
	if err := p.reach(ctx, conn); err != nil {
		return s, err
	}
	if err := conn.QueryRow(ctx, "SELECT pg_current_wal_flush_lsn()::text").Scan(&end); err != nil {
		return s, err
	}
	rows, err := conn.Query(ctx, "SELECT xmin::text::bigint FROM tasker_sidecar.flushes WHERE flush > $1", last)
	if err != nil {
		return s, err
	}
	ours, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return s, err
	}
	s.flushes = int64(len(ours))
	written, err := walByTransaction(ctx, waldump, dir, start, end)
	if err != nil {
		return s, err
	}
	for _, xid := range ours {
		s.ours += written[xid]
		delete(written, xid)
	}
	for _, bytes := range written {
		s.theirs += bytes
	}
	if s.ours == 0 || s.theirs == 0 || s.commits == 0 {
		return s, fmt.Errorf("nothing was written: %+v", s)
	}
	return s, nil
}

// walRecord is the beginning of a line of pg_waldump.
var walRecord = regexp.MustCompile(`^rmgr: .* len \(rec/tot\):\s*\d+/\s*(\d+), tx:\s*(\d+),`)

// walByTransaction gives the bytes of the records of each transaction; 0 is none.
func walByTransaction(ctx context.Context, waldump, dir, start, end string) (map[int64]int64, error) {
	var said bytes.Buffer
	command := exec.CommandContext(ctx, waldump, "-p", dir, "-s", start, "-e", end)
	command.Stderr = &said
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	written := map[int64]int64{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if m := walRecord.FindSubmatch(lines.Bytes()); m != nil {
			size, _ := strconv.ParseInt(string(m[1]), 10, 64) // digits
			xid, _ := strconv.ParseInt(string(m[2]), 10, 64)
			written[xid] += (size + 7) &^ 7 // as records are aligned
		}
	}
	if err := errors.Join(lines.Err(), command.Wait()); err != nil {
		return nil, fmt.Errorf("pg_waldump: %w: %s", err, said.String())
	}
	return written, nil
}
