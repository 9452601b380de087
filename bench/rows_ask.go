package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
)

// asked is one question to the database, answered by the engine's object of a
// name and by ours.
type asked struct {
	set     *dataset
	mode    string // our read mode
	sql     string // prepared
	args    func(i int) []any
	samples int // for the comparison: of how many questions; 0: one, below 0: none
	columns int // of each row, that are compared; 0: all
	// theirs bounds the engine's time, at the end of which it is cut.
	theirs time.Duration
	// least is how long a round takes; 0: a second, or a little in Quick.
	least time.Duration
}

// session opens a session that is answered by one or the other.
func (q *asked) session(ctx context.Context, ours bool) (*pgx.Conn, error) {
	settings := map[string]string{"search_path": "public"}
	if ours {
		settings = map[string]string{"search_path": dropin.Schema + ", public", "tasker_sidecar.read_mode": q.mode}
	} else if q.theirs > 0 {
		settings["statement_timeout"] = fmt.Sprint(q.theirs.Milliseconds())
	}
	return connect(ctx, q.set.socket, settings)
}

func connect(ctx context.Context, url string, settings map[string]string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	for name, value := range settings {
		config.RuntimeParams[name] = value
	}
	return pgx.ConnectConfig(ctx, config)
}

// serverTimes measures a question's time in the server beside the engine's,
// after the answers were compared. Answers that were to come from rows and did
// not are no measurement of rows.
func (l *lab) serverTimes(ctx context.Context, c *Case, q asked) ([]Result, error) {
	if err := l.install(ctx, q.set); err != nil {
		return nil, err
	}
	if q.mode != "exact" {
		if _, err := l.project(ctx, q.set); err != nil {
			return nil, err
		}
	}
	clock, err := newServerClock(ctx, q.set)
	if err != nil {
		return nil, err
	}
	defer clock.close()
	ours, err := q.session(ctx, true)
	if err != nil {
		return nil, err
	}
	defer ours.Close(context.WithoutCancel(ctx))
	theirs, err := q.session(ctx, false)
	if err != nil {
		return nil, err
	}
	defer theirs.Close(context.WithoutCancel(ctx))
	counters, err := countAnswers(ctx, q.set.url)
	if err != nil {
		return nil, err
	}
	defer counters.close()

	r := l.result(c)
	r.Unit, r.Dataset = "ns/op", q.set.words
	r.Notes = append(r.Notes, clock.note())
	l.stage("compare the answers")
	compared, err := q.compare(ctx, ours, theirs)
	if errors.Is(err, errCut) {
		r.Notes = append(r.Notes, fmt.Sprintf("the engine's answer could not be compared, nor its time be taken: it was cut after %v", q.theirs))
	} else if err != nil {
		return nil, err
	}
	least := q.least
	if least == 0 {
		least = pick(l, 30*time.Millisecond, time.Second)
	}
	count := compared
	subject := clock.measure(ours, q.sql, q.args, least, &count)
	answered, cuts := compared, 0
	baseline := clock.measure(theirs, q.sql, q.args, least, &answered)
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(), subject, func(ctx context.Context) (float64, error) {
		sample, err := baseline(ctx)
		if cut(err) {
			cuts++
			return float64(q.theirs), nil // in its place, until all rounds are taken
		}
		return sample, err
	}, l.round)
	r.baselineCut(q.theirs, cuts, answered)
	if err != nil {
		return []Result{r}, err
	}
	if q.mode != "exact" {
		ours.Close(ctx) // which makes its counts known
		note, err := counters.fromRows(ctx, count)
		if err != nil {
			return nil, err
		}
		r.Notes = append(r.Notes, note)
	}
	return []Result{r}, nil
}

// baselineCut takes away the samples of a baseline that was cut: it has an
// ending, which bounds the ratio where nothing was answered.
func (r *Result) baselineCut(after time.Duration, cuts, answered int) {
	if cuts == 0 {
		return
	}
	r.BaselineSamples, r.BaselineEnding = nil, &Ending{CutSeconds: after.Seconds()}
	if answered > 0 {
		r.BaselineEnding.Cut, r.BaselineEnding.Asked = cuts, cuts+answered
	}
}

// errCut says that the engine took longer than it was given.
var errCut = errors.New("the engine's answer was cut")

// cut says whether an error is that of statement_timeout.
func cut(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == pgerrcode.QueryCanceled
}

// compare asks both the same and says how many questions were asked; an error
// says where the answers differ.
func (q *asked) compare(ctx context.Context, ours, theirs *pgx.Conn) (questions int, err error) {
	count := q.samples
	if count == 0 {
		count = 1
	}
	for i := range max(count, 0) {
		want, err := q.rows(ctx, theirs, i)
		if cut(err) {
			return questions, errCut
		}
		if err != nil {
			return questions, fmt.Errorf("the engine: %w", err)
		}
		got, err := q.rows(ctx, ours, i)
		if err != nil {
			return questions, fmt.Errorf("ours: %w", err)
		}
		questions++
		if len(got) != len(want) {
			return questions, fmt.Errorf("%s, asked with %v: the engine gives %d rows, we %d", q.sql, q.args(i), len(want), len(got))
		}
		for n := range want {
			if !bytes.Equal(got[n], want[n]) {
				return questions, fmt.Errorf("%s, asked with %v: the engine has a row %q where we have %q", q.sql, q.args(i), want[n], got[n])
			}
		}
	}
	return questions, nil
}

// rows are the rows of the i-th answer as texts, in an order of their own.
func (q *asked) rows(ctx context.Context, conn *pgx.Conn, i int) ([][]byte, error) {
	args := append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, q.args(i)...)
	rows, err := conn.Query(ctx, q.sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]byte
	for rows.Next() {
		values := rows.RawValues()
		if q.columns > 0 {
			values = values[:q.columns]
		}
		all = append(all, bytes.Join(values, []byte{'\t'}))
	}
	slices.SortFunc(all, bytes.Compare)
	return all, rows.Err()
}

// drain asks and reads what comes, without decoding it.
func drain(ctx context.Context, conn *pgx.Conn, sql string, args ...any) error {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		_ = rows.RawValues()
	}
	return rows.Err()
}
