package project_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// TestArguments: whatever is asked about, NULL, nothing, or what is not there,
// the answer is the engine's in every mode.
func TestArguments(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	loadGolden(t, url)
	l := projecttest.Start(t, url, nil)
	l.Written(t)
	engine := projecttest.Session(t, url, map[string]string{"search_path": "public", "TimeZone": "UTC"})
	ids := []string{null, "24", "1", "0", "-1", "9223372036854775807"}
	lists := []string{null, "{}", "{NULL}", "{NULL,NULL}", "{24}", "{24,24}", "{24,NULL,40,24}", "{24,999999}", "{999999}", "{999999,999999}", "{-1,NULL}",
		"{{24,40},{58,24}}", "[5:6]={24,40}"}
	steps := []string{null, "{}", "{NULL}", "{1004}", "{1004,1004,NULL}", "{1004,1047}", "{1047}", "{-1}", "{{1004,1005},{1008,NULL}}"}
	for _, mode := range []string{"exact", "fast", "wait"} {
		conn := projecttest.Session(t, url, trusting(mode))
		same := func(question string, args ...string) {
			t.Helper()
			if diff := gocmp.Diff(ask(t, engine, "public", question, args...), ask(t, conn, dropin.Schema, question, args...)); diff != "" {
				t.Errorf("mode %s, %s of %q: engine (-), drop-in (+):\n%s", mode, question, args, diff)
			}
		}
		for _, id := range ids {
			same(`SELECT * FROM %s.get_step_readiness_status($1)`, id)
			same(`SELECT * FROM %s.get_task_execution_context($1)`, id)
			same(`SELECT * FROM %s.calculate_dependency_levels($1)`, id)
			for _, list := range steps {
				same(`SELECT * FROM %s.get_step_readiness_status($1, $2)`, id, list)
			}
		}
		for _, list := range lists {
			same(`SELECT * FROM %s.get_step_readiness_status_batch($1)`, list)
			same(`SELECT * FROM %s.get_task_execution_contexts_batch($1)`, list)
		}
		// One after another in one statement, for each row of another.
		same(`SELECT i, f.* FROM (VALUES (24), (NULL), (-1), (40)) v (i), LATERAL %s.get_task_execution_context(i) f`)
		same(`SELECT i, (SELECT count(*) FROM %s.get_step_readiness_status(i)) FROM (VALUES (24), (NULL), (-1), (40)) v (i)`)
	}
}
