package clients_test

import (
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
)

// TestDumps: what an application keeps of its schema has nothing of ours when it
// is dumped with the path of the role that migrates. Under the application's
// own path it would: hence a role of its own.
func TestDumps(t *testing.T) {
	program(t, "pg_dump", installPsql)
	l := newLab(t)
	dump := func(path string) (ruby, sql string) {
		given := application(t, l.URL, map[string]any{"schema_search_path": path}, step{"dump": "schema"}, step{"dump": "structure"})
		return read[string](t, given[0]), read[string](t, given[1])
	}
	ruby, sql := dump("public")
	for _, part := range []struct{ name, text, has string }{
		{"schema.rb", ruby, `create_table "tasker_workflow_steps"`},
		{"structure.sql", sql, "CREATE FUNCTION public.get_step_readiness_status("},
	} {
		if !strings.Contains(part.text, part.has) {
			t.Errorf("%s does not have %s:\n%s", part.name, part.has, part.text)
		}
		for _, line := range strings.Split(part.text, "\n") {
			if strings.Contains(line, schema.Name) {
				t.Errorf("%s has something of ours: %s", part.name, line)
			}
		}
	}
	if _, sql := dump(path); !strings.Contains(sql, "CREATE FUNCTION "+dropin.Schema+".get_step_readiness_status(") {
		t.Error("under the application's path structure.sql does not have our functions; docs/rails.md says that it does")
	}
}
