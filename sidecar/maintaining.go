package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// maintaining runs the maintenance services while this process leads.
type maintaining struct {
	*maintenance.Maintainer
	config func() *config.Config // as it is in force
	pool   *pgxpool.Pool
	rows   *projecting // who leads
}

// maintenanceConnections: one for what acts, one for what is asked of it, and one
// to spare.
const maintenanceConnections = 3

// newMaintaining makes the services. Their pool connects when something is to be
// written, and never else.
func newMaintaining(current func() *config.Config, logger hclog.Logger, f *follow.Follower) (*maintaining, error) {
	c := current()
	pool, err := idlePool(c, maintenanceConnections)
	if err != nil {
		return nil, fmt.Errorf("the connections of maintenance: %w", err)
	}
	m := &maintaining{config: current, pool: pool}
	o, err := maintenanceOptions(c, logger)
	if err == nil {
		o.Pool = pool
		m.Maintainer, err = maintenance.New(o, maintained{f})
	}
	if err != nil {
		pool.Close()
		return nil, &codedError{exitUsage, err}
	}
	return m, nil
}

// maintenanceOptions hands the configuration over; the pool is the caller's.
func maintenanceOptions(c *config.Config, logger hclog.Logger) (maintenance.Options, error) {
	m := &c.Maintenance
	o := maintenance.Options{
		Agenda: agenda.Options{
			Include: m.Include, Exclude: m.Exclude, QuietPeriod: m.QuietPeriod, ObserveAfter: m.RescuerObserveAfter,
			Thresholds: map[string]time.Duration{}, ReadyDelay: readyDelay(c),
		},
		Limits: map[agenda.Service]agenda.Limits{
			agenda.Retrier:   {Rate: m.RetrierRate, Budget: m.RetrierBudget},
			agenda.Rescuer:   {Rate: m.RescuerRate, Budget: m.RescuerBudget},
			agenda.Canceller: {Rate: m.CancellerRate, Budget: m.CancellerBudget},
			agenda.Finalizer: {Rate: m.FinalizerRate, Budget: m.FinalizerBudget},
			agenda.Enqueuer:  {Rate: m.EnqueuerRate, Budget: m.EnqueuerBudget},
		},
		LostRaces: m.LostRaceErrors, Channel: m.AnnounceChannel, SQL: m.AnnounceSQL, MinPause: m.MinPause, SweepInterval: m.SweepInterval, CheckInterval: m.CheckInterval,
		RetryPause: m.RetryPause, LockTimeout: m.LockTimeout, StatementTimeout: m.StatementTimeout, KeepActs: m.KeepActs,
		Logger: logger.Named("maintenance"),
	}
	for service, mode := range map[agenda.Service]string{
		agenda.Retrier: m.Retrier, agenda.Rescuer: m.Rescuer, agenda.Canceller: m.Canceller, agenda.Finalizer: m.Finalizer, agenda.Enqueuer: m.Enqueuer,
	} {
		var err error
		if o.Agenda.Modes[service], err = agenda.ParseMode(mode); err != nil {
			return o, fmt.Errorf("maintenance.%s: %w", service, err)
		}
	}
	var err error
	if o.Agenda.Thresholds, err = thresholds(m.RescuerThresholds); err != nil {
		return o, err
	}
	if len(c.ByWorkflow) > 0 {
		o.Agenda.Own, err = workflowTimes(c)
	}
	return o, err
}

// maintained makes a follower a maintenance.Source.
type maintained struct{ *follow.Follower }

func (m maintained) Current() (*readiness.View, bool) {
	status, view := m.Status(), m.View()
	return view, view != nil && !status.Stale
}

func (m maintained) Schema() string { return m.Status().Schema }

// status is how the services are; m may be nil.
func (m *maintaining) status() []api.ServiceStatus {
	if m == nil {
		return nil
	}
	services := m.Status().Services
	out := make([]api.ServiceStatus, len(services))
	for i := range services {
		out[i] = serviceStatus(&services[i])
	}
	return out
}

func serviceStatus(s *maintenance.Service) api.ServiceStatus {
	out := api.ServiceStatus{
		Service: s.Service.String(), Mode: s.Mode.String(), State: string(s.State), Why: s.Why, Due: int64(s.Due), Later: int64(s.Later),
		Done: int64(s.Done), Overtaken: int64(s.Overtaken), Failed: int64(s.Failed), //nolint:gosec // counts
	}
	if s.LastError != nil {
		out.LastError = s.LastError.Error()
	}
	return out
}

// List implements api.Maintenance. What the database says of the services is
// asked for anew: another process may lead.
func (m *maintaining) List(ctx context.Context, limit int) api.MaintenanceReport {
	status := m.Status()
	out := api.MaintenanceReport{Leading: status.Leading, Complete: status.Complete, Leader: m.rows.project.Leader().Term.Holder}
	if refused := m.rows.refused.Load(); refused != nil && *refused != nil {
		out.Refused = (*refused).Error()
	}
	ctx, cancel := context.WithTimeout(ctx, m.config().HTTP.ConnectionsTimeout)
	defer cancel()
	stored, err := maintenance.ReadStates(ctx, m.pool)
	for i := range status.Services {
		s := &status.Services[i]
		one := api.ServiceReport{ServiceStatus: serviceStatus(s), Acts: actsOf(m.Maintainer.List(s.Service, min(limit, m.config().Maintenance.ListMost)))}
		if now, ok := stored[s.Service]; ok && err == nil && s.State != maintenance.Refused {
			if one.State, one.Why = string(now.State), ""; now.State != maintenance.Running {
				one.Why = fmt.Sprintf("%s (by %s at %s)", now.Reason, now.By, now.At.UTC().Format(time.RFC3339))
			}
		}
		out.Services = append(out.Services, one)
	}
	return out
}

func actsOf(list []agenda.Act) []api.Act {
	out := make([]api.Act, len(list))
	for i := range list {
		a := &list[i]
		out[i] = api.Act{TaskID: a.TaskID, Name: a.Name, From: a.From, To: a.To, Announce: a.Announce, Due: a.Due, Reason: a.Reason}
		if a.WorkflowStepID != 0 {
			out[i].WorkflowStepID = tasker.Some(a.WorkflowStepID)
		}
	}
	return out
}

// Set implements api.Maintenance.
func (m *maintaining) Set(ctx context.Context, service, state, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, m.config().Leader.StatementTimeout)
	defer cancel()
	return setService(ctx, m.pool, service, state, reason)
}

// setService pauses or resumes a service.
func setService(ctx context.Context, conn interface {
	BeginTx(context.Context, pgx.TxOptions) (pgx.Tx, error)
}, service, state, reason string) error {
	s, err := agenda.ParseService(service)
	if err != nil {
		return fmt.Errorf("%w: %w", api.ErrNoService, err)
	}
	if reason == "" {
		reason = "by an operator"
	}
	if state == string(maintenance.Paused) {
		err = maintenance.Pause(ctx, conn, s, reason)
	} else {
		err = maintenance.Resume(ctx, conn, s, reason)
	}
	return err
}
