package maintenance_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/maintenance"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
)

// queues are tables with the columns, types and constraints that the gems' own
// migrations give those which a recipe writes.
var queues = map[string]string{
	"good_jobs": `CREATE TABLE good_jobs (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), queue_name text, priority integer, serialized_params jsonb,
		scheduled_at timestamp, performed_at timestamp, finished_at timestamp, error text, created_at timestamp NOT NULL, updated_at timestamp NOT NULL,
		active_job_id uuid, job_class text)`,
	"solid_queue_jobs": `CREATE TABLE solid_queue_jobs (id bigserial PRIMARY KEY, queue_name varchar NOT NULL, class_name varchar NOT NULL, arguments text,
		priority integer NOT NULL DEFAULT 0, active_job_id varchar, scheduled_at timestamp, finished_at timestamp, concurrency_key varchar,
		created_at timestamp NOT NULL, updated_at timestamp NOT NULL);
		CREATE TABLE solid_queue_ready_executions (id bigserial PRIMARY KEY, job_id bigint NOT NULL UNIQUE REFERENCES solid_queue_jobs, queue_name varchar NOT NULL,
		priority integer NOT NULL DEFAULT 0, created_at timestamp NOT NULL)`,
	"que_jobs": `CREATE TABLE que_jobs (priority smallint NOT NULL DEFAULT 100, run_at timestamptz NOT NULL DEFAULT now(), id bigserial PRIMARY KEY, job_class text NOT NULL,
		error_count integer NOT NULL DEFAULT 0, queue text NOT NULL DEFAULT 'default', finished_at timestamptz, expired_at timestamptz,
		args jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(args) = 'array'), data jsonb NOT NULL DEFAULT '{}', job_schema_version integer NOT NULL, kwargs jsonb NOT NULL DEFAULT '{}')`,
	"delayed_jobs": `CREATE TABLE delayed_jobs (id bigserial PRIMARY KEY, priority integer NOT NULL DEFAULT 0, attempts integer NOT NULL DEFAULT 0, handler text NOT NULL,
		last_error text, run_at timestamp, locked_at timestamp, failed_at timestamp, locked_by varchar, queue varchar, created_at timestamp, updated_at timestamp)`,
}

// TestRecipes: the statements of the documentation announce a task by one job,
// however often they are executed.
func TestRecipes(t *testing.T) {
	page, err := os.ReadFile("../docs/maintenance.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if name := regexp.MustCompile(`INSERT INTO (\w+) \(`).FindStringSubmatch(block[1]); name != nil && strings.Contains(block[1], "$1") {
			found[name[1]] = strings.TrimSpace(block[1])
		}
	}
	if len(found) != len(queues) {
		t.Errorf("the page has recipes for %d queues, want %d", len(found), len(queues))
	}
	for table, create := range queues {
		t.Run(table, func(t *testing.T) {
			sql := found[table]
			if sql == "" {
				t.Fatal("there is none")
			}
			l := newLab(t)
			conn := l.conn()
			followtest.Exec(t, conn.Conn(), create)
			conn.Release()
			undone[2].leave(l)
			l.age(undone[2].after)
			o := acting(agenda.Enqueuer)
			o.Channel, o.SQL = "", sql
			m := l.lead(o)
			l.looked(m)
			l.turn(undone[2].after)
			jobs := func() int { return value[int](t, l.pool, `SELECT count(*) FROM `+table) }
			followtest.Eventually(t, "a job", func() bool {
				if s := m.service(agenda.Enqueuer); s.State == maintenance.Refused || s.Failed > 0 {
					t.Fatalf("%+v", s)
				}
				return jobs() == 1
			})
			if _, err := l.pool.Exec(t.Context(), sql, l.taskID()); err != nil {
				t.Fatal(err)
			}
			if jobs() != 1 {
				t.Errorf("%d jobs after the second time", jobs())
			}
			if _, err := l.pool.Exec(t.Context(), sql, l.taskID()+1); err != nil {
				t.Fatal(err)
			}
			if jobs() != 2 {
				t.Errorf("%d jobs after another task", jobs())
			}
		})
	}
}
