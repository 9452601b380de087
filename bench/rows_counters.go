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

func countAnswers(ctx context.Context, url string) (*answerCounters, error) {
	conn, err := pgx.Connect(ctx, url)
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

// fromRows fails when too many of the given answers did not come from rows, and
// says how many did.
func (c *answerCounters) fromRows(ctx context.Context, given int) (note string, err error) {
	counted, err := c.counted(ctx, given)
	if err != nil {
		return "", err
	}
	if counted.tooMany() {
		return "", fmt.Errorf("%d of %d answers did not come from rows: %v", counted.Answers-counted.FromRows, counted.Answers, counted.Causes)
	}
	return fmt.Sprintf("%d of %d answers came from rows", counted.FromRows, counted.Answers), nil
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
