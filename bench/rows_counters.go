package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// answerCounters are what the database counts of where answers came from.
type answerCounters struct {
	conn   *pgx.Conn
	rows   int64            // came from rows
	others map[string]int64 // were computed, by cause
}

// The sessions that have ended are waited for: what they have answered is not
// to be counted once more.
func countAnswers(ctx context.Context, url string, ended ...uint32) (*answerCounters, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	c := &answerCounters{conn: conn}
	if err = c.gone(ctx, ended...); err == nil {
		c.rows, c.others, err = c.read(ctx)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// gone waits until the server has ended sessions that were closed: only then
// have all of their answers been counted.
func (c *answerCounters) gone(ctx context.Context, sessions ...uint32) error {
	pids := make([]int64, len(sessions))
	for i, pid := range sessions {
		pids[i] = int64(pid)
	}
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for len(pids) > 0 {
		var left int
		if err := c.conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1::bigint[]) AND pid <> pg_backend_pid()", pids).Scan(&left); err != nil {
			return err
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d sessions that were closed are still there", left)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func (c *answerCounters) close() { c.conn.Close(context.Background()) }

func (c *answerCounters) read(ctx context.Context) (rows int64, others map[string]int64, err error) {
	err = c.conn.QueryRow(ctx, "SELECT answers_from_rows, fallbacks FROM tasker_sidecar.freshness").Scan(&rows, &others)
	return rows, others, err
}

// fromRows fails when too many of the given answers did not come from rows, and
// says how many did.
func (c *answerCounters) fromRows(ctx context.Context, given int) (note string, err error) {
	counted, err := c.counted(ctx, given)
	if err != nil {
		return "", err
	}
	if counted.tooMany() {
		return "", errors.New(counted.refuse(int(counted.Answers)))
	}
	return fmt.Sprintf("%d of %d answers came from rows", counted.FromRows, counted.Answers), nil
}

// refuse says why times of that many answers are none of answers from rows;
// empty: they are. The database counts for all sessions together.
func (f *FallBacks) refuse(given int) string {
	switch {
	case f.Answers > int64(given):
		return fmt.Sprintf("cannot be told: the database has counted %d answers, of which %d are ours; others ask it, too", f.Answers, given)
	case f.tooMany():
		return fmt.Sprintf("%d of %d answers did not come from rows: %v", f.Answers-f.FromRows, f.Answers, f.Causes)
	}
	return ""
}

// tooMany says whether more than 1 % did not come from rows.
func (f *FallBacks) tooMany() bool { return (f.Answers-f.FromRows)*100 > f.Answers }

// counted waits until as many answers are counted as were given since, which a
// session makes known when it ends.
func (c *answerCounters) counted(ctx context.Context, given int) (*FallBacks, error) {
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		rows, others, err := c.read(ctx)
		if err != nil {
			return nil, err
		}
		fell, causes := int64(0), map[string]int64{}
		for cause, n := range others {
			if n -= c.others[cause]; n > 0 {
				fell += n
				causes[cause] = n
			}
		}
		rows -= c.rows
		if rows+fell >= int64(given) {
			return &FallBacks{Answers: rows + fell, FromRows: rows, Causes: causes}, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("of %d answers %d are counted from rows and %d others", given, rows, fell)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}
