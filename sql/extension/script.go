// Package extension is the same installation as package schema's for those who
// may install a Postgres extension: a control file, a Makefile for PGXS, and a
// script that is generated from the migrations and compared with them by a
// test. Where the engine's tables are is found out by CREATE EXTENSION, so that
// one script serves every database:
//
//	make -C sql/extension install
//	SET tasker_sidecar.rules = 'v02';           -- those of the engine's functions; doctor asks them
//	SET tasker_sidecar.engine_schema = 'app';   -- only where several schemas have the tables
//	SET tasker_sidecar.logged = on;             -- only if the rows are to be logged
//	CREATE EXTENSION tasker_sidecar;
//
// The extension's version is the schema's: the number of the newest migration.
package extension

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Name is the extension's.
const Name = "tasker_sidecar"

// File is the name of the script of this version.
func File() string { return fmt.Sprintf("%s--%d.sql", Name, schema.Version()) }

// The values are known only in the database, so the sources are quoted whole
// and executed with the placeholders replaced. The names that they use without
// a schema mean the catalog's, whatever the session has been told.
const head = `\echo Use "CREATE EXTENSION tasker_sidecar" to load this file. \quit

DO $install$
DECLARE
    tables      CONSTANT text[] := ARRAY[%s];
    wanted      CONSTANT text := nullif(pg_catalog.current_setting('tasker_sidecar.engine_schema', true), '');
    persistence CONSTANT text := CASE WHEN pg_catalog.current_setting('tasker_sidecar.logged', true) IN ('on', 'true', '1') THEN '' ELSE 'UNLOGGED ' END;
    complete    text[];
    engine      text;
    rules       CONSTANT text := pg_catalog.current_setting('tasker_sidecar.rules', true);
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM pg_advisory_xact_lock(%d);
    complete := ARRAY(
        SELECT n.nspname::text
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = ANY (tables) AND c.relkind IN ('r', 'p') AND (n.nspname = wanted OR wanted IS NULL)
        GROUP BY n.nspname
        HAVING count(*) = cardinality(tables)
        ORDER BY n.nspname
    );
    IF cardinality(complete) = 0 THEN
        RAISE EXCEPTION '%%', CASE WHEN wanted IS NULL THEN 'no schema of this database has the engine''s tables' ELSE format('schema %%I has not all of the engine''s tables', wanted) END
            USING HINT = 'Run the engine''s migrations first, or SET tasker_sidecar.engine_schema to the right schema.';
    ELSIF cardinality(complete) > 1 THEN
        RAISE EXCEPTION 'the engine''s tables are in several schemas: %%', array_to_string(complete, ', ')
            USING HINT = 'SET tasker_sidecar.engine_schema to the one that is meant.';
    END IF;
    engine := '"' || replace(complete[1], '"', '""') || '"';
    IF rules IS NULL OR rules NOT IN ('v01', 'v02') THEN
        RAISE EXCEPTION 'it is not said which rules the engine''s functions follow'
            USING HINT = 'SET tasker_sidecar.rules to v02, or to v01 for an engine before 1.0.5; tasker-sidecar doctor asks the functions.';
    END IF;
`

const tail = `END
$install$;

-- What operators have set is theirs to keep in a dump; all else is made anew.
SELECT pg_catalog.pg_extension_config_dump('tasker_sidecar.settings', '');
SELECT pg_catalog.pg_extension_config_dump('tasker_sidecar.maintenance_services', '');
`

// Script gives the script of this version.
func Script() (string, error) {
	sources, err := schema.Sources()
	if err != nil {
		return "", err
	}
	tables := make([]string, tasker.FollowedTables)
	for i := range tables {
		tables[i] = literal(tasker.Schema[i].Name)
	}
	var s strings.Builder
	s.WriteString("-- Generated from sql/migrations and sql/functions by a test (go test ./sql/extension -update). Do not edit.\n")
	fmt.Fprintf(&s, head, strings.Join(tables, ", "), schema.LockKey)
	execute := func(comment, sql string) error {
		if strings.Contains(sql, "$source$") || strings.Contains(sql, "$install$") {
			return fmt.Errorf("%s contains a delimiter of the script", comment)
		}
		fmt.Fprintf(&s, "\n    -- %s\n    EXECUTE replace(replace($source$%s$source$, '@engine@', engine), '@persistence@ ', persistence);\n", comment, sql)
		return nil
	}
	for _, m := range sources {
		if err := execute(fmt.Sprintf("%04d_%s", m.Version, m.Name), m.SQL); err != nil {
			return "", err
		}
		fmt.Fprintf(&s, "    INSERT INTO tasker_sidecar.migrations (version, name, checksum)\n    VALUES (%d, %s, %s);\n",
			m.Version, literal(m.Name), literal(m.Checksum))
	}
	if err := execute("schema "+schema.CompatName, schema.CompatSQL); err != nil {
		return "", err
	}
	// The engine's schema is a quoted name in them by now.
	older, err := dropin.Render(dropin.Options{Engine: "@engine@", Rules: tasker.RulesV01})
	if err != nil {
		return "", err
	}
	newer, err := dropin.Render(dropin.Options{Engine: "@engine@", Rules: tasker.RulesV02})
	if err != nil {
		return "", err
	}
	unquoted := func(sql string) string { return strings.ReplaceAll(sql, `"@engine@"`, "@engine@") }
	for i := range newer {
		name := newer[i].Name
		if older[i].Statement == newer[i].Statement {
			err = execute(name, unquoted(newer[i].Statement))
		} else {
			s.WriteString("\n    IF rules = 'v01' THEN\n")
			err = execute(name+" by the rules v01", unquoted(older[i].Statement))
			s.WriteString("\n    ELSE\n")
			err = errors.Join(err, execute(name+" by the rules v02", unquoted(newer[i].Statement)))
			s.WriteString("\n    END IF;\n")
		}
		if err != nil {
			return "", err
		}
	}
	s.WriteString(tail)
	return s.String(), nil
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

//go:generate go test . -run ScriptIsCurrent -update
