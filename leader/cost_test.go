package leader

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestFenceLeavesNoVersions: under somebody's open snapshot each version of a
// row stays, so a fence must not make any; and its WAL is small.
func TestFenceLeavesNoVersions(t *testing.T) {
	address := installed(t)
	a := run(t, quick(address, "a"))
	l := a.lease(t)
	conn := connectTo(t, address)
	before := value[string](t, conn, "SELECT ctid::text FROM tasker_sidecar.leader")
	execute(t, conn, "SELECT 1") // what connecting logs is done
	start := value[int64](t, conn, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
	const n = 500
	for range n {
		if err := l.InTx(context.Background(), conn, func(pgx.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	wal := (value[int64](t, conn, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint") - start) / n
	t.Logf("an empty write transaction writes %d bytes of WAL, its commit included", wal)
	// Others on the server write, too; some 90 bytes are ours.
	if wal > 400 {
		t.Errorf("%d bytes of WAL a transaction", wal)
	}
	if after := value[string](t, conn, "SELECT ctid::text FROM tasker_sidecar.leader"); after != before {
		t.Errorf("the row went from %s to %s: a new version", before, after)
	}
	if size := value[int64](t, conn, "SELECT pg_relation_size('tasker_sidecar.leader')"); size > 8192 {
		t.Errorf("the table has %d bytes", size)
	}
}

// BenchmarkFence measures what the package comment says of the choice of the
// fence: with a snapshot held open and without.
func BenchmarkFence(b *testing.B) {
	for _, held := range []string{"", " under an open snapshot"} {
		for _, fence := range []struct{ name, sql string }{
			{"none", ""},
			{"row lock", "SELECT FROM tasker_sidecar.leader WHERE epoch = 0 AND holder = '' FOR NO KEY UPDATE"},
			{"update", "UPDATE tasker_sidecar.leader SET epoch = epoch WHERE epoch = 0 AND holder = ''"},
		} {
			b.Run(fence.name+held, func(b *testing.B) {
				address := installed(b)
				o, err := quick(address, "a").withDefaults()
				if err != nil {
					b.Fatal(err)
				}
				sql := fenceSQL(&o, Term{})
				if fence.name != "row lock" {
					sql = sql[:len(sql)-len("SELECT FROM tasker_sidecar.leader WHERE epoch = 0 AND holder = '' FOR NO KEY UPDATE")] + fence.sql
				}
				conn := connectTo(b, address)
				if held != "" {
					execute(b, connectTo(b, address), "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
				}
				start := value[int64](b, conn, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
				for b.Loop() {
					execute(b, conn, "BEGIN")
					execute(b, conn, sql)
					execute(b, conn, "INSERT INTO written (epoch) VALUES (0)")
					execute(b, conn, "COMMIT")
				}
				wal := value[int64](b, conn, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint") - start
				b.ReportMetric(float64(wal)/float64(b.N), "WALbytes/op")
				b.ReportMetric(float64(value[int64](b, conn, "SELECT pg_relation_size('tasker_sidecar.leader')")), "tablebytes")
			})
		}
	}
}
