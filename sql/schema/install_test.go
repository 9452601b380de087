package schema_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
)

func TestInstall(t *testing.T) {
	conn := engine(t)
	if err := schema.Check(t.Context(), conn); !errors.Is(err, schema.ErrNotInstalled) {
		t.Errorf("before the installation: %v", err)
	}
	var told []string
	o := schema.Options{Log: func(line string) { told = append(told, line) }}
	install(t, conn, o)
	if len(told) != schema.Version()+1 || !strings.Contains(told[0], "0001_tables") {
		t.Errorf("told: %q", told)
	}
	if err := schema.Check(t.Context(), conn); err != nil {
		t.Errorf("after the installation: %v", err)
	}
	for _, line := range catalog(t, conn) {
		// format() gives nothing for NULL.
		if strings.Contains(line, "_act_seq.") || strings.Contains(line, "_change_seq.") { // of the numbers of a column
			continue
		}
		if kind, _, _ := strings.Cut(line, " "); slices.Contains([]string{"schema", "column", "function"}, kind) && strings.HasSuffix(strings.SplitN(line, "\n", 2)[0], " ") {
			t.Errorf("no comment: %s", line)
		}
	}
	if n := value[int](t, conn, `SELECT count(*) FROM pg_class WHERE relnamespace = 'tasker_sidecar'::regnamespace AND relkind IN ('r', 'v')
		AND obj_description(oid, 'pg_class') IS NULL`); n > 0 {
		t.Errorf("%d tables or views have no comment", n)
	}

	before := catalog(t, conn)
	exec(t, conn, "INSERT INTO tasker_sidecar.settings (role_name, read_mode) VALUES ('', 'fast')")
	told = nil
	install(t, conn, o)
	if told != nil {
		t.Errorf("the second time something was done: %q", told)
	}
	if diff := cmp.Diff(before, catalog(t, conn)); diff != "" {
		t.Errorf("the second time something changed: %s", diff)
	}
}

