package project_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden/goldentest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// TestGolden: the drop-in functions answer as the engine's in every read mode,
// and from rows where they should.
func TestGolden(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		url := projecttest.Installed(t, testbed.Options{Rules: rules})
		conn := followtest.Connect(t, url)
		if err := golden.Load(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		followtest.Exec(t, conn, "ANALYZE") // as autovacuum would; without statistics a plan for all tasks is compiled first
		l := projecttest.Start(t, url, nil)
		l.Written(t)
		for _, mode := range []string{"exact", "wait", "fast"} {
			t.Run(rules.String()+" "+mode, func(t *testing.T) {
				before, fell := projecttest.Answers(t, conn)
				p := pool(t, url, map[string]string{"tasker_sidecar.read_mode": mode, "tasker_sidecar.wait_timeout": "30s", "tasker_sidecar.max_staleness": "30s"})
				goldentest.Check(t, rules, engine.New(p, engine.Options{Schema: dropin.Schema, Isolation: pgx.ReadCommitted}))
				p.Close() // which makes its counts known
				asked := int64(3*len(goldentest.TaskIDs(t)) + 3)
				if mode == "exact" {
					asked = 0
				}
				followtest.Eventually(t, "the answers to be counted", func() bool {
					after, _ := projecttest.Answers(t, conn)
					return after-before >= asked
				})
				after, falls := projecttest.Answers(t, conn)
				if after-before != asked {
					t.Errorf("%d answers came from rows, want %d", after-before, asked)
				}
				for cause, n := range falls {
					if n != fell[cause] {
						t.Errorf("%d answers fell back: %s", n-fell[cause], cause)
					}
				}
			})
		}
	}
}
