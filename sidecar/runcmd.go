package main

import (
	"github.com/spf13/cobra"
)

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Follow a database and answer over HTTP",
		Long: `Follows the database named by --database-url and answers over HTTP, by default
at 127.0.0.1:8765. It needs wal_level = logical, a role that may replicate and
read the engine's tables, and a publication (created when permitted); see the
command doctor.

On the server it leaves a temporary slot and a few sessions, which are gone when
it ends, however it ends. The first SIGINT or SIGTERM closes gracefully, a second
one at once. Every option is in docs/configuration.md.`,
		Example: `  tasker-sidecar run --database-url postgres://sidecar@db/app
  TASKER_SIDECAR_DATABASE__URL_FILE=/run/secrets/url tasker-sidecar run --log-format json
  tasker-sidecar run --config /etc/tasker-sidecar.yml --verify.continuous`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			reloader, err := a.reloader(c)
			if err != nil {
				return err
			}
			logger := newLogger(a.stderr, reloader.Live().Current().Config.Log)
			reloader.SetLogger(logger.Named("configuration"))
			service, err := newService(reloader.Live(), reloader, logger)
			if err != nil {
				return err
			}
			return service.run(c.Context())
		},
	}
}
