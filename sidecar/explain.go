package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// writeStepReasons tells in plain words whether a step can run and, if not,
// why, down to what everything waits for.
func writeStepReasons(w io.Writer, r *tasker.StepReasons) {
	fmt.Fprintf(w, "step %d «%s» of task %d is %s", r.WorkflowStepID, r.Name, r.TaskID, r.CurrentState)
	if r.ReadyForExecution {
		fmt.Fprintf(w, " and ready since %s\n", r.ReadySince)
		return
	}
	fmt.Fprintln(w, " and cannot run:")
	writeReasons(w, "  ", r.Reasons)
	if len(r.Blockers) == 0 {
		return
	}
	fmt.Fprintln(w, "it waits for:")
	for i := range r.Blockers {
		writeBlocker(w, &r.Blockers[i])
	}
	if r.BlockersOmitted > 0 {
		fmt.Fprintf(w, "  and %d more\n", r.BlockersOmitted)
	}
}

func writeReasons(w io.Writer, indent string, reasons []tasker.Reason) {
	for _, reason := range reasons {
		fmt.Fprintf(w, "%s- %s: %s", indent, reason.Code, reason.Detail)
		if reason.Since.Valid() {
			fmt.Fprintf(w, ", since %s", reason.Since)
		}
		if reason.Until.Valid() {
			fmt.Fprintf(w, ", until %s", reason.Until)
		}
		fmt.Fprintln(w)
	}
}

func writeBlocker(w io.Writer, b *tasker.Blocker) {
	indent := strings.Repeat("  ", int(min(b.Depth, 20)))
	fmt.Fprintf(w, "%sstep %d «%s» of task %d, %s", indent, b.WorkflowStepID, b.Name, b.TaskID, b.CurrentState)
	if b.Since.Valid() {
		fmt.Fprintf(w, " since %s", b.Since)
	}
	switch {
	case b.OnCycle:
		fmt.Fprint(w, "; on a cycle, so that it can never run")
	case b.RootCause && len(b.Reasons) == 0:
		fmt.Fprint(w, "; root cause: it is ready or at work")
	case b.RootCause:
		fmt.Fprint(w, "; root cause:")
	default:
		fmt.Fprintf(w, "; waits for %s", joinIDs(b.BlockedBy))
	}
	fmt.Fprintln(w)
	writeReasons(w, indent+"  ", b.Reasons)
}

func joinIDs(ids []int64) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = fmt.Sprint(id)
	}
	return strings.Join(parts, ", ")
}

// writeReadySteps prints a table of steps that can run now.
func writeReadySteps(w io.Writer, steps []tasker.ReadyStep) {
	fmt.Fprintf(w, "%-12s %-12s %-28s %-34s %-8s %s\n", "step", "task", "name", "of", "attempts", "ready since")
	for i := range steps {
		s := &steps[i]
		of := fmt.Sprintf("%s/%s %s", s.NamespaceName, s.TaskName, s.Version)
		fmt.Fprintf(w, "%-12d %-12d %-28s %-34s %-8d %s\n", s.WorkflowStepID, s.TaskID, s.Name, of, s.Attempts, s.ReadySince)
	}
}
