// Command tasker-sidecar follows the database of the tasker engine and answers
// what can run now, and why not the rest.
//
// The package holds the subcommands, the mapping from the configuration to the
// options of the packages that do the work, and the life cycle of a running
// sidecar (service.go): what starts, in which order, and what closes when. It
// knows how to wire and nothing else; no answer is computed here.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

func main() {
	bench.Child() // returns unless a measurement has started this process
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the whole program but for the process.
func run(args, environ []string, stdout, stderr io.Writer) int {
	ctx, stop := untilSignal(context.Background(), stderr)
	defer stop()
	app := &app{environ: environ, stdout: stdout, stderr: stderr}
	root := app.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	code := exitCode(err)
	if err != nil && err.Error() != "" {
		fmt.Fprintf(stderr, "tasker-sidecar: %s\n", err)
	}
	return code
}