func TestInstallFromSeveralPlacesAtOnce(t *testing.T) {
	conn := engine(t)
	alone := engine(t)
	install(t, alone, schema.Options{})
	var group errgroup.Group
	for range 6 {
		group.Go(func() error {
			other, err := pgx.ConnectConfig(t.Context(), conn.Config())
			if err != nil {
				return err
			}
			defer other.Close(context.Background())
			return schema.Install(t.Context(), other, schema.Options{})
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(catalog(t, alone), catalog(t, conn)); diff != "" {
		t.Errorf("alone (-), together (+): %s", diff)
	}
}

// Whatever the session finds first, the objects mean the catalog's.
func TestInstallUnderAHostileSearchPath(t *testing.T) {
	conn, friendly := engine(t), engine(t)
	install(t, friendly, schema.Options{})
	hostile(t, conn)
	install(t, conn, schema.Options{})
	exec(t, conn, "RESET search_path; RESET TimeZone; DISCARD TEMP")
	if diff := cmp.Diff(catalog(t, friendly), catalog(t, conn)); diff != "" {
		t.Errorf("friendly (-), hostile (+): %s", diff)
	}
}

// The script does what the installation does.
func TestPlan(t *testing.T) {
	role := newRole(t, engine(t)) // it goes after what was granted to it
	planned, installed := engine(t), engine(t)
	o := schema.Options{Persistence: schema.Logged, Sidecar: []string{role}, Readers: []string{role}, Steps: []schema.Step{{
		Name: "a step", Run: func(ctx context.Context, tx pgx.Tx, engine string) error {
			_, err := tx.Exec(ctx, "COMMENT ON VIEW tasker_sidecar.freshness IS 'of "+engine+"'")
			return err
		},
	}}}
	script, err := schema.Plan(t.Context(), planned, o)
	if err != nil {
		t.Fatal(err)
	}
	if value[bool](t, planned, "SELECT to_regnamespace('tasker_sidecar') IS NOT NULL") {
		t.Error("the plan has been carried out")
	}
	exec(t, planned, script)
	install(t, installed, o)
	if diff := cmp.Diff(catalog(t, installed), catalog(t, planned)); diff != "" {
		t.Errorf("installed (-), by the script (+): %s", diff)
	}
	script, err = schema.Plan(t.Context(), planned, schema.Options{})
	if err != nil || !strings.HasSuffix(script, "-- Nothing has to be done.\n") {
		t.Errorf("what is there is planned again: %v\n%s", err, script)
	}
}

func TestPersistence(t *testing.T) {
	conn := engine(t)
	persistence := func() string {
		return value[string](t, conn, `SELECT string_agg(DISTINCT relpersistence::text, '') FROM pg_class
			WHERE relnamespace = 'tasker_sidecar'::regnamespace AND relkind = 'r' AND (relname LIKE '%\_rows' AND relname <> 'count_rows' OR relname = 'flushes')`)
	}
	for _, step := range []struct {
		as   schema.Persistence
		want string
	}{{schema.Keep, "u"}, {schema.Logged, "p"}, {schema.Keep, "p"}, {schema.Unlogged, "u"}} {
		install(t, conn, schema.Options{Persistence: step.as})
		if got := persistence(); got != step.want {
			t.Errorf("persistence %s, want %s", got, step.want)
		}
	}
	if left := values[string](t, conn, `SELECT relname::text FROM pg_class WHERE relnamespace = 'tasker_sidecar'::regnamespace AND relkind = 'r'
		AND relpersistence = 'u' AND relname IN ('leader', 'settings', 'migrations', 'count_rows')`); len(left) > 0 {
		t.Errorf("a crash would empty %q", left)
	}
}

func TestRefusedInstallations(t *testing.T) {
	other := func(changes func(fstest.MapFS)) schema.Options {
		files := fstest.MapFS{}
		names, _ := fs.Glob(sql.Migrations, "migrations/*.sql")
		for _, name := range names {
			text, err := fs.ReadFile(sql.Migrations, name)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = &fstest.MapFile{Data: text}
		}
		changes(files)
		o, err := schema.Options{}.WithMigrations(files, "migrations", 0)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	next := fmt.Sprintf("migrations/%04d_later.sql", schema.Version()+1)
	for _, c := range []struct {
		name string
		have func(t *testing.T, conn *pgx.Conn) // what there is before
		o    schema.Options
		as   any // the error's type
		says []string
	}{
		{"a newer schema", func(t *testing.T, conn *pgx.Conn) {
			install(t, conn, other(func(m fstest.MapFS) { m[next] = &fstest.MapFile{Data: []byte("SELECT 1")} }))
			var newer *schema.NewerError
			if err := schema.Check(t.Context(), conn); !errors.As(err, &newer) || newer.Version != schema.Version()+1 {
				t.Errorf("check: %v", err)
			}
		}, schema.Options{}, new(*schema.NewerError), []string{"at least as new", "version"}},
		{"a changed migration", func(t *testing.T, conn *pgx.Conn) {
			install(t, conn, other(func(m fstest.MapFS) {
				m["migrations/0001_tables.sql"].Data = append(m["migrations/0001_tables.sql"].Data, '\n')
			}))
			if err := schema.Check(t.Context(), conn); !errors.As(err, new(*schema.ChangedError)) {
				t.Errorf("check: %v", err)
			}
		}, schema.Options{}, new(*schema.ChangedError), []string{"0001_tables", "checksum"}},
		{"an older schema", func(t *testing.T, conn *pgx.Conn) {
			o, err := schema.Options{}.WithMigrations(sql.Migrations, "migrations", 1)
			if err != nil {
				t.Fatal(err)
			}
			install(t, conn, o)
			if err := schema.Check(t.Context(), conn); !errors.As(err, new(*schema.OlderError)) {
				t.Errorf("check: %v", err)
			}
		}, schema.Options{}, nil, nil}, // and then it is brought forward
		{"engine tables in two schemas", func(t *testing.T, conn *pgx.Conn) {
			engineTables(t, conn, "older")
		}, schema.Options{}, nil, []string{"older, public", "--schema"}},
		{"a schema without them", nil, schema.Options{Engine: "elsewhere"}, nil, []string{"elsewhere", "--schema"}},
		{"no engine tables", func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
		}, schema.Options{}, nil, []string{"engine's tables", "migrations first"}},
		{"somebody's schema of our name", func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "CREATE SCHEMA tasker_sidecar")
		}, schema.Options{}, nil, []string{"not ours", "rename"}},
		{"a role that is not there", nil, schema.Options{Readers: []string{"nobody here"}}, nil, []string{"nobody here", "CREATE ROLE"}},
		{"a read-only role", func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "SET default_transaction_read_only = on")
		}, schema.Options{}, nil, []string{"read-only"}},
		{"a step that fails", nil, schema.Options{Steps: []schema.Step{{Name: "functions", Run: func(ctx context.Context, tx pgx.Tx, _ string) error {
			_, err := tx.Exec(ctx, "CREATE nonsense")
			return err
		}}}}, nil, []string{"functions: ", "nonsense"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := engine(t)
			if c.have != nil {
				c.have(t, conn)
			}
			err := schema.Install(t.Context(), conn, c.o)
			if c.as == nil && c.says == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it was not refused")
			}
			t.Log(err)
			if c.as != nil && !errors.As(err, c.as) {
				t.Errorf("error %T", err)
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q is not said", says)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Error("more than one line")
			}
		})
	}
}

