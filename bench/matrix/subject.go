package matrix

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Subject is somebody who answers. None is safe for concurrent use.
type Subject interface {
	// Name is a column of the matrix: engine, exact, wait, fast, http, process.
	Name() string
	// Can says whether the question can be asked there at all.
	Can(q *Question) bool
	// Answer gives the rows of an answer. Its error wraps tasker.ErrFunctionFails
	// where the function fails whatever it is asked, and engine.ErrTimedOut where
	// it was cut.
	Answer(ctx context.Context, q *Question, a *Args) ([]any, error)
	// Ask asks and takes the whole answer, without making rows of it. Its errors
	// are those of Answer, unwrapped.
	Ask(ctx context.Context, q *Question, a *Args) error
	// Close ends whatever it needed; it may be called again.
	Close()
}

// The names of subjects.
const (
	Engine    = "engine"
	Exact     = "exact"
	Wait      = "wait"
	Fast      = "fast"
	OverHTTP  = "http"
	InProcess = "process"
)

// DatabaseOptions says how a database is asked.
type DatabaseOptions struct {
	// URL is where it is.
	URL string
	// Schema is that of the engine's tables. Defaults to "public".
	Schema string
	// Timeout cuts a question that takes longer. Defaults to 30 seconds.
	Timeout time.Duration
	// Settings are further ones of the session.
	Settings map[string]string
}

// Database is a session with the engine's own functions or with our drop-ins in
// one read mode. It cannot write: its transactions are read only.
type Database struct {
	name  string
	conn  *pgx.Conn
	typed *engine.Database
}

// Connect opens a session for the subject of that name.
func Connect(ctx context.Context, name string, o DatabaseOptions) (*Database, error) {
	if o.Schema == "" {
		o.Schema = "public"
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("the address of the database: %w", err)
	}
	first, path := o.Schema, pgx.Identifier{o.Schema}.Sanitize()
	if name != Engine {
		first, path = dropin.Schema, pgx.Identifier{dropin.Schema}.Sanitize()+", "+path
		config.RuntimeParams["tasker_sidecar.read_mode"] = name
	}
	for setting, value := range map[string]string{
		"search_path": path, "statement_timeout": fmt.Sprint(o.Timeout.Milliseconds()), "TimeZone": "UTC",
		"default_transaction_read_only": "on", "application_name": "tasker-sidecar bench",
	} {
		config.RuntimeParams[setting] = value
	}
	for setting, value := range o.Settings {
		config.RuntimeParams[setting] = value
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("a session for %s: %w", name, err)
	}
	return &Database{name, conn, engine.New(conn, engine.Options{Schema: first, Isolation: pgx.ReadCommitted, StatementTimeout: o.Timeout})}, nil
}

// Name implements [Subject].
func (s *Database) Name() string { return s.name }

// PID is the process that answers, on its own machine.
func (s *Database) PID() uint32 { return s.conn.PgConn().PID() }

// Close implements [Subject]. The server learns then where answers came from.
func (s *Database) Close() { s.conn.Close(context.Background()) }

// Can implements [Subject].
func (s *Database) Can(q *Question) bool {
	switch {
	case q.RowsSQL != "" && s.name != Engine:
		return s.name == Fast // there is one way to ask rows
	case q.SQL == "":
		return false
	}
	return s.name == Engine || s.name == Exact || q.FromRows || s.name == Fast && q.Form == Single
}

// Counts says whether its answers are counted by where they came from.
func (s *Database) Counts(q *Question) bool {
	return q.FromRows && (s.name == Fast || s.name == Wait)
}

// Statement is what Ask sends.
func (s *Database) Statement(q *Question) string {
	if q.RowsSQL != "" && s.name != Engine {
		return q.RowsSQL
	}
	return q.SQL
}

// Answer implements [Subject].
func (s *Database) Answer(ctx context.Context, q *Question, a *Args) ([]any, error) {
	if q.RowsSQL != "" && s.name != Engine {
		return q.rows(ctx, s, a)
	}
	return q.database(ctx, s.typed, a)
}

// Ask implements [Subject].
func (s *Database) Ask(ctx context.Context, q *Question, a *Args) error {
	args := q.args
	if q.RowsSQL != "" && s.name != Engine {
		args = q.rowsArgs
	}
	rows, err := s.conn.Query(ctx, s.Statement(q), args(a)...)
	if err != nil {
		return err
	}
	for rows.Next() {
		_ = rows.RawValues()
	}
	return rows.Err()
}

// Process is the index, asked in this process.
type Process struct {
	// View gives the view to ask.
	View func() *readiness.View
	// Now tells the database's time.
	Now func() tasker.Timestamp
	// Reach, if not nil, waits before an answer that is to be compared until the
	// index has everything that is committed.
	Reach func(ctx context.Context) error
}

// Name implements [Subject].
func (s *Process) Name() string { return InProcess }

// Can implements [Subject].
func (s *Process) Can(q *Question) bool { return q.view != nil }

// Answer implements [Subject].
func (s *Process) Answer(ctx context.Context, q *Question, a *Args) ([]any, error) {
	if s.Reach != nil {
		if err := s.Reach(ctx); err != nil {
			return nil, err
		}
	}
	view := s.View()
	if view == nil {
		return nil, errors.New("the index is not loaded")
	}
	return q.view(view, a, s.Now()), nil
}

// Ask implements [Subject].
func (s *Process) Ask(_ context.Context, q *Question, a *Args) error {
	q.ask(s.View(), a, s.Now())
	return nil
}

// Close implements [Subject].
func (s *Process) Close() {}
