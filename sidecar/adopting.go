package main

import (
	"errors"

	"github.com/hashicorp/go-hclog"

	"github.com/tasker-sidecar/tasker-sidecar/config/live"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
)

// prepare is the service's subscriber to changes of the configuration: everything
// that would be made of the new one at a start is made and checked, part by part,
// and comes into force together, each part at the next boundary of its work.
func (s *service) prepare(change live.Change) (apply func(), err error) {
	c := change.After.Config
	var applies []func()
	var wrong []error
	add := func(apply func(), err error) {
		wrong = append(wrong, err)
		applies = append(applies, apply)
	}
	if change.Has("log.level") {
		applies = append(applies, func() { s.logger.SetLevel(hclog.LevelFromString(c.Log.Level)) })
	}
	if change.Has("runtime") {
		applies = append(applies, func() { tuneRuntime(c.Runtime) })
	}
	if change.Has("http", "events", "engine") {
		options, err := apiOptions(c, s.logger)
		if wrong = append(wrong, err); err == nil {
			add(s.api.Prepare(options))
		}
	}
	if s.hub != nil && change.Has("events") {
		add(s.hub.Prepare(announceOptions(c)))
	}
	if s.rows != nil && change.Has("projection", "leader") {
		add(s.rows.project.Prepare(project.Options{Leader: leaderOptions(c, s.logger), Projection: projectionOptions(c, s.logger)}))
	}
	if s.services != nil && change.Has("maintenance", "engine") {
		options, err := maintenanceOptions(c, s.logger)
		if wrong = append(wrong, err); err == nil {
			add(s.services.Prepare(options))
		}
	}
	if change.Has("writer") {
		add(s.writing.prepare(c))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return func() {
		for _, apply := range applies {
			apply()
		}
		s.turn.Lock()
		defer s.turn.Unlock()
		close(s.turned)
		s.turned = make(chan struct{})
	}, nil
}

// changed is closed when the configuration changes.
func (s *service) changed() <-chan struct{} {
	s.turn.Lock()
	defer s.turn.Unlock()
	return s.turned
}
