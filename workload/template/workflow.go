package template

import (
	"fmt"
	"maps"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// Workflow is the workflow that the template describes, its steps in an order
// in which parents come first. A handler_config with timeout_seconds or timeout
// (seconds) gives the step's timeout.
//
// The template must be one that [Read] has accepted.
func (t *Template) Workflow() *workload.Workflow {
	w := &workload.Workflow{Namespace: t.Namespace, Name: t.Name, Version: t.Version, Description: t.Description}
	order, _ := t.order()
	for _, i := range order {
		s := &t.StepTemplates[i]
		step := workload.Step{
			Name: s.Name, System: s.DependentSystem, Description: s.Description, Retryable: s.DefaultRetryable,
			RetryLimit: tasker.Some(s.DefaultRetryLimit), Skippable: s.Skippable, Timeout: timeout(s.HandlerConfig),
		}
		if step.System == "" {
			step.System = t.DefaultDependentSystem
		}
		for _, p := range s.Parents() {
			step.Parents = append(step.Parents, w.Index(p))
		}
		w.Steps = append(w.Steps, step)
	}
	return w
}

// In is the template as an environment has it: the entries of handler_config
// that the environment names replaced, the rest as it stands. An environment
// that the template does not name changes nothing.
func (t *Template) In(environment string) *Template {
	of := *t
	of.StepTemplates = append([]StepTemplate(nil), t.StepTemplates...)
	for _, o := range t.Environments[environment].StepTemplates {
		for i := range of.StepTemplates {
			if s := &of.StepTemplates[i]; s.Name == o.Name {
				merged := maps.Clone(s.HandlerConfig)
				if merged == nil {
					merged = map[string]any{}
				}
				maps.Copy(merged, o.HandlerConfig)
				s.HandlerConfig = merged
			}
		}
	}
	return &of
}

func timeout(config map[string]any) time.Duration {
	for _, key := range []string{"timeout_seconds", "timeout"} {
		switch v := config[key].(type) {
		case int:
			return time.Duration(v) * time.Second
		case float64:
			return time.Duration(v * float64(time.Second))
		case string:
			if d, err := time.ParseDuration(v); err == nil {
				return d
			}
			var seconds int
			if _, err := fmt.Sscanf(v, "%d", &seconds); err == nil {
				return time.Duration(seconds) * time.Second
			}
		}
	}
	return 0
}
