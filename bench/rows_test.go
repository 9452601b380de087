package bench

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestRowsSuite is what TestFollowSuite is for the other suite.
func TestRowsSuite(t *testing.T) { testSuite(t, "rows") }

func TestHeldSuite(t *testing.T) { testSuite(t, "held") }

func TestShapesSuite(t *testing.T) { testSuite(t, "shapes") }

// TestServerClock: a statement's time in the server is about what it sleeps,
// with pg_stat_statements and without, and constants do not hide it.
func TestServerClock(t *testing.T) {
	l := newLab(Options{Size: Quick, Rounds: 5, Seed: 1})
	defer l.close()
	set, pool, err := l.database(t.Context(), "clock")
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	clock, err := newServerClock(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	defer clock.close()
	loaded := clock.statements
	for _, statements := range []bool{true, false} {
		if clock.statements = statements; statements && !loaded {
			continue
		}
		conn, err := pgx.Connect(t.Context(), set.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		asked := 0
		took, err := clock.measure(conn, "SELECT pg_sleep($1::float8), 100", func(int) []any { return []any{0.02} }, 1, &asked)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if took < 20e6 || took > 2e9 || asked != 1 {
			t.Errorf("with pg_stat_statements %v: %.0f ns, asked %d times", statements, took, asked)
		}
	}
}
