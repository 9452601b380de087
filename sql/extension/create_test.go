package extension_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres"
	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/extension"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// CREATE EXTENSION is tried on a server of the test's own binaries: a mirror of
// the directory tree of those that the other tests use, of which only the
// programs and the directory of extensions are copies. A server finds its files
// beside its program, so the machine's own server is not touched.
func TestCreateExtension(t *testing.T) {
	server := serverWithExtension(t)
	conn, direct := database(t, server), database(t, server)

	engineTables(t, conn, "public", "older")
	wantError(t, conn, "CREATE EXTENSION tasker_sidecar", "several schemas: older, public")
	exec1(t, conn, "SET tasker_sidecar.engine_schema = 'nowhere'")
	wantError(t, conn, "CREATE EXTENSION tasker_sidecar", "nowhere")
	exec1(t, conn, "SET tasker_sidecar.engine_schema = 'older'")
	wantError(t, conn, "CREATE EXTENSION tasker_sidecar", "which rules")
	exec1(t, conn, "SET tasker_sidecar.rules = 'v01'")
	exec1(t, conn, "CREATE EXTENSION tasker_sidecar")

	engineTables(t, direct, "older")
	dropIns := schema.Step{Name: "drop-ins", Run: func(ctx context.Context, tx pgx.Tx, engine string) error {
		return dropin.Install(ctx, tx, dropin.Options{Engine: engine, Rules: tasker.RulesV01})
	}}
	if err := schema.Install(t.Context(), direct, schema.Options{Steps: []schema.Step{dropIns}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(objects(t, direct), objects(t, conn)); diff != "" {
		t.Errorf("by install (-), by CREATE EXTENSION (+): %s", diff)
	}
	if err := schema.Check(t.Context(), conn); err != nil {
		t.Errorf("the extension is not what a program may write to: %v", err)
	}
	if err := schema.Install(t.Context(), conn, schema.Options{Engine: "older"}); err == nil || !strings.Contains(err.Error(), "ALTER EXTENSION") {
		t.Errorf("install: %v", err)
	}
	if _, err := schema.Uninstall(t.Context(), conn, schema.UninstallOptions{}); err == nil || !strings.Contains(err.Error(), "DROP EXTENSION") {
		t.Errorf("uninstall: %v", err)
	}
	exec1(t, conn, "DROP EXTENSION tasker_sidecar")
	if left := objects(t, conn); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	exec1(t, conn, "SET tasker_sidecar.logged = on")
	exec1(t, conn, "CREATE EXTENSION tasker_sidecar")
	if s, err := schema.ReadState(t.Context(), conn); err != nil || !s.Logged || !s.Extension {
		t.Errorf("%+v, %v", s, err)
	}
}

// serverWithExtension starts a server that has the extension.
func serverWithExtension(t *testing.T) *postgres.Server {
	t.Helper()
	plain := database(t, pgtest.Shared(t))
	bin, share := serverDir(t, plain, "BINDIR"), serverDir(t, plain, "SHAREDIR")
	if _, err := os.Stat(filepath.Join(bin, "postgres")); err != nil {
		t.Fatalf("the server's programs are not on this machine, so that it cannot be given an extension; name a directory with them in POSTGRES_BIN: %v", err)
	}
	base := bin
	for !strings.HasPrefix(share, base+"/") {
		base = filepath.Dir(base)
	}
	root, err := os.MkdirTemp("/tmp", "tasker-sidecar-extension-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(root, 0o755); err != nil { // the server may run as another user
		t.Fatal(err)
	}
	mirror(t, base, root, bin, filepath.Join(share, "extension"))
	moved := func(path string) string { return root + strings.TrimPrefix(path, base) }
	putExtension(t, moved(bin), filepath.Join(moved(share), "extension"))
	server, err := postgres.Start(t.Context(), postgres.Options{BinDir: moved(bin)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if at := serverDir(t, database(t, server), "SHAREDIR"); at != moved(share) {
		t.Fatalf("the server looks for extensions in %s, not in %s", at, moved(share))
	}
	return server
}

// putExtension runs make install; where the binaries came without PGXS it
// copies the files that make would.
func putExtension(t *testing.T, bin, dir string) {
	t.Helper()
	config := filepath.Join(bin, "pg_config")
	pgxs, err := exec.CommandContext(t.Context(), config, "--pgxs").Output()
	if err == nil {
		_, err = os.Stat(strings.TrimSpace(string(pgxs)))
	}
	if err == nil {
		out, err := exec.CommandContext(t.Context(), "make", "install", "PG_CONFIG="+config).CombinedOutput()
		if err != nil {
			t.Fatalf("make install: %v\n%s", err, out)
		}
	} else {
		for _, name := range []string{extension.Name + ".control", extension.File()} {
			copyFile(t, name, filepath.Join(dir, name))
		}
	}
	if _, err := os.Stat(filepath.Join(dir, extension.Name+".control")); err != nil {
		t.Fatal(err)
	}
}

// mirror makes to look like from: directories on the way to the real ones are
// made, the files in the real ones are copied if they are programs, and all else
// is a symbolic link.
func mirror(t *testing.T, from, to string, programs, directory string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		old, made := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		on := func(path string) bool { return path == old || strings.HasPrefix(path, old+"/") }
		switch {
		case on(programs) || on(directory):
			mirror(t, old, made, programs, directory)
		case from == programs:
			copyFile(t, old, made)
		default:
			if err := os.Symlink(old, made); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, info.Mode()&fs.ModePerm)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

func database(t *testing.T, server *postgres.Server) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.Database(t, pgtest.On(server)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func serverDir(t *testing.T, conn *pgx.Conn, name string) string {
	t.Helper()
	var dir string
	if err := conn.QueryRow(t.Context(), "SELECT setting FROM pg_config WHERE name = $1", name).Scan(&dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func engineTables(t *testing.T, conn *pgx.Conn, schemas ...string) {
	t.Helper()
	for _, s := range schemas {
		if err := testbed.Install(t.Context(), conn, testbed.Options{Schema: s}); err != nil {
			t.Fatal(err)
		}
	}
}

func exec1(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func wantError(t *testing.T, conn *pgx.Conn, sql, says string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v, want an error that says %q", sql, err, says)
	}
}

// objects are those in our schemas with what they are made of.
func objects(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname LIKE 'tasker_sidecar%')
		SELECT format('%s %s %s', nspname, n.nspacl, obj_description(n.oid, 'pg_namespace')) FROM ours JOIN pg_namespace n USING (oid, nspname)
		UNION ALL
		SELECT format('%s %s %s %s %s', c.oid::regclass, c.relkind, c.relpersistence, c.reloptions, c.relacl) || coalesce(pg_get_viewdef(c.oid), '')
		FROM ours JOIN pg_class c ON c.relnamespace = ours.oid
		UNION ALL
		SELECT pg_get_functiondef(p.oid) FROM ours JOIN pg_proc p ON p.pronamespace = ours.oid
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}
