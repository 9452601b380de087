package maintenance

import (
	"context"
	"errors"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
)

// settle takes in what has become of an act. Its error ends the session.
func (s *session) settle(ctx context.Context, one *service, act agenda.Act, err error) error {
	now := s.source.Now()
	var refusal *writer.Refusal
	var early *earlyError
	var halted *notRunningError
	var announcing *announceError
	logger := s.o.Logger.With("service", one.Service.Service, "act", describe(&act))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		one.meter.Count(now)
		one.Done++
		one.LastError = nil
		s.agenda.Settle(act)
		logger.Info("done", "because", act.Reason)
	case ctx.Err() != nil, leader.Over(err):
		return err
	case errors.As(err, &halted):
		one.State, one.Why = halted.state, "see tasker_sidecar.maintenance_services"
	case errors.As(err, &early):
		s.agenda.Hold(act, now.Add(early.left))
	case errors.Is(err, errRaceLost):
		s.agenda.Settle(act)
		logger.Warn("left alone", "because", err)
	case errors.Is(err, errOvertaken), errors.Is(err, errAnnounced), errors.As(err, &refusal) && changed(refusal):
		one.Overtaken++
		s.agenda.Settle(act)
		logger.Debug("not done", "because", err)
	case errors.As(err, &announcing):
		// The next task's would most likely fail, too.
		one.Failed++
		one.LastError = err
		one.notBefore = now.Add(s.o.RetryPause)
		s.agenda.Hold(act, one.notBefore)
		logger.Error("not done, will be tried again", "error", err)
	default:
		one.Failed++
		one.LastError = err
		s.agenda.Hold(act, now.Add(s.o.RetryPause))
		if refusal == nil { // the connection, the rights: no use to go on at once
			one.notBefore = now.Add(s.o.RetryPause)
		}
		logger.Warn("not done, will be tried again", "error", err)
	}
	return nil
}

// changed says whether a refusal means that the log brings, or has brought,
// something else than was decided on.
func changed(r *writer.Refusal) bool {
	switch r.Reason {
	case writer.NotFound, writer.NotAllowed, writer.GuardFailed, writer.Unexpected, writer.NotOurs, writer.Contradictory:
		return true
	}
	return false
}
