package loader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// ErrNotEmpty is returned, wrapped, where [Options.BuildIndexesAfter] finds rows.
var ErrNotEmpty = errors.New("the tables are not empty")

// index is one that was dropped and is to be built again.
type index struct{ name, drop, create string }

// dropIndexes drops, in one transaction, the indexes of the copied tables that
// their definitions can bring back. It refuses tables that have rows.
//
// Those of constraints stay: without primary keys there could be no foreign
// keys either, and to build the ones and check the others afterwards takes as
// long as to keep the primary keys up to date. Those that carry what no definition
// tells stay as well: a replica identity, a clustering, a tablespace, a
// comment, a statistics target.
func dropIndexes(ctx context.Context, conn *pgx.Conn) (dropped []index, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, c := range copied {
			// the lock that DROP INDEX takes, before looking
			if _, err := tx.Exec(ctx, "LOCK TABLE "+c.table.String()+" IN ACCESS EXCLUSIVE MODE"); err != nil {
				return err
			}
			var occupied bool
			if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+c.table.String()+")").Scan(&occupied); err != nil {
				return err
			}
			if occupied {
				return fmt.Errorf("%w: %s has rows, and its indexes stay", ErrNotEmpty, c.table)
			}
			rows, err := tx.Query(ctx, `
				SELECT i.indexrelid::regclass::text, format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
				FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
				WHERE i.indrelid = to_regclass($1) AND i.indisvalid
					AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
					AND NOT i.indisreplident AND NOT i.indisclustered AND c.reltablespace = 0
					AND obj_description(c.oid, 'pg_class') IS NULL
					AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0)
				ORDER BY 1`, c.table.String())
			if err != nil {
				return err
			}
			found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i index, err error) {
				return i, row.Scan(&i.name, &i.drop, &i.create)
			})
			if err != nil {
				return err
			}
			dropped = append(dropped, found...)
		}
		for _, i := range dropped {
			if _, err := tx.Exec(ctx, i.drop); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dropping indexes until the rows are loaded: %w", err)
	}
	return dropped, nil
}

// buildTimeout bounds the building of indexes after a load that was cut short.
const buildTimeout = 10 * time.Minute

// buildIndexes builds the indexes again, several at once, also when the load
// has failed or its context has ended.
func buildIndexes(ctx context.Context, pool *pgxpool.Pool, parallel int, dropped []index) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), buildTimeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, i := range dropped {
		group.Go(func() error {
			return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL max_parallel_maintenance_workers = 0; "+i.create)
				if err != nil {
					return fmt.Errorf("building the index %s again: %w; its definition is: %s", i.name, err, i.create)
				}
				return nil
			})
		})
	}
	return group.Wait()
}
