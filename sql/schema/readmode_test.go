package schema_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
)

func TestReadModes(t *testing.T) {
	conn := engine(t)
	ctx := t.Context()
	role := newRole(t, conn)
	for what, err := range map[string]error{
		"set":   schema.SetReadMode(ctx, conn, "", "fast"),
		"unset": schema.UnsetReadMode(ctx, conn, ""),
		"list":  func() error { _, err := schema.ListReadModes(ctx, conn); return err }(),
	} {
		if !errors.Is(err, schema.ErrNotInstalled) {
			t.Errorf("%s before the installation: %v", what, err)
		}
	}
	install(t, conn, schema.Options{})
	list := func() string {
		t.Helper()
		modes, err := schema.ListReadModes(ctx, conn)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, m := range modes {
			lines = append(lines, fmt.Sprintf("%s=%s", strings.Replace(m.Role, role, "role", 1), m.Mode))
			if m.Missing || m.ChangedBy != conn.Config().User || m.ChangedAt.IsZero() {
				t.Errorf("%+v", m)
			}
		}
		return strings.Join(lines, " ")
	}
	set := func(role, mode string) {
		t.Helper()
		if err := schema.SetReadMode(ctx, conn, role, mode); err != nil {
			t.Error(err)
		}
	}
	set("", "fast")
	set(role, "wait")
	set(role, "exact")
	if got := list(); got != "=fast role=exact" {
		t.Errorf("set: %s", got)
	}
	if err := schema.SetReadMode(ctx, conn, role, "quick"); err == nil || !strings.Contains(err.Error(), "exact, wait, fast") {
		t.Errorf("an unknown mode: %v", err)
	}
	if err := schema.SetReadMode(ctx, conn, "nobody here", "fast"); err == nil || !strings.Contains(err.Error(), "nobody here") {
		t.Errorf("an unknown role: %v", err)
	}
	weak := as(t, conn, role)
	if err := schema.SetReadMode(ctx, weak, "", "exact"); err == nil || !strings.Contains(err.Error(), "owner") {
		t.Errorf("without the right: %v", err)
	}
	if modes, err := schema.ListReadModes(ctx, weak); err != nil || len(modes) != 2 {
		t.Errorf("anybody may read them: %v, %v", modes, err)
	}
	exec(t, conn, "INSERT INTO tasker_sidecar.settings (role_name, read_mode) VALUES ('gone', 'fast')")
	if modes, err := schema.ListReadModes(ctx, conn); err != nil || !modes[1].Missing {
		t.Errorf("a role that is gone: %v, %v", modes, err)
	}
	for _, name := range []string{"", role, "gone"} {
		if err := schema.UnsetReadMode(ctx, conn, name); err != nil {
			t.Error(err)
		}
		if err := schema.UnsetReadMode(ctx, conn, name); !errors.Is(err, schema.ErrNoReadMode) {
			t.Errorf("unset twice: %v", err)
		}
	}
	if got := list(); got != "" {
		t.Errorf("unset: %s", got)
	}
}

func TestNotices(t *testing.T) {
	conn := engine(t)
	if notices, err := schema.Notices(t.Context(), conn, "public"); err != nil || notices != nil {
		t.Errorf("before the installation: %v, %v", notices, err)
	}
	role := newRole(t, conn)
	install(t, conn, schema.Options{})
	exec(t, conn, `
		CREATE FUNCTION tasker_sidecar_compat.get_system_health_counts_v01() RETURNS integer LANGUAGE sql AS 'SELECT 1';
		CREATE FUNCTION public.get_system_health_counts_v01() RETURNS integer LANGUAGE sql AS 'SELECT 1';
		CREATE VIEW tasker_sidecar_compat.tasker_step_dag_relationships AS SELECT 1 AS workflow_step_id`)
	notices := func() []schema.Notice {
		t.Helper()
		found, err := schema.Notices(t.Context(), conn, "public")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := notices(); found != nil {
		t.Errorf("of a clean installation: %v", found)
	}
	database := value[string](t, conn, "SELECT current_database()::text")
	for _, c := range []struct{ made, removed, says string }{
		{"GRANT CREATE ON SCHEMA tasker_sidecar_compat TO PUBLIC", "REVOKE CREATE ON SCHEMA tasker_sidecar_compat FROM PUBLIC", "PUBLIC"},
		{"GRANT CREATE ON SCHEMA tasker_sidecar_compat TO " + role, "REVOKE CREATE ON SCHEMA tasker_sidecar_compat FROM " + role, role},
		{"CREATE SCHEMA app; CREATE FUNCTION app.get_system_health_counts_v01() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "DROP SCHEMA app CASCADE", "function app.get_system_health_counts_v01()"},
		{"CREATE SCHEMA app; CREATE TABLE app.tasker_step_dag_relationships ()", "DROP SCHEMA app CASCADE", "relation app.tasker_step_dag_relationships"},
		{fmt.Sprintf(`ALTER ROLE %s SET search_path = public, "tasker_sidecar"`, role), fmt.Sprintf("ALTER ROLE %s RESET search_path", role), role},
		{fmt.Sprintf("ALTER DATABASE %s SET search_path = tasker_sidecar", database), fmt.Sprintf("ALTER DATABASE %s RESET search_path", database), database},
	} {
		exec(t, conn, c.made)
		if found := notices(); len(found) != 1 || !strings.Contains(found[0].What, c.says) || found[0].Remedy == "" {
			t.Errorf("%s: %v", c.made, found)
		}
		exec(t, conn, c.removed)
	}
	// The drop-ins' schema may be in search_path: that is what it is for.
	exec(t, conn, fmt.Sprintf("ALTER ROLE %s SET search_path = tasker_sidecar_compat, public", role))
	if found := notices(); found != nil {
		t.Errorf("in the end: %v", found)
	}
}
