package template

import (
	"go.yaml.in/yaml/v3"
)

// Template is a task template. Fields marked * must be present.
type Template struct {
	Name                   string   `yaml:"name"`               // *
	TaskHandlerClass       string   `yaml:"task_handler_class"` // *
	ModuleNamespace        string   `yaml:"module_namespace"`
	Namespace              string   `yaml:"namespace_name"` // defaults to default
	Version                string   `yaml:"version"`        // defaults to 0.1.0
	Description            string   `yaml:"description"`
	Concurrent             bool     `yaml:"concurrent"` // defaults to true
	DefaultDependentSystem string   `yaml:"default_dependent_system"`
	NamedSteps             []string `yaml:"named_steps"`
	// Schema is the JSON Schema of a task's context, as it stands in the file.
	Schema        map[string]any         `yaml:"schema"`
	StepTemplates []StepTemplate         `yaml:"step_templates"` // *
	Environments  map[string]Environment `yaml:"environments"`
}

// StepTemplate describes a step.
type StepTemplate struct {
	Name              string         `yaml:"name"`          // *
	HandlerClass      string         `yaml:"handler_class"` // *
	DependentSystem   string         `yaml:"dependent_system"`
	Description       string         `yaml:"description"`
	DefaultRetryable  bool           `yaml:"default_retryable"`   // defaults to true
	DefaultRetryLimit int32          `yaml:"default_retry_limit"` // defaults to 3
	Skippable         bool           `yaml:"skippable"`
	DependsOnStep     string         `yaml:"depends_on_step"`
	DependsOnSteps    []string       `yaml:"depends_on_steps"`
	HandlerConfig     map[string]any `yaml:"handler_config"`
	CustomEvents      []CustomEvent  `yaml:"custom_events"`

	line int
}

// CustomEvent is an event that a step's handler publishes.
type CustomEvent struct {
	Name        string `yaml:"name"` // *
	Description string `yaml:"description"`

	line int
}

// Environment is what differs in an environment.
type Environment struct {
	StepTemplates []Override `yaml:"step_templates"`
}

// Override replaces entries of a step's handler_config.
type Override struct {
	Name          string         `yaml:"name"` // *
	HandlerConfig map[string]any `yaml:"handler_config"`

	line int
}

// UnmarshalYAML fills in the engine's defaults before it reads.
func (t *Template) UnmarshalYAML(node *yaml.Node) error {
	type plain Template
	p := plain{Concurrent: true, Namespace: "default", Version: "0.1.0"}
	err := node.Decode(&p)
	*t = Template(p)
	return err
}

// UnmarshalYAML fills in the engine's defaults before it reads.
func (s *StepTemplate) UnmarshalYAML(node *yaml.Node) error {
	type plain StepTemplate
	p := plain{DefaultRetryable: true, DefaultRetryLimit: 3, line: node.Line}
	err := node.Decode(&p)
	*s = StepTemplate(p)
	return err
}

// UnmarshalYAML remembers the line.
func (o *Override) UnmarshalYAML(node *yaml.Node) error {
	type plain Override
	p := plain{line: node.Line}
	err := node.Decode(&p)
	*o = Override(p)
	return err
}

// UnmarshalYAML remembers the line.
func (e *CustomEvent) UnmarshalYAML(node *yaml.Node) error {
	type plain CustomEvent
	p := plain{line: node.Line}
	err := node.Decode(&p)
	*e = CustomEvent(p)
	return err
}

// Parents are the names that the step depends on, each once.
func (s *StepTemplate) Parents() []string {
	var all []string
	seen := map[string]bool{}
	for _, p := range append([]string{s.DependsOnStep}, s.DependsOnSteps...) {
		if p != "" && !seen[p] {
			seen[p] = true
			all = append(all, p)
		}
	}
	return all
}
