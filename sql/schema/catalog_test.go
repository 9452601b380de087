package schema_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// catalogSQL describes everything in our two schemas, a line each: what it is
// made of, its options, rights and comments.
const catalogSQL = `
WITH ours AS (
    SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname IN ('tasker_sidecar', 'tasker_sidecar_compat')
)
SELECT format('schema %s %s %s', o.nspname, n.nspacl, obj_description(n.oid, 'pg_namespace'))
FROM ours o JOIN pg_namespace n ON n.oid = o.oid
UNION ALL
SELECT format('relation %s %s %s %s %s %s', c.oid::regclass, c.relkind, c.relpersistence, c.reloptions, c.relacl, obj_description(c.oid, 'pg_class'))
FROM ours o JOIN pg_class c ON c.relnamespace = o.oid
UNION ALL
SELECT format('column %s.%s %s %s %s %s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
FROM ours o
JOIN pg_class c ON c.relnamespace = o.oid AND c.relkind <> 'i'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
UNION ALL
SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM ours o JOIN pg_class c ON c.relnamespace = o.oid JOIN pg_index i ON i.indrelid = c.oid
UNION ALL
SELECT format('constraint %s %s', k.conname, pg_get_constraintdef(k.oid)) FROM ours o JOIN pg_constraint k ON k.connamespace = o.oid
UNION ALL
SELECT format('view %s %s', c.oid::regclass, pg_get_viewdef(c.oid)) FROM ours o JOIN pg_class c ON c.relnamespace = o.oid AND c.relkind = 'v'
UNION ALL
SELECT format('function %s %s %s', p.oid::regprocedure, p.proacl, obj_description(p.oid, 'pg_proc')) || pg_get_functiondef(p.oid)
FROM ours o JOIN pg_proc p ON p.pronamespace = o.oid
UNION ALL
SELECT format('migration %s %s %s', version, name, checksum) FROM tasker_sidecar.migrations
ORDER BY 1`

func catalog(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return values[string](t, conn, catalogSQL)
}
