package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// template checks what the fields mean together.
func (c *checker) template(t *Template, root *yaml.Node) {
	line := func(field string) int { return lineOf(root, field) }
	required := func(value string, at int, field string, most int) {
		switch {
		case strings.TrimSpace(value) == "":
			c.add(at, field, "this is required")
		case most > 0 && utf8.RuneCountInString(value) > most:
			c.add(at, field, "its column takes %d characters, these are %d", most, utf8.RuneCountInString(value))
		case strings.ContainsRune(value, 0):
			c.add(at, field, "a text with a zero byte cannot be stored")
		}
	}
	required(t.Name, line("name"), "name", 64)
	required(t.TaskHandlerClass, line("task_handler_class"), "task_handler_class", 0)
	required(t.Namespace, line("namespace_name"), "namespace_name", 64)
	required(t.Version, line("version"), "version", 16)
	if len(t.StepTemplates) == 0 {
		c.add(line("step_templates"), "step_templates", "this is required: a list of steps, not an empty one")
	}
	if t.DefaultDependentSystem != "" {
		required(t.DefaultDependentSystem, line("default_dependent_system"), "default_dependent_system", 64)
	}
	steps := map[string]int{} // by name, where
	for i := range t.StepTemplates {
		s, field := &t.StepTemplates[i], fmt.Sprintf("step_templates[%d]", i)
		required(s.Name, s.line, field+".name", 128)
		required(s.HandlerClass, s.line, field+".handler_class", 0)
		if at, ok := steps[s.Name]; ok && s.Name != "" {
			c.add(s.line, field+".name", "%q is a step already, in line %d", s.Name, at)
		} else {
			steps[s.Name] = s.line
		}
		if s.DependentSystem != "" {
			required(s.DependentSystem, s.line, field+".dependent_system", 64)
		}
		if s.DefaultRetryLimit < 0 {
			c.add(s.line, field+".default_retry_limit", "%d is less than 0", s.DefaultRetryLimit)
		}
		for k, e := range s.CustomEvents {
			required(e.Name, e.line, fmt.Sprintf("%s.custom_events[%d].name", field, k), 0)
		}
	}
	for i := range t.StepTemplates {
		s := &t.StepTemplates[i]
		for _, p := range s.Parents() {
			if _, ok := steps[p]; !ok {
				c.add(s.line, fmt.Sprintf("step_templates[%d].depends_on_step", i), "there is no step %q", p)
			}
		}
	}
	if len(t.NamedSteps) > 0 {
		for i, name := range t.NamedSteps {
			if _, ok := steps[name]; !ok {
				c.add(line("named_steps"), fmt.Sprintf("named_steps[%d]", i), "%q has no entry in step_templates", name)
			}
		}
		for i := range t.StepTemplates {
			if name := t.StepTemplates[i].Name; name != "" && !slices.Contains(t.NamedSteps, name) {
				c.add(t.StepTemplates[i].line, fmt.Sprintf("step_templates[%d].name", i), "%q is not among named_steps", name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Environments)) {
		for i, o := range t.Environments[name].StepTemplates {
			field := fmt.Sprintf("environments.%s.step_templates[%d].name", name, i)
			required(o.Name, o.line, field, 0)
			if _, ok := steps[o.Name]; !ok && o.Name != "" {
				c.add(o.line, field, "there is no step %q", o.Name)
			}
		}
	}
	if len(c.errs) == 0 {
		if _, cycle := t.order(); len(cycle) > 0 {
			c.add(steps[cycle[0]], "step_templates", "these steps wait for one another in a circle: %s", strings.Join(cycle, " → "))
		}
	}
}

// lineOf is the line of a field of a mapping, or the mapping's own.
func lineOf(n *yaml.Node, field string) int {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == field {
			return n.Content[i].Line
		}
	}
	return n.Line
}

// order is the steps with parents before their children, otherwise as they
// stand; or the names along a cycle, the first one again at the end.
func (t *Template) order() (steps []int, cycle []string) {
	index := map[string]int{}
	for i := range t.StepTemplates {
		index[t.StepTemplates[i].Name] = i
	}
	const untouched, open, placed = 0, 1, 2
	state := make([]int, len(t.StepTemplates))
	var path []string
	var place func(i int) bool
	place = func(i int) bool {
		name := t.StepTemplates[i].Name
		path = append(path, name)
		defer func() { path = path[:len(path)-1] }()
		switch state[i] {
		case placed:
			return true
		case open:
			cycle = slices.Clone(path[slices.Index(path, name):])
			return false
		}
		state[i] = open
		for _, p := range t.StepTemplates[i].Parents() {
			if !place(index[p]) {
				return false
			}
		}
		state[i] = placed
		steps = append(steps, i)
		return true
	}
	for i := range t.StepTemplates {
		if !place(i) {
			slices.Reverse(cycle) // from a parent to its child
			return nil, cycle
		}
	}
	return steps, nil
}
