package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
)

// What cannot be right is refused with its field named, and no lock is taken: the
// tables are locked against everybody meanwhile.
func TestBadTransitionsAreRefusedBeforeALock(t *testing.T) {
	l := newLab(t)
	l.follow()
	_, step := l.steps(1)
	var first api.TransitionAnswer
	path := transitionsPath(statemachine.Step, step)
	if s := l.ask(http.MethodPost, path, `{"to": "error", "dry_run": true}`, &first); s != http.StatusOK { // it has looked where the tables are
		t.Fatal(s)
	}
	locked, err := l.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Rollback(t.Context()) //nolint:errcheck // nothing was written
	if _, err := locked.Exec(t.Context(), `LOCK TABLE tasker_tasks, tasker_workflow_steps, tasker_task_transitions, tasker_workflow_step_transitions`); err != nil {
		t.Fatal(err)
	}
	big := `{"a": "` + strings.Repeat("x", 1<<20) + `"}`
	batch := func(items string) string { return `{"transitions": [` + items + `]}` }
	const item = `{"kind": "step", "id": 7, "to": "error"}`
	for _, c := range []struct{ path, body, field string }{
		{path, ``, "body"},
		{path, `[]`, "body"},
		{path, `{"to": "error"`, "body"},
		{path, `{"to": "error"} {}`, "body"},
		{path, `{"to": "error"}}`, "body"},
		{path, "{\"to\": \"error\", \"reason\": \"\xff\"}", "body"},
		{path, `{}`, "body.to"},
		{path, `{"to": "skipped"}`, "body.to"},
		{path, `{"to": null}`, "body.to"},
		{path, `{"to": 1}`, "body.to"},
		{path, `{"To": "error"}`, "body.To"},
		{path, `{"to": "error", "to": "error"}`, "body.to"},
		{path, `{"to": "error", "sate": 1}`, "body.sate"},
		{path, `{"to": "error", "kind": "step"}`, "body.kind"},
		{path, `{"to": "error", "expect_from": "failed"}`, "body.expect_from"},
		{path, `{"to": "error", "expect_transition": -1}`, "body.expect_transition"},
		{path, `{"to": "error", "expect_transition": 9223372036854775808}`, "body.expect_transition"},
		{path, `{"to": "error", "take": true}`, "body.take"},
		{path, `{"to": "in_progress", "take": "yes"}`, "body.take"},
		{path, `{"to": "error", "reason": "a\u0000b"}`, "body.reason"},
		{path, `{"to": "error", "metadata": []}`, "body.metadata"},
		{path, `{"to": "error", "metadata": null}`, "body.metadata"},
		{path, `{"to": "error", "metadata": {"a": "\u0000"}}`, "body.metadata"},
		{path, `{"to": "error", "metadata": ` + big + `}`, "body.metadata"},
		{path, `{"to": "error", "metadata": {"tasker_sidecar": 1}}`, "body.metadata"},
		{path, `{"to": "pending", "results": 1}`, "body.results"},
		{path, `{"to": "error", "backoff_seconds": 2147483648}`, "body.backoff_seconds"},
		{path + "?dry_run=true", `{"to": "error"}`, "query.dry_run"},
		{"/v1/steps/9223372036854775808/transitions", `{"to": "error"}`, "path.workflow_step_id"},
		{"/v1/steps/0/transitions", `{"to": "error"}`, "path.workflow_step_id"},
		{"/v1/tasks/x/transitions", `{"to": "error"}`, "path.task_id"},
		{"/v1/transitions/batch", batch(""), "body.transitions"},
		{"/v1/transitions/batch", `{"transitions": {}}`, "body.transitions"},
		{"/v1/transitions/batch", batch(item + `, ` + item), "body.transitions[1].id"},
		{"/v1/transitions/batch", batch(item + `, {"kind": "step", "id": 9223372036854775808, "to": "error"}`), "body.transitions[1].id"},
		{"/v1/transitions/batch", batch(item + `, {"kind": "job", "id": 1, "to": "error"}`), "body.transitions[1].kind"},
		{"/v1/transitions/batch", batch(item + `, {"kind": "task", "id": 1, "to": "failed"}`), "body.transitions[1].to"},
		{"/v1/transitions/batch", batch(item + `, {"kind": "task", "id": 1, "to": "error", "wait": true}`), "body.transitions[1].wait"},
		{"/v1/transitions/batch", batch(item + `, 5`), "body.transitions[1]"},
	} {
		var p api.Problem
		if s := l.ask(http.MethodPost, c.path, c.body, &p, "Content-Type", "application/json"); s != http.StatusBadRequest || p.Type != api.ProblemInvalidRequest || len(p.Errors) == 0 || p.Errors[0].Location != c.field {
			t.Errorf("%s %.100s: %d %+v %+v", c.path, c.body, s, p, p.Errors)
		}
	}
	for _, c := range []struct {
		headers []string
		field   string
	}{
		{[]string{"Content-Type", "text/plain"}, "header.Content-Type"},
		{[]string{"Content-Type", ""}, "header.Content-Type"},
		{[]string{api.HeaderKey, ""}, "header." + api.HeaderKey},
		{[]string{api.HeaderKey, strings.Repeat("k", 256)}, "header." + api.HeaderKey},
		{[]string{api.HeaderKey, "\xff"}, "header." + api.HeaderKey},
		{[]string{api.HeaderRequestID, strings.Repeat("k", 4097)}, "header." + api.HeaderRequestID},
	} {
		var p api.Problem
		if s := l.ask(http.MethodPost, path, `{"to": "error"}`, &p, c.headers...); s != http.StatusBadRequest || len(p.Errors) == 0 || p.Errors[0].Location != c.field {
			t.Errorf("%.60q: %d %+v", c.headers, s, p)
		}
	}
	var p api.Problem
	if s := l.ask(http.MethodPost, path, `{"to": "error", "metadata": {"a": "`+strings.Repeat("x", 17<<20)+`"}}`, &p); s != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %+v", s, p)
	}
	id := fmt.Sprint(step)
	for _, c := range []struct{ args, says string }{
		{"", "task ID"},
		{"step", "task ID"},
		{"job 1 --to error", "neither task nor step"},
		{"step x --to error", "64 bits"},
		{"step 0 --to error", "64 bits"},
		{"step 9223372036854775808 --to error", "64 bits"},
		{"step " + id, "--to"},
		{"step " + id + " --to skipped", "--to: "},
		{"step " + id + " --to error --expect-from failed", "--expect-from: "},
		{"step " + id + " --to error --metadata []", "--metadata: "},
		{"step " + id + " --to error --take", "--take: "},
		{"step " + id + " --to error --wait --database-url " + l.url, "--server"},
	} {
		args := append([]string{"transition"}, strings.Fields(c.args)...)
		if out, stderr, code := command(args...); code != exitUsage || out != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: %d %s%s", c.args, code, out, stderr)
		}
	}
}

