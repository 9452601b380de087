package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

// Result counts what a run did.
type Result struct {
	Committed, RolledBack int
	// Statements that the database executed, and those that it refused by
	// SQLSTATE.
	Executed int
	Refused  map[string]int
}

// LockTimeout bounds how long a statement waits for another session's locks;
// one that waits longer is refused like any other.
const LockTimeout = 100 * time.Millisecond

// Run executes the program: the base on the first connection, then each
// session on a connection of its own, all at once; there must be as many.
// Statements that the database refuses are counted, not reported. An error
// means that a connection was lost or ctx has ended.
func Run(ctx context.Context, conns []*pgx.Conn, p Program) (Result, error) {
	if len(conns) < len(p.Sessions) || len(conns) == 0 {
		return Result{}, fmt.Errorf("%d sessions need as many connections, there are %d", len(p.Sessions), len(conns))
	}
	total, err := session(ctx, conns[0], p.Base)
	if err != nil {
		return total, err
	}
	results := make([]Result, len(p.Sessions))
	group, ctx := errgroup.WithContext(ctx)
	for i, s := range p.Sessions {
		group.Go(func() (err error) {
			results[i], err = session(ctx, conns[i], s)
			return err
		})
	}
	err = group.Wait()
	for _, r := range results {
		total.add(r)
	}
	return total, err
}

func (r *Result) add(o Result) {
	r.Committed += o.Committed
	r.RolledBack += o.RolledBack
	r.Executed += o.Executed
	for code, n := range o.Refused {
		r.refuse(code, n)
	}
}

func (r *Result) refuse(code string, n int) {
	if r.Refused == nil {
		r.Refused = map[string]int{}
	}
	r.Refused[code] += n
}

// session executes transactions on one connection.
func session(ctx context.Context, conn *pgx.Conn, list []Transaction) (r Result, err error) {
	if _, err := conn.Exec(ctx, fmt.Sprintf("SET lock_timeout = %d", LockTimeout.Milliseconds())); err != nil {
		return r, fmt.Errorf("preparing a session: %w", err)
	}
	for _, t := range list {
		if err := r.transaction(ctx, conn, t); err != nil {
			return r, err
		}
	}
	if _, err := conn.Exec(ctx, "RESET lock_timeout"); err != nil {
		return r, fmt.Errorf("ending a session: %w", err)
	}
	return r, nil
}

func (r *Result) transaction(ctx context.Context, conn *pgx.Conn, t Transaction) error {
	begin := t.begin()
	if t.Replica {
		begin += "; " + replicaSQL
	}
	if _, err := exec(ctx, conn, begin); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err := r.ops(ctx, conn, t.Ops, 0); err != nil {
		return err
	}
	refused, err := exec(ctx, conn, t.end())
	switch {
	case refused != "": // a serialization failure at commit
		r.refuse(refused, 1)
		r.RolledBack++
	case err != nil:
		return fmt.Errorf("ending a transaction: %w", err)
	case t.Rollback:
		r.RolledBack++
	default:
		r.Committed++
	}
	return nil
}

// ops executes statements, each under a savepoint of its own, in one round trip
// when it is not refused.
func (r *Result) ops(ctx context.Context, conn *pgx.Conn, ops []Op, depth int) error {
	for _, o := range ops {
		point := fmt.Sprintf("s%d", depth)
		if o.Undone == nil {
			refused, err := exec(ctx, conn, "SAVEPOINT "+point+"; "+o.SQL+"; RELEASE "+point)
			switch {
			case err == nil:
				r.Executed++
				continue
			case refused == "":
				return fmt.Errorf("%s: %w", o.SQL, err)
			}
			r.refuse(refused, 1)
		} else {
			if _, err := exec(ctx, conn, "SAVEPOINT "+point); err != nil {
				return fmt.Errorf("setting a savepoint: %w", err)
			}
			if err := r.ops(ctx, conn, o.Undone, depth+1); err != nil {
				return err
			}
		}
		if _, err := exec(ctx, conn, "ROLLBACK TO "+point+"; RELEASE "+point); err != nil {
			return fmt.Errorf("ending a savepoint: %w", err)
		}
	}
	return nil
}

// exec executes by the simple protocol. A statement that the database refuses
// has a SQLSTATE; an error besides means that it cannot go on.
func exec(ctx context.Context, conn *pgx.Conn, sql string) (refused string, err error) {
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && !conn.IsClosed() {
		return pg.Code, err
	}
	return "", err
}
