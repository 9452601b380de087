package replication

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// source is what is known of the followed tables before the slot is created.
type source struct {
	schema    string
	oids      [tasker.FollowedTables + 1]uint32
	filenodes [tasker.FollowedTables + 1]uint32
	estimates [tasker.FollowedTables + 1]int64
}

func followedTables() []tasker.Table {
	all := make([]tasker.Table, tasker.FollowedTables)
	for i := range all {
		all[i] = tasker.Table(i + 1) //nolint:gosec // eight
	}
	return all
}

// readSource looks at the tables just before the slot is created.
func readSource(ctx context.Context, conn *pgx.Conn, l *Layout, schema string) (*source, error) {
	s := &source{schema: schema}
	for _, t := range followedTables() {
		found := l.Table(schema, t.String())
		if found == nil {
			return nil, l.refuseTables(schema)
		}
		s.oids[t] = found.OID
	}
	nodes, err := s.readFilenodes(ctx, conn.PgConn())
	if err != nil {
		return nil, err
	}
	s.filenodes = nodes
	for _, t := range followedTables() {
		// The planner's estimate knows how large the table has become since it
		// was last analyzed, and how many transitions are the most recent.
		var plan []struct {
			Plan struct {
				Rows float64 `json:"Plan Rows"`
			} `json:"Plan"`
		}
		if err := conn.QueryRow(ctx, "EXPLAIN (FORMAT json) "+s.query(t, chunk{}), pgx.QueryExecModeSimpleProtocol).Scan(&plan); err != nil {
			return nil, fmt.Errorf("estimating the rows of %s: %w", t, err)
		}
		if len(plan) == 1 {
			s.estimates[t] = int64(plan[0].Plan.Rows)
		}
	}
	return s, nil
}

// readFilenodes tells where the tables are stored now, whatever the snapshot
// of the session says; 0 for a table that is gone or bears another name.
func (s *source) readFilenodes(ctx context.Context, conn *pgconn.PgConn) (nodes [tasker.FollowedTables + 1]uint32, err error) {
	columns := make([]string, 0, tasker.FollowedTables)
	for _, t := range followedTables() {
		columns = append(columns, fmt.Sprintf("CASE WHEN to_regclass(%s)::oid = %d THEN pg_relation_filenode(%d)::bigint ELSE 0 END",
			literal(quote(s.schema, t.String())), s.oids[t], s.oids[t]))
	}
	results, err := conn.Exec(ctx, "SELECT "+strings.Join(columns, ", ")).ReadAll()
	if err != nil {
		return nodes, fmt.Errorf("reading where the tables are stored: %w", err)
	}
	for i, t := range followedTables() {
		node, _ := strconv.ParseUint(string(results[0].Rows[0][i]), 10, 32) // NULL: 0
		nodes[t] = uint32(node)
	}
	return nodes, nil
}

// chunk is a range of a table's blocks; the zero value is all of them.
type chunk struct{ from, to int64 }

// query selects the followed columns of a part of a table.
func (s *source) query(t tasker.Table, c chunk) string {
	info := t.Info()
	columns := make([]string, len(info.Followed))
	var conditions []string
	for i, col := range info.Followed {
		columns[i] = quote(col.Name)
	}
	if t == tasker.TaskTransitions || t == tasker.WorkflowStepTransitions {
		conditions = append(conditions, "most_recent")
	}
	if c.from > 0 {
		conditions = append(conditions, fmt.Sprintf("ctid >= '(%d,0)'::tid", c.from))
	}
	if c.to > 0 {
		conditions = append(conditions, fmt.Sprintf("ctid < '(%d,0)'::tid", c.to))
	}
	sql := "SELECT " + strings.Join(columns, ", ") + " FROM ONLY " + quote(s.schema, t.String())
	if len(conditions) > 0 {
		sql += " WHERE " + strings.Join(conditions, " AND ")
	}
	return sql
}

// copyCommand copies a part of a table out.
func (s *source) copyCommand(t tasker.Table, c chunk) string {
	return "COPY (" + s.query(t, c) + ") TO STDOUT (FORMAT binary)"
}
