package testbed_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

var update = flag.Bool("update", false, "write docs/schema.md anew")

const schemaPage = "../../docs/schema.md"

// notFollowed says why a column of a followed table is left out, where there
// is more to say than that no answer depends on it.
var notFollowed = map[string]string{
	"tasker_named_tasks.configuration":            "no answer depends on it; it can be large",
	"tasker_tasks.bypass_steps":                   "no answer depends on it; it can be large",
	"tasker_tasks.context":                        "no answer depends on it; it can be large",
	"tasker_tasks.tags":                           "no answer depends on it; it can be large",
	"tasker_tasks.identity_hash":                  "the engine's own guard against a task requested twice",
	"tasker_workflow_steps.inputs":                "no answer depends on it; a copy of the task's context in every step",
	"tasker_workflow_steps.results":               "no answer depends on it; it can be large",
	"tasker_workflow_steps.skippable":             "no answer depends on it: a skipped step is told by its state",
	"tasker_task_transitions.from_state":          "the engine does not write it; the transition before tells it",
	"tasker_task_transitions.metadata":            "no answer depends on it; it can be large",
	"tasker_task_transitions.sort_key":            "most_recent tells the last transition",
	"tasker_workflow_step_transitions.from_state": "the engine does not write it; the transition before tells it",
	"tasker_workflow_step_transitions.metadata":   "no answer depends on it; it can be large",
	"tasker_workflow_step_transitions.sort_key":   "most_recent tells the last transition",
	"tasker_workflow_step_edges.name":             "no answer depends on it: every edge is a dependency",
	"tasker_named_steps.dependent_system_id":      "no answer depends on the system behind a step",
	"tasker_task_namespaces.description":          "for people only",
	"tasker_named_tasks.description":              "for people only",
	"tasker_named_steps.description":              "for people only",
}

func TestSchemaPageIsCurrent(t *testing.T) {
	want := schemaMarkdown(t, engineCatalog(t))
	if *update {
		if err := os.WriteFile(schemaPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/schema.md is not what would be generated; go test ./sql/testbed -run SchemaPage -update writes it:\n%s", diff)
	}
}

func schemaMarkdown(t *testing.T, engine catalog) string {
	t.Helper()
	var page strings.Builder
	page.WriteString(`# The engine's tables

<!-- Generated from the engine's catalog and from tasker.Schema by a test (go test ./sql/testbed -run SchemaPage -update). Do not edit. -->

The sidecar follows what an answer needs and nothing else: where the server's publications have column lists, these columns are the list; where they have none, whole rows are sent and the rest is dropped.
A followed column cannot be dropped or retyped while the publication lists it.

| table | followed | why |
|---|---|---|
`)
	for _, info := range tasker.Schema {
		followed := "no"
		if len(info.Followed) > 0 {
			followed = fmt.Sprintf("%d of %d columns", len(info.Followed), len(engine.Tables[info.Name]))
		}
		fmt.Fprintf(&page, "| [%s](#%s) | %s | %s |\n", info.Name, info.Name, followed, info.Why)
	}
	for _, info := range tasker.Schema {
		fmt.Fprintf(&page, "\n## %s\n\n| column | type | NULL | default | followed | why |\n|---|---|---|---|---|---|\n", info.Name)
		for _, c := range engine.Tables[info.Name] {
			null, preset := "", ""
			if c.Nullable {
				null = "yes"
			}
			switch {
			case c.Default == nil:
			case strings.HasPrefix(*c.Default, "nextval("):
				preset = "a sequence"
			default:
				preset = "`" + *c.Default + "`"
			}
			followed, why := following(info, c.Column)
			fmt.Fprintf(&page, "| %s | %s | %s | %s | %s | %s |\n", c.Column, c.Type, null, preset, followed, why)
		}
	}
	return page.String()
}

func following(info tasker.TableInfo, column string) (followed, why string) {
	if len(info.Followed) == 0 {
		return "no", "the table is not followed"
	}
	i := slices.IndexFunc(info.Followed, func(c tasker.Column) bool { return c.Name == column })
	if i >= 0 {
		return "yes", info.Followed[i].Why
	}
	if why, ok := notFollowed[info.Name+"."+column]; ok {
		return "no", why
	}
	return "no", "no answer depends on it"
}

var typeModifier = regexp.MustCompile(`\(\d+\)`)

// What the sidecar believes of the tables is what the engine has.
func TestSchemaIsTheEngines(t *testing.T) {
	engine := engineCatalog(t)
	if len(tasker.Schema) != len(engine.Tables) {
		t.Errorf("%d tables are described, the engine has %d", len(tasker.Schema), len(engine.Tables))
	}
	for _, info := range tasker.Schema {
		columns, ok := engine.Tables[info.Name]
		if !ok {
			t.Errorf("the engine has no table %s", info.Name)
			continue
		}
		if got, want := engine.PrimaryKeys[info.Name], "PRIMARY KEY ("+info.Key+")"; got != want {
			t.Errorf("%s has %s, not %s", info.Name, got, want)
		}
		for i, followed := range info.Followed {
			if (i == 0) != (followed.Name == info.Key) {
				t.Errorf("%s: the primary key, and it alone, comes first", info.Name)
			}
			j := slices.IndexFunc(columns, func(c column) bool { return c.Column == followed.Name })
			if j < 0 {
				t.Errorf("%s has no column %s", info.Name, followed.Name)
				continue
			}
			if got := typeModifier.ReplaceAllString(columns[j].Type, ""); got != followed.Type {
				t.Errorf("%s.%s is %s, not %s", info.Name, followed.Name, got, followed.Type)
			}
		}
	}
	for name := range notFollowed {
		table, columnName, _ := strings.Cut(name, ".")
		if !slices.ContainsFunc(engine.Tables[table], func(c column) bool { return c.Column == columnName }) {
			t.Errorf("a reason is given for %s, which the engine does not have", name)
		}
		if known, ok := tasker.TableByName(table); !ok {
			t.Errorf("a reason is given for %s, whose table is not described", name)
		} else if followed, _ := following(*known.Info(), columnName); followed == "yes" {
			t.Errorf("a reason not to follow %s is given, and it is followed", name)
		}
	}
}
