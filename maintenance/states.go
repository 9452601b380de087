package maintenance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
)

// State says whether a service may act.
type State string

// The states.
const (
	Running State = "running"
	Paused  State = "paused"  // by an operator
	Stopped State = "stopped" // by itself: its budget was spent
	// Refused: it cannot act here; Why says what is missing. It is not stored.
	Refused State = "refused"
)

// Stored is what the database says of a service.
type Stored struct {
	State  State
	Reason string
	At     time.Time
	By     string // a role
}

// Querier is what reading needs of a connection, a transaction or a pool.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// ReadStates reads what the database says of the services. One that it says
// nothing of is running.
func ReadStates(ctx context.Context, conn Querier) (map[agenda.Service]Stored, error) {
	states := map[agenda.Service]Stored{}
	rows, err := conn.Query(ctx, `SELECT service, state, reason, changed_at, changed_by FROM tasker_sidecar.maintenance_services`)
	if err != nil {
		return nil, fmt.Errorf("reading the states of the services: %w", err)
	}
	var name string
	var s Stored
	_, err = pgx.ForEachRow(rows, []any{&name, &s.State, &s.Reason, &s.At, &s.By}, func() error {
		if service, err := agenda.ParseService(name); err == nil {
			states[service] = s
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the states of the services: %w", explained(err))
	}
	return states, nil
}

const storeSQL = `
INSERT INTO tasker_sidecar.maintenance_services (service, state, reason) VALUES ($1, $2, $3)
ON CONFLICT (service) DO UPDATE SET state = excluded.state, reason = excluded.reason, changed_at = pg_catalog.clock_timestamp(), changed_by = session_user`

// Pause lets a service do nothing more, whoever leads, until [Resume]. Once it
// has returned, no act of the service is committed any more. The reason is for
// people.
func Pause(ctx context.Context, conn leader.Beginner, s agenda.Service, reason string) error {
	return store(ctx, conn, s, Paused, reason)
}

// Resume lets a service that was paused, or has stopped itself, go on.
func Resume(ctx context.Context, conn leader.Beginner, s agenda.Service, reason string) error {
	return store(ctx, conn, s, Running, reason)
}

// store writes a state behind the lock of the leader's row, which each act
// holds.
func store(ctx context.Context, conn leader.Beginner, s agenda.Service, state State, reason string) error {
	doing := fmt.Sprintf("storing that the %s is %s", s, state)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, `SELECT FROM tasker_sidecar.leader FOR NO KEY UPDATE`); err != nil {
		return fmt.Errorf("%s: %w", doing, explained(err))
	}
	if _, err := tx.Exec(ctx, storeSQL, s.String(), string(state), reason); err != nil {
		return fmt.Errorf("%s: %w", doing, explained(err))
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// explained adds what to do to an error whose remedy is known.
func explained(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch pg.Code {
	case pgerrcode.UndefinedTable, pgerrcode.InvalidSchemaName:
		return fmt.Errorf("the schema tasker_sidecar is missing, or older than this program: run tasker-sidecar install (%w)", err)
	case pgerrcode.InsufficientPrivilege:
		return fmt.Errorf("%w; docs/maintenance.md lists the rights that acting needs", err)
	}
	return err
}
