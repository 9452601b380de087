package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// explanation is all that can be said of an option.
type explanation struct {
	config.Setting
	For      string           `json:"for,omitempty"` // the workflow that it was asked for
	Shadowed []config.Setting `json:"shadowed"`
	Default  string           `json:"default"`
	Kind     string           `json:"kind"`
	Rule     string           `json:"rule"`
	Doc      string           `json:"doc"`
	Use      string           `json:"use,omitempty"` // what an option of the engine is used for here
	Applies  string           `json:"applies"`       // live, restart or carried
	Why      string           `json:"why,omitempty"`
	Scoped   bool             `json:"by_workflow"`
	Change   []string         `json:"change"`
}

func (a *app) configExplainCommand() *cobra.Command {
	var asJSON bool
	var about taskFlags
	var stored storedFlag
	c := &cobra.Command{
		Use:   "explain [KEY]",
		Short: "Say what value an option has, where it comes from, and what it would take to change it",
		Long: `Says of an option what holds, which source says so and in which line, what is
shadowed by it, its default and rule, and how to change it; without a key, of all
options what holds and whence. Of an option that may differ by workflow, --task and
--step say what holds for a task, whose names are looked up in the database.

It reads files, variables and flags, and what is stored in the database if one is
configured and answers, as run would. What was changed through the API a running
sidecar tells (GET /v1/config).

Exit code 1: there is no such option.`,
		Example: `  tasker-sidecar config explain http.max_wait --config tasker.yml
  tasker-sidecar config explain maintenance.quiet_period --task 4711 --database-url postgres://sidecar@db/app`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usageError("%s takes one key, but %d were given", c.CommandPath(), len(args))
			case len(args) == 0 && about.given():
				return usageError("--task and --step need the key of an option")
			case about.step != "" && about.task == 0:
				return usageError("--step needs --task")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if _, err := optionNamed(args[0]); err != nil {
					return err
				}
			}
			loaded, err := stored.settings(a, c)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.explainAll(loaded, asJSON)
			}
			workflow, err := about.workflow(c, &loaded.Config)
			if err != nil {
				return err
			}
			o, _ := config.Lookup(args[0])
			e := explain(loaded, o, workflow)
			if asJSON {
				return writeJSON(a.stdout, e)
			}
			writeExplanation(a.stdout, &e)
			return nil
		},
	}
	about.add(c)
	stored.add(c)
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) explainAll(loaded *config.Loaded, asJSON bool) error {
	all := []config.Setting{}
	for _, o := range config.Options() {
		all = append(append(all, loaded.Setting(o.Key)), loaded.ForSome(o.Key)...)
	}
	if asJSON {
		return writeJSON(a.stdout, all)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Key, s.Value, s.Origin)
	}
	return w.Flush()
}

func explain(loaded *config.Loaded, o *config.Option, workflow config.Workflow) explanation {
	said := loaded.SettingsFor(o.Key, workflow)
	e := explanation{
		Setting: said[0], Shadowed: said[1:], Default: o.Default, Kind: o.Kind, Rule: o.Rule, Doc: o.Doc,
		Use: o.Use, Applies: "restart", Why: o.Carried, Scoped: o.Scoped, Change: o.Changes(said[0].Layer),
	}
	if workflow != (config.Workflow{}) {
		e.For = workflow.String()
	}
	switch {
	case o.Carried != "":
		e.Applies = "carried"
	case o.Live:
		e.Applies = "live"
	}
	return e
}

func writeExplanation(w io.Writer, e *explanation) {
	fmt.Fprintf(w, "%s = %s\n", e.Key, e.Value)
	fmt.Fprintf(w, "  from      %s\n", e.Origin)
	if e.For != "" {
		fmt.Fprintf(w, "  for       %s\n", e.For)
	}
	for _, s := range e.Shadowed {
		if s.Layer != config.LayerDefault {
			fmt.Fprintf(w, "  shadows   %s = %s (%s)\n", s.Key, s.Value, s.Origin)
		}
	}
	fmt.Fprintf(w, "  default   %s\n  kind      %s\n", e.Default, e.Kind)
	if e.Rule != "" {
		fmt.Fprintf(w, "  rule      %s\n", e.Rule)
	}
	if e.Use != "" {
		fmt.Fprintf(w, "  used      for %s\n", e.Use)
	}
	switch e.Applies {
	case "carried":
		fmt.Fprintf(w, "  applies   never: it is carried only, %s\n", e.Why)
	case "live":
		fmt.Fprintf(w, "  applies   at once\n")
	default:
		fmt.Fprintf(w, "  applies   after a restart\n")
	}
	fmt.Fprintf(w, "  meaning   %s\n", e.Doc)
	fmt.Fprintf(w, "  to change it, %s\n", strings.Join(e.Change, "\n                "))
}
