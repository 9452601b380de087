package maintenance_test

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
)

// everything are all rows of all tables of the engine and of ours, but where the
// leader says that it leads.
func (l *lab) everything() []string {
	l.t.Helper()
	rows, err := l.pool.Query(l.t.Context(), `
		SELECT format('%s %s', c.oid::regclass, x.rows)
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		CROSS JOIN LATERAL (SELECT query_to_xml(format('SELECT * FROM %s t ORDER BY t::text', c.oid::regclass), true, true, '')::text AS rows) x
		WHERE n.nspname IN ('public', 'tasker_sidecar') AND c.relkind = 'r' AND c.relname <> 'leader'
		ORDER BY 1`)
	if err != nil {
		l.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		l.t.Fatal(err)
	}
	return all
}

// TestObserve: of everything that is left undone a service that observes says
// what it would do; nothing is written, not even a transaction number is spent,
// and no session is opened.
func TestObserve(t *testing.T) {
	server := pgtest.Server(t, map[string]string{"autovacuum": "off"})
	for _, c := range undone {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, pgtest.On(server))
			c.leave(l)
			l.age(c.after)
			o := acting()
			for s := range c.acts {
				o.Agenda.Modes[s] = agenda.Observe
			}
			m := l.lead(o)
			l.looked(m)
			before := l.everything()
			xact := value[string](t, l.pool, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text`)
			l.turn(c.after)
			first := map[agenda.Service]int{}
			for _, s := range m.Status().Services {
				if s.Due > 0 {
					first[s.Service] = s.Due
				}
				if list := m.List(s.Service, 100); len(list) != s.Due || len(list) > 0 && (list[0].Reason == "" || list[0].TaskID == 0) {
					t.Errorf("the %s lists %+v, and %d are due", s.Service, list, s.Due)
				}
				if s.Done+s.Overtaken+s.Failed > 0 {
					t.Errorf("%+v", s)
				}
			}
			if len(first) == 0 {
				t.Errorf("nothing would be done about %s", c.name)
			}
			for s := range first {
				if c.acts[s] == 0 {
					t.Errorf("the %s would act, and did not when it might", s)
				}
			}
			// Long enough for many rounds.
			<-time.After(300 * time.Millisecond)
			if diff := gocmp.Diff(before, l.everything()); diff != "" {
				t.Errorf("something was written: before (-), after (+):\n%s", diff)
			}
			if after := value[string](t, l.pool, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text`); after != xact {
				t.Errorf("transactions have written: the next number was %s and is %s", xact, after)
			}
		})
	}
}

// TestOff: nothing is even looked for.
func TestOff(t *testing.T) {
	l := newLab(t)
	undone[0].leave(l)
	l.age(undone[0].after)
	m := l.lead(acting())
	l.looked(m)
	l.turn(undone[0].after)
	for _, s := range m.Status().Services {
		if s.Due+s.Later > 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestOptions: what is wrong is refused at once, all of it.
func TestOptions(t *testing.T) {
	o := acting(agenda.Enqueuer, agenda.Rescuer)
	o.Channel, o.Agenda.Thresholds = "", nil
	o.Agenda.Include = []string{"payments"}
	o.Limits = map[agenda.Service]agenda.Limits{agenda.Retrier: {Rate: -1, Budget: 1}}
	o.LockTimeout, o.StatementTimeout = time.Second, time.Millisecond
	_, err := maintenance.New(o, nil)
	for _, want := range []string{"threshold", "channel", "NAMESPACE/NAME/VERSION", "positive", "StatementTimeout", "pool"} {
		if err == nil || !contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}
