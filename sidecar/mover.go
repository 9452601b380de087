package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
)

// mover is where transitions are made and histories read: a running sidecar, or
// the database itself.
type mover interface {
	move(ctx context.Context, kind statemachine.Kind, id int64, body *api.TransitionBody, key string) (api.TransitionAnswer, error)
	history(ctx context.Context, kind statemachine.Kind, id int64) ([]writer.Entry, error)
}

// withMover runs f with the running sidecar of --server; without it, with the
// configured database; without that either, with the sidecar at the address on
// which it listens by default.
func (a *app) withMover(c *cobra.Command, from *serverFlags, f func(mover) error) error {
	loaded, err := a.settings(c)
	if err != nil {
		return err
	}
	if !from.given() && loaded.Config.Database.URL == "" {
		from.server = "http://" + loaded.Config.HTTP.Listen
	}
	if from.given() {
		h := &loaded.Config.HTTP
		r, err := from.remote(h.TransitionTimeout + h.MaxWait + h.WriteTimeout)
		if err != nil {
			return err
		}
		return f(r)
	}
	alone, err := newWriting(func() *config.Config { return &loaded.Config }, func(string, string, string) {})
	if err != nil {
		return err
	}
	defer alone.pool.Close()
	return f(&lone{alone, &loaded.Config})
}

// refusedError is a refusal in the words of whoever told it.
type refusedError struct {
	text    string
	refusal *writer.Refusal
}

func (e *refusedError) Error() string { return e.text }

func (r *remote) move(ctx context.Context, kind statemachine.Kind, id int64, body *api.TransitionBody, key string) (answer api.TransitionAnswer, err error) {
	var headers []string
	if key != "" {
		headers = []string{api.HeaderKey, key}
	}
	err = r.send(ctx, http.MethodPost, transitionsPath(kind, id), nil, body, &answer, headers...)
	return answer, err
}

func (r *remote) history(ctx context.Context, kind statemachine.Kind, id int64) ([]writer.Entry, error) {
	var answer api.HistoryAnswer
	err := r.call(ctx, http.MethodGet, transitionsPath(kind, id), nil, &answer)
	return answer.Transitions, err
}

func transitionsPath(kind statemachine.Kind, id int64) string {
	return "/v1/" + kind.String() + "s/" + strconv.FormatInt(id, 10) + "/transitions"
}

// lone asks the database itself.
type lone struct {
	*writing
	config *config.Config
}

func (l *lone) move(ctx context.Context, kind statemachine.Kind, id int64, body *api.TransitionBody, key string) (api.TransitionAnswer, error) {
	answer := api.TransitionAnswer{DryRun: body.DryRun}
	if body.Wait {
		return answer, usageError("--wait is for the index of a running sidecar: say which with --server")
	}
	ctx, cancel := context.WithTimeout(ctx, l.config.HTTP.TransitionTimeout)
	defer cancel()
	request := body.Request(kind, id)
	request.Key = key
	var err error
	if request.By, err = l.by(ctx); err != nil {
		return answer, err
	}
	if body.DryRun {
		var outcomes []writer.Outcome
		if outcomes, err = l.DryRun(ctx, []writer.Request{request}, writer.BatchOptions{}); err == nil {
			answer.Result, err = outcomes[0].Result, outcomes[0].Err
		}
	} else {
		answer.Result, err = l.Transition(ctx, request)
	}
	return answer, coded(err)
}

func (l *lone) history(ctx context.Context, kind statemachine.Kind, id int64) ([]writer.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, l.config.HTTP.TransitionTimeout)
	defer cancel()
	entries, err := l.History(ctx, kind, id)
	return entries, coded(err)
}

// by names who asks: the user of this machine, and the role in the database.
func (l *lone) by(ctx context.Context) (string, error) {
	var role string
	if err := l.pool.QueryRow(ctx, "SELECT current_user::text").Scan(&role); err != nil {
		return "", fmt.Errorf("connecting to the database: %w", err)
	}
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = cmp.Or(u.Username, "user "+u.Uid)
	}
	return fmt.Sprintf("%s, as role %s", name, role), nil
}

// coded gives an error of the writer's its exit code.
func coded(err error) error {
	var refusal *writer.Refusal
	var bad *writer.Invalid
	switch {
	case errors.As(err, &bad):
		return &codedError{exitUsage, err}
	case errors.As(err, &refusal) && refusal.Reason != writer.InDoubt:
		return &codedError{exitRefused, &refusedError{err.Error(), refusal}}
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("it was given up after http.transition_timeout: %w", err)
	}
	return err
}

// entity reads «task|step ID».
func entity(c *cobra.Command, args []string) (kind statemachine.Kind, id int64, err error) {
	if len(args) != 2 {
		return 0, 0, usageError("say «%[1]s task ID» or «%[1]s step ID»; see %[1]s --help", c.CommandPath())
	}
	if kind, err = statemachine.ParseKind(args[0]); err != nil {
		return 0, 0, usageError("%s; see %s --help", err, c.CommandPath())
	}
	if id, err = strconv.ParseInt(args[1], 10, 64); err != nil || id < 1 {
		return 0, 0, usageError("%q is not the id of a %s: a whole number from 1 and of at most 64 bits is expected", args[1], kind)
	}
	return kind, id, nil
}
