package replication

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

//go:embed fingerprint.sql
var fingerprintSQL string

// DefaultPublication is the publication's name unless another is configured.
const DefaultPublication = "tasker_sidecar"

// rulesFunctions are the functions whose answers depend on the rules' version.
var rulesFunctions = []string{
	"get_step_readiness_status",
	"get_step_readiness_status_batch",
	"get_task_execution_context",
	"get_task_execution_contexts_batch",
}

// Fingerprint is a [Layout] in a form that is compared with ==. Two that differ
// need not differ in anything that matters: [Diff] says. The zero value is that
// of no database.
type Fingerprint struct{ text string }

// Layout gives what the fingerprint was taken of.
func (f Fingerprint) Layout() Layout {
	var l Layout
	if f.text != "" {
		if err := json.Unmarshal([]byte(f.text), &l); err != nil {
			panic("replication: a fingerprint that was read is valid JSON: " + err.Error())
		}
	}
	return l
}

// FingerprintOptions say what a fingerprint is taken of.
type FingerprintOptions struct {
	// Schema is the one with the engine's tables.
	// Defaults to "": tables of the engine's names in all schemas.
	Schema string
	// Publication is the name of the publication.
	// Defaults to DefaultPublication.
	Publication string
	// Known are oids of tables to look for whatever they are called now.
	// Defaults to none.
	Known []uint32
}

// ReadFingerprint takes the fingerprint of the database that conn is connected
// to, by one statement that reads nothing but the catalog. It needs no right
// beyond being connected.
func ReadFingerprint(ctx context.Context, conn Querier, o FingerprintOptions) (Fingerprint, error) {
	if o.Publication == "" {
		o.Publication = DefaultPublication
	}
	if o.Known == nil {
		o.Known = []uint32{}
	}
	var schema *string
	if o.Schema != "" {
		schema = &o.Schema
	}
	var text string
	err := conn.QueryRow(ctx, fingerprintSQL, followedNames(), schema, o.Known, o.Publication, rulesFunctions).Scan(&text)
	if err != nil {
		return Fingerprint{}, fmt.Errorf("reading the catalog: %w", err)
	}
	var l Layout
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return Fingerprint{}, fmt.Errorf("reading the catalog: its answer has an unknown form: %w", err)
	}
	return Fingerprint{text: text}, nil
}

// Querier is what asking needs of a connection; *pgx.Conn, pgx.Tx and a pool
// satisfy it.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// followedNames are the followed tables' names.
func followedNames() []string {
	names := make([]string, tasker.FollowedTables)
	for i := range names {
		names[i] = tasker.Schema[i].Name
	}
	return names
}

// quote gives an identifier, or several joined by dots, as SQL takes it.
func quote(parts ...string) string { return pgx.Identifier(parts).Sanitize() }
