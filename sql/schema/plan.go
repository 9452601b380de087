package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Plan gives the SQL that [Install] would run, for an administrator to read and
// to run as a role that may create schemas. It changes nothing and needs no
// right beyond being connected. Its errors are those of Install, but for rights.
func Plan(ctx context.Context, conn *pgx.Conn, o Options) (string, error) {
	o, err := o.withDefaults()
	if err != nil {
		return "", err
	}
	o.Log = func(string) {}
	s := newScript("What tasker-sidecar install runs. The role needs CREATE on the database. Run the whole of it and stop at the first error:",
		"psql -v ON_ERROR_STOP=1 -f FILE")
	err = s.planned(ctx, conn, func(tx pgx.Tx, in func(string, func(pgx.Tx) error) error) error {
		i := installation{Options: o, in: in, planning: true}
		state, err := i.prepare(ctx, tx)
		if err != nil {
			return err
		}
		return i.run(ctx, &state)
	})
	return s.text.String(), err
}

// script writes transactions down.
type script struct {
	text  strings.Builder
	empty bool // no transaction does anything
}

func newScript(comments ...string) *script {
	s := &script{empty: true}
	for _, c := range comments {
		fmt.Fprintf(&s.text, "-- %s\n", c)
	}
	return s
}

// planned calls f with a transaction to ask in, and with a function that runs
// others in transactions that only write down; what they ask is answered from
// the same snapshot.
func (s *script) planned(ctx context.Context, conn *pgx.Conn, f func(tx pgx.Tx, in func(string, func(pgx.Tx) error) error) error) error {
	err := pgx.BeginTxFunc(ctx, conn, reading, func(tx pgx.Tx) error {
		return f(tx, func(comment string, run func(pgx.Tx) error) error {
			r := &recorder{Tx: tx}
			if err := run(r); err != nil {
				return err
			}
			if r.statements > 1 { // the first one enters
				s.empty = false
				fmt.Fprintf(&s.text, "\n\n-- %s\n\nBEGIN;\n\n%sCOMMIT;\n", strings.ToUpper(comment[:1])+comment[1:]+".", r.text.String())
			}
			return nil
		})
	})
	if err == nil && s.empty {
		s.text.WriteString("-- Nothing has to be done.\n")
	}
	return err
}

// recorder is a transaction whose statements are written down.
type recorder struct {
	pgx.Tx
	text       strings.Builder
	statements int // calls of Exec
}

// Exec writes sql down. Arguments have no place in a script.
func (r *recorder) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if len(args) > 0 {
		return pgconn.CommandTag{}, fmt.Errorf("a statement with arguments cannot be part of a script: %s", sql)
	}
	r.statements++
	fmt.Fprintf(&r.text, "%s;\n\n", strings.TrimRight(sql, "; \n\t"))
	return pgconn.CommandTag{}, nil
}
