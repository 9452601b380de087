package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	var from serverFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Tell how following goes: position, age, what is in the index",
		Long: `Asks a running sidecar (--server, by default the one at http.listen) how it is;
with --database-url it loads the database itself and tells what it found.

Exit code 1: the answers are stale.`,
		Example: "  tasker-sidecar status\n  tasker-sidecar status --server http://127.0.0.1:8765 --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c, &from, func(r reader) error {
				status, err := r.status(c.Context())
				if err != nil {
					return err
				}
				if asJSON {
					err = writeJSON(a.stdout, status)
				} else {
					writeStatus(a.stdout, &status)
				}
				if err == nil && !status.Ready {
					return errFound
				}
				return err
			})
		},
	}
	from.add(c)
	jsonFlag(c, &asJSON)
	return c
}

func (l *local) status(ctx context.Context) (api.Status, error) {
	return describe(l.Follower, l.config, l.started), ctx.Err()
}

func writeStatus(w io.Writer, s *api.Status) {
	answers := "fresh"
	if !s.Ready {
		answers = "STALE"
	}
	fmt.Fprintf(w, "%s since %s; answers are %s\n", s.State, s.Since, answers)
	if s.Replication.LastError != "" && !s.Ready {
		fmt.Fprintf(w, "  because %s\n", s.Replication.LastError)
	}
	provisional := ""
	if s.Database.RulesProvisional {
		provisional = ", provisionally"
	}
	fmt.Fprintf(w, "database   PostgreSQL %s, schema %s, rules %s%s\n", s.Database.ServerVersion, s.Database.Schema, s.Database.Rules, provisional)
	r := &s.Replication
	fmt.Fprintf(w, "log        applied %s of %s, %d bytes behind, %s old; the slot holds back %d bytes\n",
		r.AppliedLSN, r.ServerLSN, r.LagBytes, time.Duration(r.LagSeconds*1e9).Round(time.Millisecond), r.WALBehindBytes)
	fmt.Fprintf(w, "applied    %d changes in %d transactions; %d snapshots, %d reconnects\n", r.Changes, r.Transactions, s.Load.Snapshots, r.Reconnects)
	x := &s.Index
	fmt.Fprintf(w, "index      %d tasks, %d steps (%d ready), %d edges, %d bytes\n", x.Tasks, x.Steps, x.Ready, x.Edges, x.Bytes)
	if s.Verify.Passes > 0 {
		fmt.Fprintf(w, "verified   %d tasks in %d passes, %d undecided: %d differences\n", s.Verify.Compared, s.Verify.Passes, s.Verify.Undecided, s.Verify.Differences)
	}
	if p := &s.Projection; p.State != "off" && p.State != "" {
		fmt.Fprintf(w, "rows       %s, reflecting %s; %d rows in %d flushes, the last in %.1f ms; leader %s (epoch %d)\n",
			p.State, p.WrittenLSN, p.Rows, p.Flushes, p.FlushMillis, cmp.Or(p.Leader, "none"), p.Epoch)
		if p.Refused != "" {
			fmt.Fprintf(w, "  not written because %s\n", p.Refused)
		}
	}
}
