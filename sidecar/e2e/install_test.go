package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// outcome is what a command that ends by itself has printed, and its code.
type outcome struct {
	stdout, stderr string
	code           int
}

// command runs the program to its end, on a database.
func command(t *testing.T, address string, args ...string) outcome {
	t.Helper()
	return asked(t, append(args, "--database-url", address)...)
}

// asked runs the program to its end.
func asked(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), followtest.Patience)
	defer cancel()
	c := exec.CommandContext(ctx, binary, args...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TZ=America/New_York"}
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("tasker-sidecar %s: %d\n%s%s", strings.Join(args, " "), c.ProcessState.ExitCode(), shortened(stdout.String()), stderr.String())
	return outcome{stdout.String(), stderr.String(), c.ProcessState.ExitCode()}
}

func shortened(text string) string {
	if len(text) > 2000 {
		return text[:2000] + "...\n"
	}
	return text
}

// says fails unless the command ended with the code, and printed each of these:
// to stdout, or when it failed in the one line on stderr.
func (o outcome) says(t *testing.T, code int, each ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	text := o.stdout
	if code != exitOK {
		text = o.stderr
		if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "tasker-sidecar: ") {
			t.Errorf("not one line: %s", text)
		}
	}
	for _, s := range each {
		if !strings.Contains(text, s) {
			t.Errorf("%q is not said: %s", s, shortened(text))
		}
	}
}

func TestInstallAndUninstall(t *testing.T) {
	address := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	role := pgtest.UniqueName(t, "weak")
	followtest.Exec(t, conn, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'weak'", role))
	defer followtest.Exec(t, conn, fmt.Sprintf("DROP OWNED BY %[1]s; DROP ROLE %[1]s", role))
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "weak")
	weak := u.String()

	command(t, address, "uninstall").says(t, exitOK, "nothing of ours")
	command(t, address, "read-mode", "list").says(t, exitFailed, "tasker-sidecar install")
	plan := command(t, weak, "install", "--dry-run", "--rules", "v02")
	plan.says(t, exitOK, "BEGIN;", "CREATE SCHEMA tasker_sidecar;", "COMMIT;")
	refused := command(t, weak, "install", "--rules", "v02")
	refused.says(t, exitFailed, "may not create schemas", "--dry-run")
	if refused.stdout != plan.stdout {
		t.Errorf("without rights another script is printed: %s", shortened(refused.stdout))
	}
	command(t, address, "install", "--functions-only", "--logged").says(t, exitUsage, "--functions-only")
	command(t, address, "install", "--readers", "nobody").says(t, exitFailed, "no role nobody")

	command(t, address, "install", "--grants", role, "--readers", role).says(t, exitOK, "0001_tables", "may write the rows", "schema public", "rules v02")
	command(t, address, "install").says(t, exitOK, "drop-in functions by the rules v02", "installed, at version")
	command(t, address, "install", "--logged").says(t, exitOK, "rows are logged")
	command(t, address, "install", "--logged=false").says(t, exitOK, "rows are unlogged")
	followtest.Exec(t, conn, "GRANT CREATE ON SCHEMA tasker_sidecar_compat TO "+role)
	if o := command(t, address, "doctor"); !strings.Contains(o.stdout, "installed_schemas") || !strings.Contains(o.stdout, role) {
		t.Errorf("doctor does not say who may create beside the drop-ins")
	}

	command(t, address, "read-mode", "set", "quick").says(t, exitUsage, "quick", "exact, wait, fast")
	command(t, address, "read-mode", "set").says(t, exitUsage, "one mode")
	command(t, address, "read-mode", "set", "fast", "--role", "nobody").says(t, exitFailed, "no role nobody")
	command(t, address, "read-mode", "list").says(t, exitOK, "none is set")
	command(t, address, "read-mode", "set", "wait").says(t, exitOK, "the database: wait")
	command(t, address, "read-mode", "set", "fast", "--role", role).says(t, exitOK, "role "+role+": fast")
	command(t, weak, "read-mode", "list").says(t, exitOK, "the database", "wait", "role "+role, "fast")
	command(t, weak, "read-mode", "list", "--json").says(t, exitOK, `"mode": "fast"`)
	command(t, weak, "read-mode", "set", "exact").says(t, exitFailed, "the owner of schema")
	command(t, address, "read-mode", "unset").says(t, exitOK, "not set any more")
	command(t, address, "read-mode", "unset").says(t, exitFound, "no read mode is set")

	sidecar := run(t, address)
	followtest.Eventually(t, "rows", func() bool {
		var written bool
		if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM tasker_sidecar.flushes WHERE NOT reconciling)").Scan(&written); err != nil {
			t.Fatal(err)
		}
		return written
	})
	command(t, address, "uninstall").says(t, exitFailed, "a sidecar runs", "slot tasker_sidecar_", "tasker-sidecar, role", "--force")
	sidecar.signal(syscall.SIGINT)
	sidecar.wait(followtest.Patience)

	followtest.Exec(t, conn, fmt.Sprintf("ALTER ROLE %s SET search_path = tasker_sidecar_compat, public", role), "CREATE VIEW public.report AS SELECT FROM tasker_sidecar.ready_steps")
	command(t, weak, "uninstall").says(t, exitFailed, "does not own schema")
	command(t, address, "uninstall").says(t, exitFailed, "view public.report")
	followtest.Exec(t, conn, "DROP VIEW public.report")
	command(t, address, "uninstall", "--dry-run").says(t, exitOK, "DROP SCHEMA tasker_sidecar;", "DROP PUBLICATION", "-- ALTER ROLE")
	command(t, address, "uninstall").says(t, exitOK, "DROP SCHEMA tasker_sidecar", "DROP PUBLICATION", fmt.Sprintf(`ALTER ROLE "%s" RESET search_path;`, role))
	var left int
	if err := conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tasker_sidecar%') + (SELECT count(*) FROM pg_publication)").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d schemas or publications are left: %v", left, err)
	}
}

// Without logical replication there are the functions.
func TestInstallFunctionsOnlyWithoutLogicalReplication(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := followtest.Database(t, testbed.Options{Schema: "app"}, pgtest.On(server))
	once(t, server.URL(), "ALTER SYSTEM SET wal_level = minimal")
	once(t, server.URL(), "ALTER SYSTEM SET max_wal_senders = 0")
	_ = server.Restart(t.Context()) // it says that this is no server for tests
	command(t, address, "install", "--functions-only").says(t, exitOK, "schema tasker_sidecar_compat", "schema app")
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var level string
	var rows bool
	if err := conn.QueryRow(t.Context(), "SELECT current_setting('wal_level'), to_regnamespace('tasker_sidecar') IS NOT NULL").Scan(&level, &rows); err != nil || level != "minimal" || rows {
		t.Errorf("wal_level %s, rows: %v, %v", level, rows, err)
	}
	command(t, address, "uninstall").says(t, exitOK, "DROP SCHEMA tasker_sidecar_compat")
}
