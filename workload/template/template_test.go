package template_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/template"
)

func read(t *testing.T, file string) *template.Template {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := template.Read(f, file)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWorkflow(t *testing.T) {
	got := read(t, "testdata/order.yaml")
	want := &workload.Workflow{Namespace: "default", Name: "fulfil_order", Version: "0.1.0", Steps: []workload.Step{
		{Name: "reserve", System: "database-system", Retryable: true, RetryLimit: tasker.Some[int32](5)},
		{Name: "charge", System: "database-system", RetryLimit: tasker.Some[int32](1), Parents: []int{0}},
		{Name: "ship", System: "api-system", Description: "hands the parcel over", Retryable: true,
			RetryLimit: tasker.Some[int32](3), Parents: []int{0, 1}, Timeout: 45 * time.Second},
		{Name: "receipt", System: "database-system", Retryable: true, RetryLimit: tasker.Some[int32](3), Parents: []int{2, 1}, Skippable: true},
	}}
	w := got.Workflow()
	if diff := cmp.Diff(want, w); diff != "" {
		t.Error(diff)
	}
	if err := w.Check(); err != nil {
		t.Error(err)
	}
	if got.Concurrent || got.ModuleNamespace != "Shop" || got.TaskHandlerClass != "FulfilOrder" || got.Schema["type"] != "object" {
		t.Errorf("%+v", got)
	}
	if e := got.StepTemplates[2].CustomEvents; len(e) != 1 || e[0].Name != "shop.charged" || e[0].Description != "the card was charged" {
		t.Errorf("%+v", e)
	}
}

func TestEnvironmentsOverride(t *testing.T) {
	whole := read(t, "testdata/order.yaml")
	test := whole.In("test")
	if diff := cmp.Diff(map[string]any{"timeout_seconds": 45, "carrier": "none"}, test.StepTemplates[0].HandlerConfig); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"dry": true}, test.StepTemplates[1].HandlerConfig); diff != "" {
		t.Error(diff)
	}
	if whole.StepTemplates[0].HandlerConfig["carrier"] != "slow" || whole.In("nowhere").StepTemplates[0].HandlerConfig["carrier"] != "slow" {
		t.Error("an environment has changed the template itself")
	}
}

func TestDefaults(t *testing.T) {
	got, err := template.Read(strings.NewReader("name: a\ntask_handler_class: B\nstep_templates: [{name: s, handler_class: C}]"), "x.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := got.StepTemplates[0]
	if !got.Concurrent || !s.DefaultRetryable || s.DefaultRetryLimit != 3 || s.Skippable {
		t.Errorf("%+v", got)
	}
}

func TestErrors(t *testing.T) {
	const step = "step_templates:\n  - name: s\n    handler_class: C\n"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "x.yaml: a template is a mapping of"},
		{"a list", "- a", "x.yaml:1: a template is a mapping of"},
		{"not YAML", "name: [", "x.yaml: this is not YAML: line 1"},
		{"nothing required", "concurrent: true", `x.yaml:1: name: this is required
x.yaml:1: task_handler_class: this is required
x.yaml:1: step_templates: this is required: a list of steps, not an empty one`},
		{"empty steps", "name: a\ntask_handler_class: B\nstep_templates: []", "x.yaml:3: step_templates: this is required: a list of steps, not an empty one"},
		{"unknown field", "name: a\ntask_handler_class: B\n" + step + "    depends_on: t\n",
			"x.yaml:6: step_templates[0].depends_on: there is no such field; there are custom_events, default_retry_limit"},
		{"twice", "name: a\nname: b\n", "x.yaml:2: name: this is there already, in line 1"},
		{"kinds", "name: {}\nconcurrent: perhaps\nnamed_steps: s\nstep_templates:\n  - 7\n  - name: s\n    default_retry_limit: many\n",
			`x.yaml:1: name: a string is expected, not ""
x.yaml:2: concurrent: true or false is expected, not "perhaps"
x.yaml:3: named_steps: a list is expected
x.yaml:5: step_templates[0]: a mapping is expected
x.yaml:7: step_templates[1].default_retry_limit: a whole number is expected, not "many"`},
		{"steps", "name: a\ntask_handler_class: B\n" + step + `    depends_on_step: t
  - name: s
    handler_class: C
    default_retry_limit: -1
  - handler_class: C
    custom_events: [{description: d}]
`, `x.yaml:4: step_templates[0].depends_on_step: there is no step "t"
x.yaml:7: step_templates[1].name: "s" is a step already, in line 4
x.yaml:7: step_templates[1].default_retry_limit: -1 is less than 0
x.yaml:10: step_templates[2].name: this is required
x.yaml:11: step_templates[2].custom_events[0].name: this is required`},
		{"named steps", "name: a\ntask_handler_class: B\nnamed_steps: [t]\n" + step, `x.yaml:3: named_steps[0]: "t" has no entry in step_templates
x.yaml:5: step_templates[0].name: "s" is not among named_steps`},
		{"environment", "name: a\ntask_handler_class: B\n" + step + "environments:\n  production:\n    step_templates:\n      - name: t\n      - handler_config: {}\n",
			`x.yaml:9: environments.production.step_templates[0].name: there is no step "t"
x.yaml:10: environments.production.step_templates[1].name: this is required`},
		{"circle", "name: a\ntask_handler_class: B\n" + step + `    depends_on_step: v
  - {name: u, handler_class: C, depends_on_step: s}
  - {name: v, handler_class: C, depends_on_step: u}
`, "x.yaml:4: step_templates: these steps wait for one another in a circle: s → u → v → s"},
		{"a name too long", "name: " + strings.Repeat("a", 65) + "\ntask_handler_class: B\n" + step, "x.yaml:1: name: its column takes 64 characters, these are 65"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := template.Read(strings.NewReader(c.text), "x.yaml")
			if err == nil {
				t.Fatal("it was accepted")
			}
			got := err.Error()
			if !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") != strings.Count(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// Whatever bytes come, reading does not panic, and what is accepted is a
// workflow whose rows can be written.
func FuzzRead(f *testing.F) {
	order, err := os.ReadFile("testdata/order.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(order)
	f.Add([]byte("name: &a [*a]"))
	f.Add([]byte("name: a\ntask_handler_class: B\nstep_templates: [{name: s, handler_class: C, depends_on_step: s}]"))
	f.Add([]byte("<<: {name: a}\ntask_handler_class: B\nstep_templates: &s [{name: s, handler_class: C}]\nenvironments: {e: {step_templates: *s}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := template.Read(strings.NewReader(string(data)), "f.yaml")
		if err == nil {
			if err := got.Workflow().Check(); err != nil {
				t.Error(err)
			}
		}
	})
}
