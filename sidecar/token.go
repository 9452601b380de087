package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
)

func (a *app) tokenCommand() *cobra.Command {
	var role, name string
	var asJSON bool
	c := &cobra.Command{
		Use:   "token",
		Short: "Make a bearer token for the API, and the line that configures it",
		Long: `Makes a new random bearer token. The token is for the client and is printed this
once; the configuration only holds its hash.`,
		Example: "  tasker-sidecar token --name grafana --role reader",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			r, err := api.ParseRole(role)
			if err != nil {
				return usageError("--role: %s", err)
			}
			token, hash := api.NewToken()
			entry := fmt.Sprintf("%s:%s:%s", name, r, hash)
			if asJSON {
				return writeJSON(a.stdout, map[string]string{"token": token, "entry": entry})
			}
			_, err = fmt.Fprintf(a.stdout, "token, for the client:            %s\nentry, for http.tokens:           %s\n", token, entry)
			return err
		},
	}
	c.Flags().StringVar(&role, "role", "reader", "what the token allows: reader, writer or admin")
	c.Flags().StringVar(&name, "name", "client", "name that tells tokens apart in logs")
	jsonFlag(c, &asJSON)
	return c
}
