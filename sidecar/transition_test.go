package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/config/live"
	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// lab is a database with the engine's tables, a writer on it, and a sidecar that
// follows it.
type lab struct {
	testing.TB
	url    string
	pool   *pgxpool.Pool
	writer *writer.Writer
	server string
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{TB: t, url: followtest.Database(t, testbed.Options{})}
	var err error
	if l.pool, err = pgxpool.New(t.Context(), l.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.pool.Close)
	if l.writer, err = writer.New(writer.Options{Pool: l.pool}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (1, 'default', now(), now()) ON CONFLICT DO NOTHING`,
		`INSERT INTO tasker_dependent_systems (dependent_system_id, name, created_at, updated_at) VALUES (1, 'default', now(), now()) ON CONFLICT DO NOTHING`,
		`INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, created_at, updated_at) VALUES (1, 'named', 1, now(), now())`,
		`INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (1, 1, 'named', now(), now())`,
	} {
		l.exec(statement)
	}
	return l
}

// follow starts a sidecar and waits until it answers.
func (l *lab) follow() { l.followAt(l.url) }

func (l *lab) followAt(url string) {
	l.Helper()
	c := config.Default()
	c.Database.URL, c.HTTP.Listen, c.Projection.Mode = config.Secret(url), "127.0.0.1:0", "off"
	s, err := newService(live.New(&config.Loaded{Config: c}), nil, hclog.NewNullLogger())
	if err != nil {
		l.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	l.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			l.Errorf("the sidecar: %v", err)
		}
	})
	followtest.Eventually(l, "the sidecar to be ready", func() bool {
		if s.api.Addr() == "" {
			return false
		}
		response, err := http.Get("http://" + s.api.Addr() + "/readyz") //nolint:noctx // it ends at once
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	l.server = "http://" + s.api.Addr()
}

func (l *lab) exec(sql string, args ...any) {
	l.Helper()
	if _, err := l.pool.Exec(context.Background(), sql, args...); err != nil {
		l.Fatalf("%s: %v", sql, err)
	}
}

// ask sends a request and decodes the answer into out.
func (l *lab) ask(method, path, body string, out any, headers ...string) int {
	l.Helper()
	request, err := http.NewRequestWithContext(l.Context(), method, l.server+path, strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		l.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		l.Fatalf("%s %s: %d %s: %v", method, path, response.StatusCode, text, err)
	}
	return response.StatusCode
}

// command runs the program within this process.
func command(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = run(args, []string{"HOME=" + os.TempDir()}, &out, &errs)
	return out.String(), errs.String(), code
}

// steps makes a task with so many steps, of which each depends on the one before,
// and gives the first one's id; the others' follow it.
func (l *lab) steps(n int) (task, first int64) {
	l.Helper()
	err := l.pool.QueryRow(context.Background(), `INSERT INTO tasker_tasks (named_task_id, requested_at, identity_hash, created_at, updated_at)
		VALUES (1, '2026-01-01', gen_random_uuid(), '2026-01-01', '2026-01-01') RETURNING task_id`).Scan(&task)
	if err != nil {
		l.Fatal(err)
	}
	l.exec(`INSERT INTO tasker_workflow_steps (task_id, named_step_id, attempts, last_attempted_at, backoff_request_seconds, inputs, results, created_at, updated_at)
		SELECT $1, 1, 1, '2026-01-03', 60, '{}', '{"before": true}', '2026-01-01', '2026-01-01' FROM generate_series(1, $2::integer)`, task, n)
	if err := l.pool.QueryRow(context.Background(), `SELECT min(workflow_step_id) FROM tasker_workflow_steps WHERE task_id = $1`, task).Scan(&first); err != nil {
		l.Fatal(err)
	}
	return task, first
}

// put brings a task or step into a state, as the engine would get it there.
func (l *lab) put(kind statemachine.Kind, id int64, states ...string) {
	l.Helper()
	table, key := "tasker_task_transitions", "task_id"
	if kind == statemachine.Step {
		table, key = "tasker_workflow_step_transitions", "workflow_step_id"
	}
	for i, state := range states {
		l.exec(fmt.Sprintf(`INSERT INTO %s (to_state, sort_key, most_recent, %s, created_at, updated_at) VALUES ($1, $2, $3, $4, '2026-01-02', '2026-01-02')`, table, key),
			state, (i+1)*10, i == len(states)-1, id)
	}
}

// rows are those of a task as JSON, without what differs from one task to the
// next: ids, and clocks later than when everything was made.
func (l *lab) rows(task int64) string {
	l.Helper()
	const clocks = `'2026-01-31'`
	columns := func(alias string, names ...string) string {
		var parts []string
		for _, n := range names {
			parts = append(parts, fmt.Sprintf(`'%[1]s', CASE WHEN %[2]s.%[1]s > %[3]s THEN 'now' ELSE %[2]s.%[1]s::text END`, n, alias, clocks))
		}
		return strings.Join(parts, ", ")
	}
	var text string
	err := l.pool.QueryRow(context.Background(), `SELECT jsonb_pretty(jsonb_build_object(
		'task', (SELECT to_jsonb(t) - '{task_id,identity_hash,created_at,updated_at}'::text[] || jsonb_build_object(`+columns("t", "created_at", "updated_at")+`)
			FROM tasker_tasks t WHERE task_id = $1),
		'task transitions', (SELECT jsonb_agg(to_jsonb(x) - '{id,task_id,created_at,updated_at}'::text[] || jsonb_build_object(`+columns("x", "created_at", "updated_at")+`,
			'metadata', x.metadata - 'tasker_sidecar') ORDER BY sort_key) FROM tasker_task_transitions x WHERE task_id = $1),
		'steps', (SELECT jsonb_agg(to_jsonb(s) - '{workflow_step_id,task_id,created_at,updated_at,processed_at,last_attempted_at}'::text[]
			|| jsonb_build_object(`+columns("s", "created_at", "updated_at", "processed_at", "last_attempted_at")+`) ORDER BY workflow_step_id)
			FROM tasker_workflow_steps s WHERE task_id = $1),
		'step transitions', (SELECT jsonb_agg(to_jsonb(x) - '{id,workflow_step_id,created_at,updated_at}'::text[] || jsonb_build_object(`+columns("x", "created_at", "updated_at")+`,
			'metadata', x.metadata - 'tasker_sidecar') ORDER BY x.workflow_step_id, sort_key)
			FROM tasker_workflow_step_transitions x JOIN tasker_workflow_steps s USING (workflow_step_id) WHERE s.task_id = $1)))`, task).Scan(&text)
	if err != nil {
		l.Fatal(err)
	}
	return text
}
