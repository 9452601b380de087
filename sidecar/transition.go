package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// transitionFlags are what is asked on the command line.
type transitionFlags struct {
	body              api.TransitionBody
	key               string
	metadata, results string
	expectTransition  int64
	backoff           int32
	asJSON            bool
}

func (a *app) transitionCommand() *cobra.Command {
	var f transitionFlags
	var from serverFlags
	c := &cobra.Command{
		Use:   "transition task|step ID --to STATE",
		Short: "Move a task or a step to another state, as the engine's machine allows it",
		Long: `Moves one task or step, in one transaction that Rails accepts as its own: the new
transition, the columns that go with it, and nothing else; no job is enqueued. What
the machine does not allow, or a guard forbids, is refused, and says what is instead
and what would be possible. A step that the engine's workers may take goes to
in_progress only with --take.

It asks a running sidecar (--server, by default the one at http.listen), or, with
--database-url, writes to the database itself, which needs no running sidecar.

Exit code 1: it is done, and --wait has not seen it in the index. 2: the request
cannot be right, whatever the database holds. 3: the database or the server cannot
be reached or used. 4: it was refused, for what the task or step is; nothing was
changed.`,
		Example: `  tasker-sidecar transition step 4711 --to pending --expect-from error --reason 'gateway is back'
  tasker-sidecar transition step 4711 --to resolved_manually --metadata '{"ticket": 12}' --key ticket-12
  tasker-sidecar transition task 42 --to cancelled --dry-run
  tasker-sidecar transition step 4711 --to in_progress --take --database-url postgres://owner@db/app`,
		Args: func(c *cobra.Command, args []string) error {
			_, _, err := entity(c, args)
			return err
		},
		RunE: func(c *cobra.Command, args []string) error {
			kind, id, err := entity(c, args)
			if err == nil {
				err = f.complete(c, kind, id)
			}
			if err != nil {
				return err
			}
			return a.withMover(c, &from, func(m mover) error { return a.transition(c, m, kind, id, &f) })
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.body.To, "to", "", "the state to move to: "+strings.Join(statemachine.States(), ", "))
	fs.StringVar(&f.body.ExpectFrom, "expect-from", "", "refuse it in any other state than this")
	fs.Int64Var(&f.expectTransition, "expect-transition", 0, "refuse it unless the most recent transition has this id; 0: unless there is none")
	fs.BoolVar(&f.body.Take, "take", false, "take the step from the engine's workers: needed to move a step to in_progress")
	fs.StringVar(&f.body.Reason, "reason", "", "why; kept in the transition's metadata")
	fs.StringVar(&f.metadata, "metadata", "", "a JSON object, kept as the transition's metadata")
	fs.StringVar(&f.results, "results", "", "JSON for the step's results, with complete or error")
	fs.Int32Var(&f.backoff, "backoff-seconds", 0, "how long a step that is moved to error waits before it is ready again")
	fs.StringVar(&f.key, "key", "", "makes it safe to send the same request again: it is answered with the first one's result")
	fs.BoolVar(&f.body.Wait, "wait", false, "return when the index of the running sidecar has the change")
	fs.BoolVar(&f.body.DryRun, "dry-run", false, "write nothing, and say what would become of it")
	from.add(c)
	jsonFlag(c, &f.asJSON)
	return c
}

// complete takes over what flags cannot fill in themselves, and refuses what
// cannot be right.
func (f *transitionFlags) complete(c *cobra.Command, kind statemachine.Kind, id int64) error {
	if f.metadata != "" {
		f.body.Metadata = json.RawMessage(f.metadata)
	}
	if f.results != "" {
		f.body.Results = json.RawMessage(f.results)
	}
	if c.Flags().Changed("expect-transition") {
		f.body.ExpectTransition = tasker.Some(f.expectTransition)
	}
	if c.Flags().Changed("backoff-seconds") {
		f.body.BackoffSeconds = tasker.Some(f.backoff)
	}
	if f.body.To == "" {
		return usageError("--to is missing: the state to move to; see %s --help", c.CommandPath())
	}
	request := f.body.Request(kind, id)
	request.Key = f.key
	var bad *writer.Invalid
	if !errors.As(request.Validate(), &bad) {
		return nil
	}
	texts := make([]string, len(bad.Problems))
	for i, p := range bad.Problems {
		texts[i] = fmt.Sprintf("--%s: %s", strings.ReplaceAll(p.Field, "_", "-"), p.Detail)
	}
	return usageError("%s", strings.Join(texts, "; "))
}

func (a *app) transition(c *cobra.Command, m mover, kind statemachine.Kind, id int64, f *transitionFlags) error {
	answer, err := m.move(c.Context(), kind, id, &f.body, f.key)
	var refused *refusedError
	switch {
	case errors.As(err, &refused) && f.asJSON:
		return errors.Join(writeJSON(a.stdout, refused.refusal), err)
	case err != nil:
		return err
	case f.asJSON:
		err = writeJSON(a.stdout, struct {
			writer.Result
			DryRun bool `json:"dry_run"`
			api.Waited
		}{answer.Result, answer.DryRun, answer.Waited})
	default:
		r := &answer.Result
		what := fmt.Sprintf("%s %d: %s → %s (%s)", r.Kind, r.ID, r.From, r.To, r.Event)
		switch {
		case r.Repeated:
			what += fmt.Sprintf(", made earlier by the same request: transition %d, %s", r.TransitionID, r.At)
		case answer.DryRun:
			what += ", if it were not a dry run"
		default:
			what += fmt.Sprintf(", transition %d, %s", r.TransitionID, r.At)
		}
		_, err = fmt.Fprintln(a.stdout, what)
	}
	if err == nil && answer.WaitFailed != "" {
		err = &codedError{exitFound, fmt.Errorf("it is done, and the index has not got it yet: %s", answer.WaitFailed)}
	}
	return err
}
