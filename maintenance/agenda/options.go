package agenda

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Options say what is looked for. The zero value observes all tasks, with the
// defaults.
type Options struct {
	// Modes by service. Of a service that is Off nothing is looked for.
	// Defaults to Observe.
	Modes [len(names)]Mode
	// Include and Exclude select tasks by patterns NAMESPACE/NAME/VERSION, in
	// each part of which * stands for anything. Of a task whose names are not
	// known only */*/* can be true. Defaults to all tasks and none.
	Include, Exclude []string
	// QuietPeriod is how long nothing must have happened in a task.
	// Defaults to one minute.
	QuietPeriod time.Duration
	// ReadyDelay is how much longer the Enqueuer waits for a task of these names,
	// empty where they are not known: for as long as the application itself would
	// leave a task alone that has steps to run. Defaults to no longer.
	ReadyDelay func(namespace, name, version string) time.Duration
	// Thresholds are how long a step may be in progress, by the name of its named
	// step. A Rescuer that Acts needs one, and deals with no other step.
	Thresholds map[string]time.Duration
	// ObserveAfter is the threshold of all other steps for a Rescuer that only
	// observes. Defaults to one hour.
	ObserveAfter time.Duration
	// Own are the times for a step of a workflow, or with an empty step for a
	// task as a whole, where they may differ from the three above; a name that is
	// not known is empty. It must give the same for the same names. Defaults to
	// those three.
	Own func(namespace, name, version, step string) Times
}

// Times are those of a workflow or a step; see [Options].
type Times struct {
	QuietPeriod, ObserveAfter time.Duration
	Threshold                 time.Duration // 0: it has none
}

// times are those that hold for a step of a task; with an empty name for the
// task as a whole.
func (o *Options) times(t *readiness.TaskFacts, step string) Times {
	if o.Own != nil {
		return o.Own(t.Namespace.Or(""), t.Name.Or(""), t.Version.Or(""), step)
	}
	return Times{o.QuietPeriod, o.ObserveAfter, o.Thresholds[step]}
}

// WithDefaults is a copy with the defaults; the error names everything that is
// wrong.
func (o Options) WithDefaults() (Options, error) {
	var found []error
	if o.QuietPeriod == 0 {
		o.QuietPeriod = time.Minute
	}
	if o.ObserveAfter == 0 {
		o.ObserveAfter = time.Hour
	}
	if o.QuietPeriod < 0 {
		found = append(found, fmt.Errorf("QuietPeriod is %s, which is negative", o.QuietPeriod))
	}
	if o.Modes[Rescuer] == Acts && len(o.Thresholds) == 0 && o.Own == nil {
		found = append(found, errors.New("the rescuer is to act, and no named step has a threshold: there is no default"))
	}
	for name, d := range o.Thresholds {
		if d <= 0 {
			found = append(found, fmt.Errorf("the threshold of the step %s is %s, which is not positive", name, d))
		}
	}
	for _, pattern := range append(o.Include[:len(o.Include):len(o.Include)], o.Exclude...) {
		if _, err := path.Match(pattern, ""); err != nil || strings.Count(pattern, "/") != 2 {
			found = append(found, fmt.Errorf("the pattern %q is not of the form NAMESPACE/NAME/VERSION", pattern))
		}
	}
	return o, errors.Join(found...)
}

// readyDelay is how much longer a task must have been ready to be announced.
func (o *Options) readyDelay(t *readiness.TaskFacts) time.Duration {
	if o.ReadyDelay == nil {
		return 0
	}
	return o.ReadyDelay(t.Namespace.Or(""), t.Name.Or(""), t.Version.Or(""))
}

// deals says whether tasks of these names are dealt with.
func (o *Options) deals(namespace, name, version tasker.Null[string]) bool {
	// A slash in a name would look like the border of two parts.
	part := func(n tasker.Null[string]) string { return strings.ReplaceAll(n.Or(""), "/", "\x00") }
	full := part(namespace) + "/" + part(name) + "/" + part(version)
	matches := func(patterns []string) bool {
		for _, p := range patterns {
			if ok, _ := path.Match(p, full); ok {
				return true
			}
		}
		return false
	}
	return (len(o.Include) == 0 || matches(o.Include)) && !matches(o.Exclude)
}
