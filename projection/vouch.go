package projection

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"
)

// vouch gives a session an advisory lock under a key made by chance, which each
// of its flushes names, and says the key: the tag 'R' (for rows) in the top byte,
// and 56 bits. As long as somebody has the lock, whoever wrote the flush lives, and
// the flush is in the database that it was written in: the server forgets the lock
// with the session, and a copy of the database has never had it. To try for the
// lock costs a reader far less than to look for the slot, which would tell the
// same: an answer about one task takes about half the time.
func vouch(ctx context.Context, conn *pgx.Conn) (key int64, err error) {
	for taken := false; !taken; {
		key = 'R'<<56 | rand.Int64N(1<<56) //nolint:gosec // it keeps nobody out
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_try_advisory_lock($1)", key).Scan(&taken); err != nil {
			return 0, fmt.Errorf("taking the writer's lock: %w", err)
		}
	}
	return key, nil
}
