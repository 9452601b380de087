package dropin

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Executor executes statements: a pgx.Tx, or a connection or pool where each
// statement may be a transaction of its own.
type Executor interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
}

// Install creates or replaces the drop-ins in their schema, which has to be
// there, as the schema tasker_sidecar has unless options say Alone. Rights that
// were granted on them stay, and whoever may read the engine's view may read
// ours. In a transaction of the caller's all of it is there afterwards, or, when
// that is rolled back after an error, nothing has changed.
//
// It takes the right to create in the schema and to own what is replaced; and
// its owner needs to read the engine's tables, for the view.
func Install(ctx context.Context, db Executor, options Options) error {
	objects, err := Render(options)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if _, err := db.Exec(ctx, o.Statement); err != nil {
			return fmt.Errorf("install %s.%s: %w", Schema, o.Name, err)
		}
	}
	return nil
}
