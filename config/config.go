package config

import "fmt"

// Config is the configuration of the sidecar. The zero value is not valid:
// start from [Default], or read one with [Load].
type Config struct {
	Database    Database
	Reload      Reload
	Replication Replication
	Readiness   Readiness
	Projection  Projection `apply:"live"`
	Leader      Leader
	Maintenance Maintenance `apply:"live"`
	Writer      Writer      `apply:"live"`
	HTTP        HTTP        `apply:"live"`
	Events      Events
	Log         Log
	Verify      Verify `apply:"live"`
	Demo        Demo
	Runtime     Runtime `apply:"live"`
	Engine      Engine  `apply:"live"`

	// ByWorkflow are values that hold for some workflows only, see For.
	ByWorkflow ByWorkflow `json:"-" yaml:"-"`
	// Registered are sections of other packages, see [Register] and [Get].
	Registered Registered `json:",omitempty" yaml:",omitempty"`
}

// Default is the configuration that nothing was said about. It is valid.
func Default() Config {
	var c Config
	for _, o := range Options() {
		v, err := o.kind.parse(o.Default)
		if err != nil {
			panic(fmt.Sprintf("config: the default of %s: %v", o.Key, err)) // found by the first test that runs
		}
		o.set(&c, v)
	}
	return c
}

// Validate checks every rule; the error is a [Problems] with all that do not
// hold. It is for configurations made by hand: those from [Load] are valid.
func (c *Config) Validate() error {
	return c.problems(func(string) string { return "" }).err()
}

// problems checks each option by itself, and then the rules between options
// that are right by themselves.
func (c *Config) problems(origin func(key string) string) Problems {
	var found Problems
	wrong := map[string]bool{}
	for _, o := range Options() {
		if rule := o.check(o.field(c).Interface()); rule != "" {
			found = append(found, o.problem(c, origin, rule))
			wrong[o.Key] = true
		}
	}
	return append(found, c.ruleProblems(origin, wrong)...)
}

// ruleProblems checks the rules between options that are not wrong anyway.
func (c *Config) ruleProblems(origin func(key string) string, wrong map[string]bool) Problems {
	var found Problems
	for _, rule := range table().rules {
		if wrong[rule.Key] || wrong[rule.Other] {
			continue
		}
		if text := rule.Broken(c); text != "" {
			other := table().byKey[rule.Other]
			text += fmt.Sprintf("; %s is %s", other.Key, orEmpty(other.masked(other.text(c))))
			if o := origin(rule.Other); o != "" {
				text += " (" + o + ")"
			}
			found = append(found, table().byKey[rule.Key].problem(c, origin, text))
		}
	}
	return found
}

func (o *Option) problem(c *Config, origin func(key string) string, rule string) Problem {
	return Problem{Key: o.Key, Value: o.masked(o.text(c)), Origin: origin(o.Key), Rule: rule}
}

func orEmpty(s string) string {
	if s == "" {
		return "empty"
	}
	return s
}
