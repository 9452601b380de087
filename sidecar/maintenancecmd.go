package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/maintenance"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func (a *app) maintenanceCommand() *cobra.Command {
	var asJSON bool
	var limit int
	var from serverFlags
	c := &cobra.Command{
		Use:   "maintenance",
		Short: "Say what the maintenance services would do now, pause or resume them",
		Long: `Lists the five services, how each is, and what is due: what it would do, if it
acted. It asks a running sidecar (--server, by default the one at http.listen); or,
with --database-url, follows the database for the length of the command and decides
by the rows alone, as the configuration says.

Exit code 1: a service has stopped because its budget was spent.`,
		Example: `  tasker-sidecar maintenance
  tasker-sidecar maintenance --database-url postgres://sidecar@db/app --maintenance.quiet-period 5m
  tasker-sidecar maintenance pause retrier --reason 'a bad release'
  tasker-sidecar maintenance resume retrier`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return usageError("--limit %d: at least 1 is expected", limit)
			}
			return a.with(c, &from, func(r reader) error {
				report, err := r.maintenance(c.Context(), limit)
				if err != nil {
					return err
				}
				return a.tellMaintenance(&report, asJSON)
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 10, "how many acts of each service at the most")
	from.add(c)
	jsonFlag(c, &asJSON)
	c.AddCommand(a.setServiceCommand("pause", "paused", "Let a service do nothing more, whichever sidecar leads"),
		a.setServiceCommand("resume", "running", "Let a service go on that was paused, or has stopped itself"))
	return c
}

func (a *app) setServiceCommand(verb, state, short string) *cobra.Command {
	var asJSON bool
	var reason string
	var from serverFlags
	c := &cobra.Command{
		Use:   verb + " SERVICE",
		Short: short,
		Long: short + `. It is kept in the database,
so that it outlives the sidecar and counts for the next leader. It is said to a
running sidecar (--server, by default the one at http.listen) or, with
--database-url, to the database itself.`,
		Example: "  tasker-sidecar maintenance " + verb + " retrier",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("%s takes the name of one service; see %s --help", c.CommandPath(), c.CommandPath())
			}
			if _, err := agenda.ParseService(args[0]); err != nil {
				return usageError("%s", err)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			loaded, err := a.settings(c)
			if err != nil {
				return err
			}
			if !from.given() && loaded.Config.Database.URL != "" {
				return a.withConnection(c, func(conn *pgx.Conn) error {
					if err := setService(c.Context(), conn, args[0], state, reason); err != nil {
						return err
					}
					_, err := fmt.Fprintf(a.stdout, "the %s is %s\n", args[0], state)
					return err
				})
			}
			if !from.given() {
				from.server = "http://" + loaded.Config.HTTP.Listen
			}
			r, err := from.remote(30 * time.Second)
			if err != nil {
				return err
			}
			var report api.MaintenanceReport
			change := api.MaintenanceChange{Service: args[0], State: state, Reason: reason}
			if err := r.send(c.Context(), http.MethodPatch, "/v1/maintenance", nil, change, &report); err != nil {
				return err
			}
			return a.tellMaintenance(&report, asJSON)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for people")
	from.add(c)
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) tellMaintenance(r *api.MaintenanceReport, asJSON bool) error {
	var err error
	if asJSON {
		err = writeJSON(a.stdout, r)
	} else {
		writeMaintenance(a.stdout, r)
	}
	for i := range r.Services {
		if err == nil && r.Services[i].State == string(maintenance.Stopped) {
			return errFound
		}
	}
	return err
}

func writeMaintenance(w io.Writer, r *api.MaintenanceReport) {
	switch {
	case r.Leading && !r.Complete:
		fmt.Fprintln(w, "not every task has been looked at yet")
	case !r.Leading && r.Refused != "":
		fmt.Fprintf(w, "nobody acts: %s\n", r.Refused)
	case !r.Leading:
		fmt.Fprintf(w, "this sidecar does not lead, so it does not know what is due; leader: %s\n", cmp.Or(r.Leader, "none"))
	}
	for i := range r.Services {
		s := &r.Services[i]
		fmt.Fprintf(w, "%-10s %-7s %-7s %d due, %d later; %d done, %d overtaken, %d failed\n", s.Service, s.Mode, s.State, s.Due, s.Later, s.Done, s.Overtaken, s.Failed)
		if s.Why != "" {
			fmt.Fprintf(w, "  because %s\n", s.Why)
		}
		if s.LastError != "" {
			fmt.Fprintf(w, "  last failure: %s\n", s.LastError)
		}
		for _, act := range s.Acts {
			about := fmt.Sprintf("task %d", act.TaskID)
			if act.WorkflowStepID.Valid {
				about = fmt.Sprintf("step %d of task %d", act.WorkflowStepID.V, act.TaskID)
			}
			what := act.From + " → " + act.To
			if act.Announce {
				what += ", announced"
			}
			fmt.Fprintf(w, "  %s (%s): %s, since %s: %s\n", about, act.Name, what, act.Due, act.Reason)
		}
		if more := s.Due - int64(len(s.Acts)); more > 0 {
			fmt.Fprintf(w, "  and %d more\n", more)
		}
	}
}

func (r *remote) maintenance(ctx context.Context, limit int) (api.MaintenanceReport, error) {
	var answer api.MaintenanceReport
	err := r.call(ctx, http.MethodGet, "/v1/maintenance", url.Values{"limit": {strconv.Itoa(limit)}}, &answer)
	return answer, err
}

// maintenance decides by the rows alone: nobody has watched what happens.
func (l *local) maintenance(ctx context.Context, limit int) (api.MaintenanceReport, error) {
	out := api.MaintenanceReport{Leading: true, Complete: true}
	o, err := maintenanceOptions(l.config, hclog.NewNullLogger())
	if err == nil {
		o.Agenda, err = o.Agenda.WithDefaults()
	}
	if err != nil {
		return out, &codedError{exitUsage, err}
	}
	list := agenda.New(o.Agenda)
	list.Update(l.View(), tasker.NegativeInfinity)
	for list.Look(10_000, tasker.NegativeInfinity) {
		if err := ctx.Err(); err != nil {
			return out, err
		}
	}
	now := l.Now()
	stored, err := l.storedStates(ctx)
	if err != nil {
		return out, err
	}
	for _, s := range agenda.Services() {
		acts, due := list.List(s, now, limit)
		one := maintenance.Service{Service: s, Mode: o.Agenda.Modes[s], State: maintenance.Running, Due: due, Later: list.Later(s, due)}
		if known, ok := stored[s]; ok {
			if one.State = known.State; known.State != maintenance.Running {
				one.Why = known.Reason
			}
		}
		out.Services = append(out.Services, api.ServiceReport{ServiceStatus: serviceStatus(&one), Acts: actsOf(acts)})
	}
	return out, nil
}

// storedStates are what the database says of the services, nothing where our
// schema is not installed.
func (l *local) storedStates(ctx context.Context) (map[agenda.Service]maintenance.Stored, error) {
	database, err := databaseConfig(l.config)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, database)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var there bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('tasker_sidecar.maintenance_services') IS NOT NULL`).Scan(&there); err != nil || !there {
		return nil, err
	}
	states, err := maintenance.ReadStates(ctx, conn)
	if errors.Is(err, context.Canceled) {
		return nil, ctx.Err()
	}
	return states, err
}
