package main

import (
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON, sql bool
	var role, dump string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look at everything that following a database depends on",
		Long: `Looks at the server, the role's rights, the engine's tables, the publication and
the installed functions, and at what tasker-sidecar install has put there, and
tells everything it finds at once, each with its remedy. It changes nothing. With --sql it prints the script that the owner of the
tables runs, so that a role with no more rights than needed can follow. With
--engine-config it also compares a dump of what the application configures its
engine with, and names each option that is otherwise here.

Exit code 1: something keeps from following.`,
		Example: `  tasker-sidecar doctor --database-url postgres://sidecar@db/app
  tasker-sidecar doctor --database-url postgres://sidecar@db/app --sql > sidecar.sql`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := a.settings(c)
			if err != nil {
				return err
			}
			if sql {
				return a.printScript(c, &loaded.Config, role)
			}
			var imported *config.Imported
			if dump != "" {
				if imported, err = importEngine(dump); err != nil {
					return err
				}
			}
			database, err := databaseConfig(&loaded.Config)
			if err != nil {
				return err
			}
			report, err := replication.Preflight(c.Context(), database, preflightOptions(&loaded.Config))
			if err != nil {
				return err
			}
			if err := addNotices(c, &loaded.Config, report); err != nil {
				return err
			}
			if imported != nil {
				report.Findings = append(report.Findings, engineFindings(imported, loaded)...)
			}
			if asJSON {
				err = writeJSON(a.stdout, report)
			} else {
				_, err = fmt.Fprint(a.stdout, report)
			}
			if err == nil && report.Worst() == replication.SeverityError {
				return errFound
			}
			return err
		},
	}
	c.Flags().BoolVar(&sql, "sql", false, "print the script for the owner of the tables")
	c.Flags().StringVar(&role, "role", "", "the role that the script is for; the one that connects by default")
	c.Flags().StringVar(&dump, "engine-config", "", "a dump of what the application configures its engine with, to compare; see tasker-sidecar config import --help")
	jsonFlag(c, &asJSON)
	return c
}

// checkInstalled is the check's name in findings about what install has put
// into the database.
const checkInstalled = "installed_schemas"

// addNotices adds to the report what is to be known of our own schemas. Without
// a connection the report says why already.
func addNotices(c *cobra.Command, settings *config.Config, report *replication.Report) error {
	if report.Schema == "" {
		return nil
	}
	conn, err := connect(c, settings)
	if err != nil {
		return err
	}
	defer closeConn(c, conn)
	notices, err := schema.Notices(c.Context(), conn, report.Schema)
	if err != nil {
		return err
	}
	for _, n := range notices {
		report.Findings = append(report.Findings, replication.Finding{Check: checkInstalled, Severity: replication.SeverityWarning, What: n.What, Remedy: n.Remedy})
	}
	return nil
}

func preflightOptions(c *config.Config) replication.PreflightOptions {
	return replication.PreflightOptions{
		Schema:          c.Database.Schema,
		Publication:     c.Replication.Publication,
		AllColumns:      c.Replication.AllColumns,
		ApplicationName: c.Database.ApplicationName,
		MaxWALBehind:    int64(c.Replication.MaxWALBehind),
		Rules:           rulesOptions(c),
		ConnectTimeout:  c.Database.ConnectTimeout,
	}
}

func publicationOptions(c *config.Config) replication.PublicationOptions {
	return replication.PublicationOptions{Name: c.Replication.Publication, Schema: c.Database.Schema, AllColumns: c.Replication.AllColumns}
}

// databaseConfig is how to connect to the configured database.
func databaseConfig(c *config.Config) (*pgx.ConnConfig, error) {
	if c.Database.URL == "" {
		return nil, usageError("no database is named; give --database-url, the variable TASKER_SIDECAR_DATABASE__URL, or database.url_file")
	}
	parsed, err := replication.ParseURL(c.Database.URL.Reveal())
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	parsed.ConnectTimeout = c.Database.ConnectTimeout
	if parsed.RuntimeParams["application_name"] == "" {
		parsed.RuntimeParams["application_name"] = c.Database.ApplicationName
	}
	return parsed, nil
}

func (a *app) printScript(c *cobra.Command, settings *config.Config, role string) error {
	conn, err := connect(c, settings)
	if err != nil {
		return err
	}
	defer closeConn(c, conn)
	script, err := replication.Script(c.Context(), conn, replication.ScriptOptions{Role: role, Publication: publicationOptions(settings)})
	if err != nil {
		return replication.Explain(err)
	}
	_, err = fmt.Fprint(a.stdout, script)
	return err
}
