package engine

import (
	"context"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Visibility says what the snapshot sees of other transactions, as
// pg_current_snapshot() prints it (xmin:xmax:xip,…), and what it takes for now.
func (s *Snapshot) Visibility(ctx context.Context) (snapshot string, now tasker.Timestamp, err error) {
	if err := s.tx.QueryRow(ctx, "SELECT pg_catalog.pg_current_snapshot()::text, now()").Scan(&snapshot, timestamp{&now}); err != nil {
		return "", tasker.NoTime, fmt.Errorf("ask the database what its snapshot sees: %w", err)
	}
	return snapshot, now, nil
}
