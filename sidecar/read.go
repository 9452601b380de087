package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// reader is where the commands that only read get their answers: a running
// sidecar, or a database that is followed for the length of the command.
type reader interface {
	stepReasons(ctx context.Context, id int64) (tasker.StepReasons, error)
	taskReasons(ctx context.Context, id int64) ([]tasker.StepReasons, error)
	status(ctx context.Context) (api.Status, error)
	readySteps(ctx context.Context, limit int) ([]tasker.ReadyStep, error)
	maintenance(ctx context.Context, limit int) (api.MaintenanceReport, error)
	close() error
}

// reader gives the running sidecar of --server; without it, one that follows
// the configured database; without that either, the sidecar at the address on
// which it listens by default.
func (a *app) reader(c *cobra.Command, from *serverFlags) (reader, error) {
	loaded, err := a.settings(c)
	if err != nil {
		return nil, err
	}
	if !from.given() && loaded.Config.Database.URL == "" {
		from.server = "http://" + loaded.Config.HTTP.Listen
	}
	if from.given() {
		return from.remote(30 * time.Second)
	}
	return a.local(c.Context(), &loaded.Config)
}

func (r *remote) stepReasons(ctx context.Context, id int64) (tasker.StepReasons, error) {
	var answer tasker.StepReasons
	err := r.call(ctx, http.MethodGet, "/v1/steps/"+strconv.FormatInt(id, 10)+"/reasons", nil, &answer)
	return answer, err
}

func (r *remote) taskReasons(ctx context.Context, id int64) ([]tasker.StepReasons, error) {
	var all []tasker.StepReasons
	query := url.Values{}
	for {
		var page api.TaskReasonsAnswer
		if err := r.call(ctx, http.MethodGet, "/v1/tasks/"+strconv.FormatInt(id, 10)+"/reasons", query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Steps...)
		if page.Next == "" {
			return all, nil
		}
		query.Set("after", page.Next)
	}
}

func (r *remote) readySteps(ctx context.Context, limit int) ([]tasker.ReadyStep, error) {
	var answer struct {
		Steps []tasker.ReadyStep `json:"steps"`
	}
	err := r.call(ctx, http.MethodGet, "/v1/steps/ready", url.Values{"limit": {strconv.Itoa(limit)}}, &answer)
	return answer.Steps, err
}

func (r *remote) status(ctx context.Context) (api.Status, error) {
	var answer api.Status
	err := r.call(ctx, http.MethodGet, "/v1/status", nil, &answer)
	return answer, err
}

func (r *remote) close() error { return nil }

// local answers from a database that it follows itself.
type local struct {
	*following
	config   *config.Config
	started  time.Time
	blockers int
}

func (a *app) local(ctx context.Context, c *config.Config) (*local, error) {
	started := time.Now()
	f, err := followFor(ctx, c, newLogger(a.stderr, quiet(c.Log)), a.stderr, nil)
	if err != nil {
		return nil, err
	}
	return &local{f, c, started, c.HTTP.DefaultBlockers}, nil
}

// quiet leaves warnings and errors: the answer is what the command is about.
func quiet(c config.Log) config.Log {
	if c.Level == "info" {
		c.Level = "warn"
	}
	return c
}

func (l *local) stepReasons(_ context.Context, id int64) (tasker.StepReasons, error) {
	reasons, ok := l.View().Reasons(id, l.Now(), l.blockers)
	if !ok {
		return reasons, fmt.Errorf("step %d: %w", id, tasker.ErrNotFound)
	}
	return reasons, nil
}

func (l *local) taskReasons(_ context.Context, id int64) ([]tasker.StepReasons, error) {
	view, now := l.View(), l.Now()
	steps := view.StepDAGRelationships([]int64{id})
	if _, known := view.TaskExecutionContext(id, now); !known && len(steps) == 0 {
		return nil, fmt.Errorf("task %d: %w", id, tasker.ErrNotFound)
	}
	var all []tasker.StepReasons
	for i := range steps {
		reasons, ok := view.Reasons(steps[i].WorkflowStepID, now, l.blockers)
		if ok && !reasons.ReadyForExecution && !tasker.Done(reasons.CurrentState) {
			all = append(all, reasons)
		}
	}
	return all, nil
}

func (l *local) readySteps(_ context.Context, limit int) ([]tasker.ReadyStep, error) {
	return l.View().ReadySteps(l.Now(), limit, nil), nil
}

func (l *local) close() error { return l.stop() }

// with runs f with a reader and closes it.
func (a *app) with(c *cobra.Command, from *serverFlags, f func(reader) error) error {
	r, err := a.reader(c, from)
	if err != nil {
		return err
	}
	return errors.Join(f(r), r.close())
}
