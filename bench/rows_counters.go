package bench

import (
	"context"
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

func countAnswers(ctx context.Context, set *dataset) (*answerCounters, error) {
	conn, err := pgx.Connect(ctx, set.url)
	if err != nil {
		return nil, err
	}
	c := &answerCounters{conn: conn}
	c.rows, c.others, err = c.read(ctx)
	return c, err
}

func (c *answerCounters) close() { c.conn.Close(context.Background()) }

func (c *answerCounters) read(ctx context.Context) (rows int64, others map[string]int64, err error) {
	err = c.conn.QueryRow(ctx, "SELECT answers_from_rows, fallbacks FROM tasker_sidecar.freshness").Scan(&rows, &others)
	return rows, others, err
}

// fromRows waits until as many answers are counted as were given since, which
// a session makes known when it ends, and fails when more than 1 % of them did
// not come from rows.
func (c *answerCounters) fromRows(ctx context.Context, given int) (note string, err error) {
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		rows, others, err := c.read(ctx)
		if err != nil {
			return "", err
		}
		fell, causes := int64(0), map[string]int64{}
		for cause, n := range others {
			if n -= c.others[cause]; n > 0 {
				fell += n
				causes[cause] = n
			}
		}
		rows -= c.rows
		switch {
		case fell*100 > int64(given):
			return "", fmt.Errorf("%d of %d answers did not come from rows: %v", fell, given, causes)
		case rows+fell >= int64(given):
			return fmt.Sprintf("%d of %d answers came from rows", rows, given), nil
		case time.Now().After(deadline):
			return "", fmt.Errorf("of %d answers %d are counted from rows and %d others", given, rows, fell)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
	}
}
