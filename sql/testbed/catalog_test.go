package testbed_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// catalog is what testdata/catalog.json holds: the engine's own tables, as the
// Postgres catalogs describe them.
type catalog struct {
	Source           string              `json:"source"`
	Tables           map[string][]column `json:"tables"`
	PrimaryKeys      map[string]string   `json:"primary_keys"`
	ForeignKeys      []foreignKey        `json:"foreign_keys"`
	CheckConstraints int                 `json:"check_constraints"`
	Indexes          map[string][]index  `json:"indexes"`
}

type column struct {
	Column   string  `json:"column"`
	Type     string  `json:"type"`
	Default  *string `json:"default"`
	Nullable bool    `json:"nullable"`
}

type foreignKey struct {
	Table      string `json:"table"`
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

type index struct {
	Name   string `json:"name"`
	On     string `json:"on"`
	Unique bool   `json:"unique"`
}

// engineCatalog reads the file.
func engineCatalog(t *testing.T) (c catalog) {
	t.Helper()
	text, err := os.ReadFile("testdata/catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTablesAreTheEngines(t *testing.T) {
	want := engineCatalog(t)
	indexes := 0
	for _, of := range want.Indexes {
		indexes += len(of)
	}
	if len(want.Tables) != 13 || indexes != 99 {
		t.Fatalf("the file has %d tables and %d indexes, want 13 and 99", len(want.Tables), indexes)
	}
	got := readCatalog(t, installed(t, testbed.Options{}, false))
	got.Source = want.Source
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("engine's (-), testbed's (+):\n%s", diff)
	}
}

func readCatalog(t *testing.T, conn *pgx.Conn) catalog {
	t.Helper()
	c := catalog{Tables: map[string][]column{}, PrimaryKeys: map[string]string{}, Indexes: map[string][]index{}}
	var table, definition string
	var col column
	each(t, conn, `
		SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), NOT a.attnotnull
		FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
		ORDER BY c.relname, a.attnum`,
		[]any{&table, &col.Column, &col.Type, &col.Default, &col.Nullable},
		func() { c.Tables[table] = append(c.Tables[table], col) })
	each(t, conn, `
		SELECT conrelid::regclass::text, pg_get_constraintdef(oid)
		FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype = 'p'`,
		[]any{&table, &definition},
		func() { c.PrimaryKeys[table] = definition })
	var fk foreignKey
	each(t, conn, `
		SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
		FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype = 'f'
		ORDER BY conrelid::regclass::text COLLATE "C", conname COLLATE "C"`,
		[]any{&fk.Table, &fk.Name, &fk.Definition},
		func() { c.ForeignKeys = append(c.ForeignKeys, fk) })
	each(t, conn, `
		SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype NOT IN ('p', 'f', 'n')`,
		[]any{&c.CheckConstraints}, func() {})
	var idx index
	each(t, conn, `
		SELECT c.relname, i.relname, x.indisunique, substr(pg_get_indexdef(i.oid), strpos(pg_get_indexdef(i.oid), ' USING '))
		FROM pg_index x
		JOIN pg_class i ON i.oid = x.indexrelid
		JOIN pg_class c ON c.oid = x.indrelid
		WHERE c.relnamespace = 'public'::regnamespace
		ORDER BY c.relname COLLATE "C", i.relname COLLATE "C"`,
		[]any{&table, &idx.Name, &idx.Unique, &idx.On},
		func() { c.Indexes[table] = append(c.Indexes[table], idx) })
	return c
}

// each scans every row of a statement into the targets and calls f.
func each(t *testing.T, conn *pgx.Conn, statement string, targets []any, f func()) {
	t.Helper()
	rows, err := conn.Query(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.ForEachRow(rows, targets, func() error { f(); return nil }); err != nil {
		t.Fatal(err)
	}
}
