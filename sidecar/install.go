package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// installFlags are what is asked of an installation on the command line.
type installFlags struct {
	logged, dryRun, functionsOnly bool
	grants, readers, writers      []string
}

func (a *app) installCommand() *cobra.Command {
	var f installFlags
	c := &cobra.Command{
		Use:   "install",
		Short: "Put the sidecar's tables, views and drop-in functions into the database",
		Long: `Creates two schemas, or brings them to this program's version: tasker_sidecar,
with the rows that a running sidecar writes and views of them, and
tasker_sidecar_compat, with the drop-in functions. No table of the engine is
changed. It can be run again at any time, also from several places at once; each
migration is a transaction of its own.

The role has to be allowed to create schemas in the database. If it is not, the
script for one who is goes to standard output, as with --dry-run.

--grants names the role that the sidecar runs as, --readers roles that may read
the rows, and --writers roles that may move tasks and steps by hand: rights to the
engine's own tables, given by their owner. All can be given again later. --functions-only installs the drop-in
functions alone, which need neither a running sidecar nor logical replication.
--rules chooses the version of the engine's rules that they follow; by default
the engine's own functions are asked.

The rows are unlogged: they cost no WAL, and after a crash of the server the
sidecar writes them anew. With --logged they are on read replicas, too;
--logged=false takes that back; without either they stay as they are.

Exit code 3: nothing was done, or not all of it; the message says what is missing.`,
		Example: `  tasker-sidecar install --database-url postgres://owner@db/app --grants sidecar --readers reports
  tasker-sidecar install --database-url postgres://me@db/app --dry-run > install.sql
  tasker-sidecar install --database-url postgres://owner@db/app --functions-only --rules v02`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.install(c, &f) },
	}
	c.Flags().BoolVar(&f.logged, "logged", false, "log the rows, so that read replicas have them")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print the SQL instead of running it")
	c.Flags().BoolVar(&f.functionsOnly, "functions-only", false, "install the drop-in functions alone")
	c.Flags().StringSliceVar(&f.grants, "grants", nil, "role that the sidecar runs as: it may write the rows; can be repeated")
	c.Flags().StringSliceVar(&f.readers, "readers", nil, "role that may read the rows; can be repeated")
	c.Flags().StringSliceVar(&f.writers, "writers", nil, "role that may move tasks and steps by hand; can be repeated")
	return c
}

func (a *app) install(c *cobra.Command, f *installFlags) error {
	if f.functionsOnly && (c.Flags().Changed("logged") || len(f.grants)+len(f.readers)+len(f.writers) > 0) {
		return usageError("--functions-only installs no rows: --logged, --grants, --readers and --writers have no meaning with it")
	}
	loaded, err := a.settings(c)
	if err != nil {
		return err
	}
	conn, err := connect(c, &loaded.Config)
	if err != nil {
		return err
	}
	defer closeConn(c, conn)
	o, finding, err := installOptions(c.Context(), conn, &loaded.Config, f)
	if err != nil {
		return err
	}
	if c.Flags().Changed("logged") {
		o.Persistence = schema.Unlogged
		if f.logged {
			o.Persistence = schema.Logged
		}
	}
	if f.dryRun {
		return a.printPlan(c, conn, o)
	}
	done := 0
	o.Log = func(line string) {
		done++
		fmt.Fprintln(a.stdout, line)
	}
	err = schema.Install(c.Context(), conn, o)
	var rights *schema.RightsError
	if errors.As(err, &rights) {
		return errors.Join(err, a.printPlan(c, conn, o))
	}
	if err != nil {
		return err
	}
	if done == 0 {
		fmt.Fprintln(a.stdout, "nothing had to be done")
	}
	_, err = fmt.Fprintf(a.stdout, "installed, at version %d, for the engine's tables in schema %s; %s\n", schema.Version(), o.Engine, finding)
	return err
}

// installOptions finds out where the engine's tables are and which rules hold.
func installOptions(ctx context.Context, conn *pgx.Conn, settings *config.Config, f *installFlags) (schema.Options, replication.RulesFinding, error) {
	engine, err := schema.Engine(ctx, conn, settings.Database.Schema)
	if err != nil {
		return schema.Options{}, replication.RulesFinding{}, err
	}
	finding, err := replication.DetectRules(ctx, conn, engine, rulesOptions(settings))
	if err != nil {
		return schema.Options{}, finding, err
	}
	return schema.Options{
		Engine: engine, FunctionsOnly: f.functionsOnly, Steps: dropIns(finding.Rules, f.functionsOnly), Sidecar: f.grants, Readers: f.readers, Writers: f.writers,
	}, finding, nil
}

func (a *app) printPlan(c *cobra.Command, conn *pgx.Conn, o schema.Options) error {
	script, err := schema.Plan(c.Context(), conn, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.stdout, script)
	return err
}

// dropIns are the steps that put the drop-in functions in place.
func dropIns(rules tasker.Rules, alone bool) []schema.Step {
	return []schema.Step{{
		Name: "drop-in functions by the rules " + rules.String(),
		Run: func(ctx context.Context, tx pgx.Tx, engine string) error {
			return dropin.Install(ctx, tx, dropin.Options{Engine: engine, Rules: rules, Alone: alone})
		},
	}}
}
