package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// serverClock tells how long the server works at a statement: by the mean of
// pg_stat_statements where that is loaded, else as EXPLAIN ANALYZE has it, with
// the timing of single nodes off.
type serverClock struct {
	conn       *pgx.Conn
	statements bool
}

func newServerClock(ctx context.Context, set *dataset) (*serverClock, error) {
	conn, err := pgx.Connect(ctx, set.url)
	if err != nil {
		return nil, err
	}
	c := &serverClock{conn: conn}
	if err := conn.QueryRow(ctx, "SELECT current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'").Scan(&c.statements); err != nil {
		c.close()
		return nil, err
	}
	if c.statements {
		if _, err := conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *serverClock) close() { c.conn.Close(context.Background()) }

func (c *serverClock) note() string {
	if c.statements {
		return "times are means of pg_stat_statements, reset before each round"
	}
	return "times are those of EXPLAIN (ANALYZE, TIMING OFF): pg_stat_statements is not there"
}

// measure asks a statement for at least a given time, and gives the server's
// mean time in nanoseconds. It adds to count how often it has asked.
func (c *serverClock) measure(conn *pgx.Conn, sql string, args func(i int) []any, least time.Duration, count *int) Measure {
	i := 0
	ask := func(ctx context.Context) error { return drain(ctx, conn, sql, args(i)...) }
	explained := 0.0
	if !c.statements {
		prepared := false
		ask = func(ctx context.Context) error {
			if !prepared {
				if _, err := conn.Exec(ctx, "PREPARE timed AS "+sql); err != nil {
					return err
				}
				prepared = true
			}
			took, err := explain(ctx, conn, args(i))
			explained += took
			return err
		}
	}
	return func(ctx context.Context) (float64, error) {
		if c.statements {
			if _, err := c.conn.Exec(ctx, "SELECT pg_stat_statements_reset()"); err != nil {
				return 0, err
			}
		}
		explained = 0
		n := 0
		for start := time.Now(); n == 0 || time.Since(start) < least; n++ {
			if err := ask(ctx); err != nil {
				return 0, err
			}
			i++
			*count++
		}
		if !c.statements {
			return explained / float64(n), nil
		}
		return c.mean(ctx, sql, n)
	}
}

// mean is what pg_stat_statements says of a statement that was asked n times.
// In its texts constants are parameters.
func (c *serverClock) mean(ctx context.Context, sql string, n int) (nanoseconds float64, err error) {
	var calls int
	err = c.conn.QueryRow(ctx, `SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(total_exec_time) * 1e6, 0)
		FROM pg_stat_statements
		WHERE regexp_replace(query, '\$?\d+', '?', 'g') = regexp_replace($1, '\$?\d+', '?', 'g') AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`, sql).Scan(&calls, &nanoseconds)
	if err == nil && calls != n {
		err = fmt.Errorf("pg_stat_statements has %d calls of %d: %s", calls, n, sql)
	}
	return nanoseconds / float64(n), err
}

// explain runs the prepared statement and gives the time of its execution in
// nanoseconds.
func explain(ctx context.Context, conn *pgx.Conn, args []any) (float64, error) {
	placeholders := make([]string, len(args))
	for i := range args {
		placeholders[i] = fmt.Sprintf("$%d", i+1)
	}
	call := "EXECUTE timed"
	if len(args) > 0 {
		call += "(" + strings.Join(placeholders, ", ") + ")"
	}
	var text string
	simple := append([]any{pgx.QueryExecModeSimpleProtocol}, args...)
	if err := conn.QueryRow(ctx, "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "+call, simple...).Scan(&text); err != nil {
		return 0, err
	}
	var plans []struct {
		ExecutionTime float64 `json:"Execution Time"` // milliseconds
	}
	if err := json.Unmarshal([]byte(text), &plans); err != nil || len(plans) != 1 {
		return 0, fmt.Errorf("the plan %q: %w", text, err)
	}
	return plans[0].ExecutionTime * 1e6, nil
}
