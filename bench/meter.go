package bench

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// meter tells what a statement costs the server, by the differences of its line
// in pg_stat_statements, which is reset for nobody: others may use it.
type meter struct {
	conn *pgx.Conn
	sql  string
	pid  uint32 // of the session that asks, where /proc has it; 0: it has not

	calls                int64
	nanoseconds, hit, rd float64
	cpu                  float64
}

// statementSQL finds the statement by its text, in which constants are
// parameters.
const statementSQL = `SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(total_exec_time) * 1e6, 0)::float8,
		coalesce(sum(shared_blks_hit), 0)::float8, coalesce(sum(shared_blks_read), 0)::float8
	FROM pg_stat_statements
	WHERE regexp_replace(query, '\$?\d+', '?', 'g') = regexp_replace($1, '\$?\d+', '?', 'g')
		AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)`

func (m *meter) read(ctx context.Context) (calls int64, nanoseconds, hit, rd, cpu float64, err error) {
	err = m.conn.QueryRow(ctx, statementSQL, m.sql).Scan(&calls, &nanoseconds, &hit, &rd)
	if err != nil {
		err = fmt.Errorf("ask pg_stat_statements: %w", err)
	}
	return calls, nanoseconds, hit, rd, processTime(m.pid), err
}

func (m *meter) begin(ctx context.Context) (err error) {
	m.calls, m.nanoseconds, m.hit, m.rd, m.cpu, err = m.read(ctx)
	return err
}

// end gives the mean of n questions since begin; nil where others have asked
// the same as the same role, so that nothing can be said of ours.
func (m *meter) end(ctx context.Context, n int) (*Cost, error) {
	calls, nanoseconds, hit, rd, cpu, err := m.read(ctx)
	if err != nil || calls-m.calls != int64(n) {
		return nil, err
	}
	each := func(after, before float64) float64 { return (after - before) / float64(n) }
	return &Cost{
		Source: "pg_stat_statements", ServerNanoseconds: each(nanoseconds, m.nanoseconds), CPUNanoseconds: each(cpu, m.cpu),
		BuffersHit: each(hit, m.hit), BuffersRead: each(rd, m.rd),
	}, nil
}

// processTime is the processor time of a process on this machine, as Linux'
// scheduler has it, in nanoseconds; 0: not known.
func processTime(pid uint32) float64 {
	if pid == 0 {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	n, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return n
}

func (c *Cost) add(o *Cost) {
	c.Source = o.Source
	c.ServerNanoseconds += o.ServerNanoseconds
	c.CPUNanoseconds += o.CPUNanoseconds
	c.BuffersHit += o.BuffersHit
	c.BuffersRead += o.BuffersRead
}

func (c Cost) over(n float64) *Cost {
	c.ServerNanoseconds /= n
	c.CPUNanoseconds /= n
	c.BuffersHit /= n
	c.BuffersRead /= n
	return &c
}