// A role without rights is told which it lacks; install gives exactly those, and
// then it can do everything.
func TestMissingRights(t *testing.T) {
	l := newLab(t)
	task, step := l.steps(1)
	conn := followtest.Connect(t, l.url)
	role := pgtest.UniqueName(t, "mover")
	followtest.Exec(t, conn, fmt.Sprintf("CREATE ROLE %s LOGIN REPLICATION PASSWORD 'mover'", role))
	t.Cleanup(func() {
		if _, err := conn.PgConn().Exec(context.Background(), fmt.Sprintf("DROP OWNED BY %[1]s; DROP ROLE %[1]s", role)).ReadAll(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(l.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "mover")
	move := func(id int64, kind string) (string, string, int) {
		return command("transition", kind, fmt.Sprint(id), "--to", "in_progress", "--database-url", u.String(), "--take="+fmt.Sprint(kind == "step"))
	}
	_, stderr, code := move(step, "step")
	for _, grant := range []string{
		"GRANT SELECT, UPDATE ON TABLE public.tasker_workflow_steps TO", "GRANT INSERT, SELECT, UPDATE ON TABLE public.tasker_task_transitions TO",
		"GRANT USAGE ON SEQUENCE public.tasker_workflow_step_transitions_id_seq TO", "GRANT SELECT ON TABLE public.tasker_workflow_step_edges TO", "install --writers " + role,
	} {
		if code != exitFailed || !strings.Contains(stderr, grant) {
			t.Errorf("%q is not said: %d %s", grant, code, stderr)
		}
	}
	// A sidecar that only reads goes on reading.
	l.follow() // makes the publication
	followtest.Exec(t, conn, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+role)
	l.followAt(u.String())
	var p api.Problem
	if s := l.ask(http.MethodPost, transitionsPath(statemachine.Step, step), `{"to": "error"}`, &p); s != http.StatusServiceUnavailable || p.Type != api.ProblemNoRights ||
		!strings.Contains(p.Detail, "GRANT UPDATE ON TABLE public.tasker_workflow_steps TO") {
		t.Errorf("%d %+v", s, p)
	}
	var now api.StepAnswer
	if s := l.ask(http.MethodGet, fmt.Sprintf("/v1/steps/%d", step), "", &now); s != http.StatusOK || now.Stale {
		t.Errorf("%d %+v", s, now)
	}
	followtest.Exec(t, conn, "REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM "+role)
	if out, stderr, code := command("install", "--database-url", l.url, "--writers", role); code != exitOK {
		t.Fatalf("%d %s%s", code, out, stderr)
	}
	for kind, id := range map[string]int64{"step": step, "task": task} {
		if out, stderr, code := move(id, kind); code != exitOK {
			t.Errorf("%d %s%s", code, out, stderr)
		}
	}
	followtest.Exec(t, conn, fmt.Sprintf("REVOKE USAGE ON SEQUENCE tasker_task_transitions_id_seq FROM %s", role))
	_, stderr, code = command("transition", "task", fmt.Sprint(task), "--to", "error", "--database-url", u.String())
	if code != exitFailed || strings.Count(stderr, "GRANT ") != 1 || !strings.Contains(stderr, "GRANT USAGE ON SEQUENCE public.tasker_task_transitions_id_seq") {
		t.Errorf("%d %s", code, stderr)
	}
}
