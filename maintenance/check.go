package maintenance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
)

// look looks now and then at what the database says of the services, and
// removes what has been kept long enough.
func (s *session) look(ctx context.Context) error {
	if s.writer == nil || time.Since(s.checked) < s.o.CheckInterval {
		return nil
	}
	s.checked = time.Now()
	for _, one := range s.services {
		if one.unstored != "" {
			s.stop(ctx, one)
		}
	}
	if err := s.readStates(ctx); err != nil {
		return err
	}
	if time.Since(s.cleaned) < time.Minute {
		return nil
	}
	s.cleaned = time.Now()
	return s.forget(ctx)
}

// readStates takes over what the database says, and finds out what keeps
// services from acting here.
func (s *session) readStates(ctx context.Context) error {
	states, err := ReadStates(ctx, s.o.Pool)
	if err != nil {
		return err
	}
	var lacks, statement string
	if s.checked.IsZero() || s.refused() {
		if lacks, statement, err = s.obstacles(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, one := range s.services {
		if one.Mode != agenda.Acts || one.unstored != "" {
			continue
		}
		before := one.State
		stored, known := states[name]
		switch {
		case lacks != "":
			one.State, one.Why = Refused, lacks
		case name == agenda.Enqueuer && statement != "":
			one.State, one.Why = Refused, statement
		case known && stored.State != Running:
			one.State, one.Why = stored.State, fmt.Sprintf("%s (by %s at %s)", stored.Reason, stored.By, stored.At.UTC().Format(time.RFC3339))
		default:
			one.State, one.Why = Running, ""
		}
		if one.State == Running && before == Stopped {
			one.meter = agenda.NewMeter(s.o.Limits[name], 0, s.source.Now())
		}
		if one.State != before {
			s.o.Logger.Info("the "+name.String()+" is "+string(one.State), "because", one.Why)
		}
	}
	return nil
}

func (s *session) refused() bool {
	for _, one := range s.services {
		if one.State == Refused {
			return true
		}
	}
	return false
}

// obstacles are what keeps all services, or the enqueuer, from acting.
func (s *session) obstacles(ctx context.Context) (lacks, statement string, err error) {
	conn, err := s.o.Pool.Acquire(ctx)
	if err != nil {
		return "", "", fmt.Errorf("connecting to act: %w", err)
	}
	defer conn.Release()
	rows, err := conn.Query(ctx, engineSQL(missingSQL, s.source.Schema()))
	if err != nil {
		return "", "", fmt.Errorf("asking for our rights: %w", explained(err))
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", "", fmt.Errorf("asking for our rights: %w", explained(err))
	}
	if len(missing) > 0 {
		lacks = fmt.Sprintf("role %s lacks %s; docs/maintenance.md has the statement that grants it", conn.Conn().Config().User, strings.Join(missing, ", "))
	}
	if s.o.SQL != "" && s.o.Agenda.Modes[agenda.Enqueuer] == agenda.Acts {
		if err := checkStatement(ctx, conn.Conn(), s.o.SQL); err != nil {
			statement = err.Error()
		}
	}
	return lacks, statement, nil
}

// stop stops a service whose budget is spent, for every leader until an operator
// resumes it.
func (s *session) stop(ctx context.Context, one *service) {
	why := fmt.Sprintf("more than %d acts in a minute were due, which is its budget", s.o.Limits[one.Service.Service].Budget)
	s.mu.Lock()
	first := one.unstored == ""
	one.State, one.Why, one.unstored = Stopped, why, why
	s.mu.Unlock()
	if first {
		s.o.Logger.Error("ALARM: the "+one.Service.Service.String()+" has stopped itself, and does nothing until tasker-sidecar maintenance resume", "because", why)
	}
	conn, err := s.o.Pool.Acquire(ctx)
	if err == nil {
		err = s.lease.InTx(ctx, conn.Conn(), func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, storeSQL, one.Service.Service.String(), string(Stopped), why)
			return err
		})
		conn.Release()
	}
	if err != nil {
		s.o.Logger.Warn("that it has stopped could not be stored yet", "service", one.Service.Service, "error", err)
		return
	}
	s.mu.Lock()
	one.unstored = ""
	s.mu.Unlock()
}

// forget removes what has been kept long enough, a part at a time.
func (s *session) forget(ctx context.Context) error {
	conn, err := s.o.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to remove old acts: %w", err)
	}
	defer conn.Release()
	err = s.lease.InTx(ctx, conn.Conn(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, s.timeouts())
		_, acts := tx.Exec(ctx, forgetActsSQL, s.o.KeepActs.Seconds())
		_, announcements := tx.Exec(ctx, engineSQL(forgetAnnouncementsSQL, s.source.Schema()), s.o.KeepActs.Seconds())
		return errors.Join(err, acts, announcements)
	})
	if err != nil {
		return fmt.Errorf("removing old acts: %w", err)
	}
	return nil
}
