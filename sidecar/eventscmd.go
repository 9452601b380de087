package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
)

// eventsFlags are those of the command events.
type eventsFlags struct {
	from     serverFlags
	follow   bool
	consumer string
	after    string
	filter   announce.Filter
}

func (a *app) eventsCommand() *cobra.Command {
	var f eventsFlags
	c := &cobra.Command{
		Use:   "events",
		Short: "Print events as they are committed, a JSON object a line",
		Long: `Prints what the engine would publish, under its names and with its payloads, as
it is committed, whoever wrote it; docs/events.md lists the events.

It reads a running sidecar's stream (--server, by default the one at http.listen),
or, with --database-url, follows the database itself. Only then it can be a
--consumer: up to where it has printed everything is kept in the database under
that name, and after a restart it goes on there, at least once, with what it
missed marked as recovered.

A line with the name gap says that events are missing before it. SIGINT or
SIGTERM ends it.`,
		Example: `  tasker-sidecar events --follow
  tasker-sidecar events --follow --name step.failed --name 'task.*'
  tasker-sidecar events --follow --task 42 --after 16/B374D848-3
  tasker-sidecar events --follow --consumer billing --database-url postgres://sidecar@db/app`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !f.follow {
				return usageError("say --follow: events are printed as they come; past ones are in the tables of transitions")
			}
			if err := f.filter.Check(); err != nil {
				return usageError("--name: %s", err)
			}
			if f.after != "" {
				if _, _, err := announce.ParseID(f.after); err != nil {
					return usageError("--after: %s", err)
				}
			}
			return a.events(c, &f)
		},
	}
	f.from.add(c)
	c.Flags().BoolVar(&f.follow, "follow", false, "go on until interrupted (required)")
	c.Flags().StringArrayVar(&f.filter.Names, "name", nil, "only events of this name, or step.* for all that begin so; may be repeated")
	c.Flags().Int64SliceVar(&f.filter.TaskIDs, "task", nil, "only events about this task; may be repeated")
	c.Flags().StringVar(&f.consumer, "consumer", "", "keep under this name up to where everything was printed, and go on there (with --database-url)")
	c.Flags().StringVar(&f.after, "after", "", "go on behind this place, as a stream's id gives it (with --server)")
	return c
}

func (a *app) events(c *cobra.Command, f *eventsFlags) error {
	loaded, err := a.settings(c)
	if err != nil {
		return err
	}
	if len(f.filter.TaskIDs) == 0 {
		f.filter.TaskIDs = nil
	}
	alone := !f.from.given() && loaded.Config.Database.URL != ""
	switch {
	case alone && f.after != "":
		return usageError("--after is a place in a running sidecar's stream: give --server; a database alone is gone on with by --consumer")
	case alone:
		return a.eventsAlone(c.Context(), &loaded.Config, f)
	case f.consumer != "":
		return usageError("--consumer keeps its place in the database: give --database-url, and not --server")
	}
	if !f.from.given() {
		f.from.server = "http://" + loaded.Config.HTTP.Listen
	}
	r, err := f.from.remote(0)
	if err != nil {
		return err
	}
	return r.events(c.Context(), f, a.stdout, 2*loaded.Config.Events.Heartbeat)
}

// events prints a sidecar's stream until ctx ends, or until the stream does,
// which is an error. Nothing at all for the length of silence is the end, too.
func (r *remote) events(ctx context.Context, f *eventsFlags, to io.Writer, silence time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	query := url.Values{"name": f.filter.Names}
	for _, id := range f.filter.TaskIDs {
		query.Add("task_id", strconv.FormatInt(id, 10))
	}
	target := r.base.JoinPath("/v1/events")
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	if f.after != "" {
		request.Header.Set("Last-Event-ID", f.after)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return fmt.Errorf("asking the sidecar at %s: %w; is it running, and is --server right?", r.base.Redacted(), unwrapURL(err))
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		body, _ := io.ReadAll(response.Body) // what there is of it
		return describeProblem(response, body)
	}
	quiet := time.AfterFunc(silence, func() {
		cancel(fmt.Errorf("nothing was heard of the sidecar for %s (events.heartbeat here and there must agree)", silence))
	})
	defer quiet.Stop()
	last, err := printEvents(response.Body, to, func() { quiet.Reset(silence) })
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.Canceled):
		return nil
	case cause != nil:
		err = cause
	case err == nil:
		err = errors.New("the sidecar ended the stream")
	}
	if last != "" {
		return fmt.Errorf("%w; --after %s goes on behind the last event printed", err, last)
	}
	return err
}

// printEvents writes the data of Server-Sent Events, a line each, and gives the
// id of the last one.
func printEvents(from io.Reader, to io.Writer, heard func()) (last string, err error) {
	lines := bufio.NewReader(from)
	var id, name string
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return last, fmt.Errorf("reading the sidecar's events: %w", err)
		}
		heard()
		field, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
		switch string(field) {
		case "id":
			id = string(value)
		case "event":
			name = string(value)
		case "data":
			if name == "dropped" {
				return last, fmt.Errorf("the sidecar ended the stream: %s", value)
			}
			if _, err := to.Write(append(value, '\n')); err != nil {
				return last, fmt.Errorf("printing events: %w", err)
			}
			last = id
		}
	}
}
