package main

import (
	"io"

	"github.com/hashicorp/go-hclog"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// newLogger logs as configured; the level and the format are checked already.
func newLogger(w io.Writer, c config.Log) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Name:       "tasker-sidecar",
		Level:      hclog.LevelFromString(c.Level),
		Output:     w,
		JSONFormat: c.Format == "json",
	})
}
