package main

import (
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// serverFlags name a running sidecar.
type serverFlags struct {
	server    string
	tokenFile string
}

func (f *serverFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.server, "server", "", "ask a running sidecar at this address, such as http://127.0.0.1:8765")
	c.Flags().StringVar(&f.tokenFile, "token-file", "", "file with the bearer token for --server")
}

func (f *serverFlags) given() bool { return f.server != "" }

func (f *serverFlags) remote(timeout time.Duration) (*remote, error) {
	token := ""
	if f.tokenFile != "" {
		data, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return nil, usageError("--token-file: %s", err)
		}
		token = strings.TrimSpace(string(data))
	}
	return newRemote(f.server, token, timeout)
}