// newRole creates a role that can log in, and drops it when the test ends.
func newRole(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	role := pgtest.UniqueName(t, "role")
	exec(t, conn, "CREATE ROLE "+role+" LOGIN PASSWORD 'weak'")
	config := conn.Config()
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, fmt.Sprintf("DROP OWNED BY %[1]s", role)); err != nil {
			t.Error(err)
		}
		if _, err := conn.Exec(ctx, "DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	return role
}

// as is a connection of another role to the same database.
func as(t *testing.T, conn *pgx.Conn, role string) *pgx.Conn {
	t.Helper()
	u, err := url.Parse(conn.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "weak")
	return connect(t, u.String())
}

func TestRights(t *testing.T) {
	conn := engine(t)
	weak, sidecar, reader, other := newRole(t, conn), newRole(t, conn), newRole(t, conn), newRole(t, conn)

	var rights *schema.RightsError
	err := schema.Install(t.Context(), as(t, conn, weak), schema.Options{})
	if !errors.As(err, &rights) || rights.Role != weak || !strings.Contains(err.Error(), "--dry-run") {
		t.Errorf("without the right to create: %v", err)
	}
	script, err := schema.Plan(t.Context(), as(t, conn, weak), schema.Options{Sidecar: []string{sidecar}, Readers: []string{reader}})
	if err != nil {
		t.Fatalf("a role without rights cannot have the script: %v", err)
	}
	exec(t, conn, script)
	if err := schema.Install(t.Context(), as(t, conn, weak), schema.Options{}); !errors.As(err, &rights) || !strings.Contains(err.Error(), "own") {
		t.Errorf("without owning the schema: %v", err)
	}

	may := func(role, sql string, want bool) {
		t.Helper()
		_, err := as(t, conn, role).Exec(t.Context(), sql)
		if (err == nil) != want {
			t.Errorf("role %s, %s: %v", map[string]string{sidecar: "sidecar", reader: "reader", other: "other"}[role], sql, err)
		}
	}
	const write = `
		INSERT INTO tasker_sidecar.candidate_rows VALUES (1, 1, 'now', 0, 'pending', 'step');
		UPDATE tasker_sidecar.candidate_rows SET task_id = 2;
		DELETE FROM tasker_sidecar.candidate_rows;
		TRUNCATE tasker_sidecar.step_rows, tasker_sidecar.task_rows, tasker_sidecar.dag_rows, tasker_sidecar.flushes;
		UPDATE tasker_sidecar.leader SET epoch = epoch + 1`
	const read = `
		SELECT FROM tasker_sidecar.step_rows, tasker_sidecar.flushes, tasker_sidecar.leader, tasker_sidecar.ready_steps, tasker_sidecar.blocked_steps, tasker_sidecar.freshness;
		SELECT FROM tasker_sidecar.why(1);
		SELECT tasker_sidecar.wait_for_lsn('0/0', '0')`
	const everybody = `SELECT FROM tasker_sidecar.settings, tasker_sidecar.migrations, tasker_sidecar.count_rows`
	may(sidecar, write, true)
	may(sidecar, read, true)
	may(sidecar, "DROP TABLE tasker_sidecar.flushes", false)
	may(sidecar, "INSERT INTO tasker_sidecar.settings VALUES ('', 'fast')", false)
	may(sidecar, "CREATE TABLE tasker_sidecar.mine ()", false)
	may(reader, read, true)
	may(reader, "UPDATE tasker_sidecar.leader SET epoch = 7", false)
	may(reader, "DELETE FROM tasker_sidecar.flushes", false)
	may(other, everybody, true)
	may(other, "SELECT FROM tasker_sidecar.step_rows", false)
	may(other, "SELECT FROM tasker_sidecar.ready_steps", false)
	may(other, "CREATE TABLE tasker_sidecar_compat.mine ()", false)
	if err := schema.Check(t.Context(), as(t, conn, other)); err != nil {
		t.Errorf("a role without rights cannot check the version: %v", err)
	}
}

func TestFunctionsOnly(t *testing.T) {
	conn := engine(t)
	install(t, conn, schema.Options{FunctionsOnly: true})
	if value[bool](t, conn, "SELECT to_regnamespace('tasker_sidecar') IS NOT NULL OR to_regnamespace('tasker_sidecar_compat') IS NULL") {
		t.Error("not the functions' schema alone")
	}
	if err := schema.Check(t.Context(), conn); !errors.Is(err, schema.ErrNotInstalled) {
		t.Errorf("check: %v", err)
	}
	install(t, conn, schema.Options{}) // the rest can follow
	if err := schema.Check(t.Context(), conn); err != nil {
		t.Error(err)
	}
}
