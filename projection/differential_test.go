package projection_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload/chaos"
)

// TestRowsUnderRandomStatements plays random transactions, legal and illegal
// ones, of several sessions, and compares all rows with the index at the quiet
// points between, where the index has been proved to be right.
func TestRowsUnderRandomStatements(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	l := projecttest.Start(t, url, func(r *replication.Options, _ *project.Options) { r.Rules.Override = 2 })
	conns := []*pgx.Conn{followtest.Connect(t, url), followtest.Connect(t, url), followtest.Connect(t, url)}
	programs := 0
	for end := time.Now().Add(12 * time.Second); time.Now().Before(end) && !t.Failed(); programs++ {
		seed := rand.Uint64N(1 << 32)
		r := rand.New(rand.NewPCG(seed, 1))
		p := chaos.Generate(chaos.Options{
			Seed: seed, Sessions: len(conns), Transactions: 5 + r.IntN(12), Tasks: 1 + r.IntN(12), Steps: 2 + r.IntN(40),
			Referential: r.IntN(2) == 0, BigRows: 1 + r.IntN(30), Now: time.Now(),
		})
		followtest.Exec(t, l.Conn, `TRUNCATE tasker_task_namespaces, tasker_dependent_systems CASCADE`)
		for at := 0; ; at += 4 {
			var part chaos.Program
			if at == 0 {
				part.Base = p.Base
			}
			for _, s := range p.Sessions {
				if at < len(s) {
					part.Sessions = append(part.Sessions, s[at:min(at+4, len(s))])
				}
			}
			if len(part.Sessions) == 0 && len(part.Base) == 0 {
				break
			}
			if _, err := chaos.Run(t.Context(), conns, part); err != nil {
				t.Fatal(err)
			}
			if found := differences(t, l); len(found) > 0 {
				t.Fatalf("seed %d, at %d: %s\n%s", seed, at, strings.Join(found, "\n"), p)
			}
		}
	}
	s := l.Status()
	if s.Rows == 0 || programs == 0 || s.State != projection.StateProjecting {
		t.Errorf("nothing was projected: %+v", s)
	}
	t.Logf("%d programs, %+v", programs, s)
}
