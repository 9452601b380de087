package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	. "github.com/tasker-sidecar/tasker-sidecar/config/store"
	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// installed is a database with a place for values, and a session there.
func installed(t *testing.T, o schema.Options) (string, *pgx.Conn) {
	t.Helper()
	url := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, url)
	if _, err := Read(t.Context(), conn); !errors.Is(err, ErrNotInstalled) {
		t.Fatalf("before the installation: %v", err)
	}
	if err := schema.Install(t.Context(), conn, o); err != nil {
		t.Fatal(err)
	}
	return url, conn
}

func fine([]Setting) error { return nil }

// edit is "key=JSON", or "key" to take it back.
func edit(texts ...string) (edits []Edit) {
	for _, text := range texts {
		key, value, set := strings.Cut(text, "=")
		e := Edit{Key: key}
		if set {
			e.Value = json.RawMessage(value)
		}
		edits = append(edits, e)
	}
	return edits
}

func write(t *testing.T, conn *pgx.Conn, texts ...string) []Change {
	t.Helper()
	made, err := Write(t.Context(), conn, Who{"ops", "a test"}, edit(texts...), fine)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func said(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	all, err := Read(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, s := range all {
		texts = append(texts, fmt.Sprintf("%s=%s", s.Key, s.Value))
		if s.AskedBy != "ops" || s.ChangedBy != conn.Config().User || s.ChangedAt.IsZero() || !strings.Contains(s.Origin(), "config unset "+s.Key) {
			t.Errorf("%+v: %s", s, s.Origin())
		}
	}
	return strings.Join(texts, " ")
}

// TestChanges: what is in force is the latest of each key; history has all that
// was done, and going back adds to it.
func TestChanges(t *testing.T) {
	_, conn := installed(t, schema.Options{})
	first := write(t, conn, `log.level="debug"`, `http.max_limit=50`)
	second := write(t, conn, `log.level="warn"`)
	if again := write(t, conn, `log.level="warn"`, `maintenance.include`); len(again) != 0 {
		t.Errorf("changes that change nothing: %+v", again)
	}
	third := write(t, conn, `http.max_limit`, `maintenance.include=["a/*/*", "b/*/*"]`)
	if got, want := said(t, conn), `log.level="warn" maintenance.include=["a/*/*", "b/*/*"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(first) != 2 || len(second) != 1 || len(third) != 2 {
		t.Fatalf("%d %d %d", len(first), len(second), len(third))
	}
	history := func(key string) (texts []string) {
		t.Helper()
		all, err := History(t.Context(), conn, key, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			texts = append(texts, fmt.Sprintf("%s: %s → %s", c.Key, c.Old, c.New))
		}
		return texts
	}
	if diff := cmp.Diff([]string{`http.max_limit: 50 → null`, `http.max_limit: null → 50`}, history("http.max_limit")); diff != "" {
		t.Error(diff)
	}
	back := func(to Moment, want string, made int) {
		t.Helper()
		edits, err := Back(t.Context(), conn, to)
		if err != nil || len(edits) != made {
			t.Errorf("%+v: %d would change, want %d: %v", to, len(edits), made, err)
		}
		changes, err := Rollback(t.Context(), conn, Who{"ops", ""}, to, fine)
		if err != nil || len(changes) != made {
			t.Errorf("%+v: %d changes, want %d: %v", to, len(changes), made, err)
		}
		if got := said(t, conn); got != want {
			t.Errorf("%+v: got %s, want %s", to, got, want)
		}
	}
	back(Moment{}, `http.max_limit=50 log.level="warn"`, 2) // what was made together goes together
	back(Moment{Change: first[1].Change}, `http.max_limit=50 log.level="debug"`, 1)
	back(Moment{Time: third[0].ChangedAt}, `log.level="warn" maintenance.include=["a/*/*", "b/*/*"]`, 3)
	back(Moment{Time: first[0].ChangedAt.Add(-time.Hour)}, ``, 2)
	if n := len(history("")); n != 5+2+1+3+2 {
		t.Errorf("%d changes are known", n)
	}
	if _, err := Back(t.Context(), conn, Moment{Change: 4711}); !errors.Is(err, ErrNothing) {
		t.Errorf("a change that never was: %v", err)
	}
}

// TestCheckedTogether: two that are right by themselves and wrong together are
// not both made.
func TestCheckedTogether(t *testing.T) {
	url, _ := installed(t, schema.Options{})
	check := func(after []Setting) error {
		_, err := Load(config.Sources{}, after)
		return err
	}
	var wrong [2]error
	var both sync.WaitGroup
	for i, e := range []string{`http.default_limit=900`, `http.max_limit=500`} {
		conn := followtest.Connect(t, url)
		both.Go(func() { _, wrong[i] = Write(context.Background(), conn, Who{}, edit(e), check) })
	}
	both.Wait()
	if (wrong[0] == nil) == (wrong[1] == nil) {
		t.Errorf("%v, %v", wrong[0], wrong[1])
	}
}

// TestRefused: what must not come from the database is refused, also where
// somebody has put it there by hand, with what takes it back.
func TestRefused(t *testing.T) {
	_, conn := installed(t, schema.Options{})
	followtest.Exec(t, conn, `INSERT INTO tasker_sidecar.configuration_changes (key, value, scope) VALUES
		('database.url', '"postgres://u:hunter2@h/d"', ''), ('http.tokens', '["a"]', ''), ('no.such', '1', ''), ('log.level', '{"a": 1}', ''), ('http.max_limit', '0', '')`)
	all, err := Read(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Load(config.Sources{}, all)
	for _, want := range []string{"database.url: \"********\"", "needed to reach|is a secret", "http.tokens", "no.such", "log.level", "http.max_limit", "config unset no.such takes it back"} {
		a, b, _ := strings.Cut(want, "|")
		if err == nil || !strings.Contains(err.Error(), a) && (b == "" || !strings.Contains(err.Error(), b)) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("a secret is shown")
	}
}

// TestRights: the sidecar's role may change and not rewrite; everybody may see
// what is in force.
func TestRights(t *testing.T) {
	role := pgtest.UniqueName(t, "sidecar")
	url := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, url)
	followtest.Exec(t, conn, "CREATE ROLE "+role)
	t.Cleanup(func() {
		owner, err := pgx.Connect(context.Background(), url)
		if err == nil {
			_, err = owner.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role)
			owner.Close(context.Background())
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err := schema.Install(t.Context(), conn, schema.Options{}); err != nil {
		t.Fatal(err)
	}
	followtest.Exec(t, conn, "SET ROLE "+role)
	if all, err := Read(t.Context(), conn); err != nil || len(all) != 0 {
		t.Errorf("anybody may read what is in force: %v", err)
	}
	if _, err := Write(t.Context(), conn, Who{}, edit("log.level=1"), fine); err == nil || !strings.Contains(err.Error(), "--grants") {
		t.Errorf("without rights: %v", err)
	}
	followtest.Exec(t, conn, "RESET ROLE")
	if err := schema.Install(t.Context(), conn, schema.Options{Sidecar: []string{role}}); err != nil {
		t.Fatal(err)
	}
	followtest.Exec(t, conn, "SET ROLE "+role)
	if _, err := Write(t.Context(), conn, Who{}, edit("log.level=1"), fine); err != nil {
		t.Error(err)
	}
	for _, sql := range []string{
		"UPDATE tasker_sidecar.configuration_changes SET reason = ''", "DELETE FROM tasker_sidecar.configuration_changes",
		"INSERT INTO tasker_sidecar.configuration_changes (key, changed_by) VALUES ('a', 'somebody else')",
	} {
		if _, err := conn.Exec(t.Context(), sql); err == nil {
			t.Errorf("it may: %s", sql)
		}
	}
}

// TestWatch: changes are heard of, also by hand; a session that is lost is made
// anew, and what it missed is read.
func TestWatch(t *testing.T) {
	url, conn := installed(t, schema.Options{})
	heard, failed := make(chan string, 100), make(chan error, 100)
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		Watch(ctx, WatchOptions{
			Connect: func(ctx context.Context) (*pgx.Conn, error) {
				return pgx.Connect(ctx, url+"&application_name=watching")
			},
			Poll: time.Hour, Timeout: 10 * time.Second,
			Read: func(all []Setting) {
				var texts []string
				for _, s := range all {
					texts = append(texts, s.Key+"="+string(s.Value))
				}
				heard <- strings.Join(texts, " ")
			},
			Failed: func(err error) { failed <- err },
		})
	})
	t.Cleanup(func() { cancel(); watching.Wait() })
	hears := func(want string) {
		t.Helper()
		for {
			select {
			case got := <-heard:
				if got == want {
					return
				}
			case <-time.After(followtest.Patience):
				t.Fatalf("%q was not heard of", want)
			}
		}
	}
	hears("")
	write(t, conn, `log.level="debug"`)
	hears(`log.level="debug"`)
	followtest.Exec(t, conn, `INSERT INTO tasker_sidecar.configuration_changes (key, value) VALUES ('log.level', '"warn"')`)
	hears(`log.level="warn"`)
	var ended int
	if err := conn.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = 'watching' AND datname = current_database()`).Scan(&ended); err != nil || ended != 1 {
		t.Fatalf("%d sessions: %v", ended, err)
	}
	write(t, conn, `log.level`)
	if err := <-failed; err == nil {
		t.Error("the loss was not told")
	}
	hears("")
}

// TestValues: what is stored is what is read, for every kind of option.
func TestValues(t *testing.T) {
	for _, o := range config.Options() {
		if o.NotStored() != "" {
			continue
		}
		raw := Encode(o, config.Value{Text: o.Default})
		v, err := Decode(raw)
		if err != nil || v.String() != o.Default {
			t.Errorf("%s: %q is stored as %s and read as %q, %v", o.Key, o.Default, raw, v, err)
		}
	}
	for _, bad := range []string{"null", "{}", "[null]", "[[1]]", "", "1 2", "nonsense"} {
		if v, err := Decode(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is read as %q", bad, v)
		}
	}
}
