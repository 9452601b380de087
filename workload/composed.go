package workload

import (
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Conditional has a decision and two branches of which only one is taken; the
// steps of both are skippable. What is not taken is cancelled or resolved by
// hand ([BranchCancelled], [BranchResolved]).
func Conditional() *Workflow {
	w := build("default", "conditional_workflow",
		row{name: "load_request"},
		row{name: "decide", after: "load_request"},
		row{name: "express_reserve", after: "decide"},
		row{name: "express_ship", after: "express_reserve"},
		row{name: "standard_queue", after: "decide"},
		row{name: "standard_ship", after: "standard_queue"},
		row{name: "close_request", after: "express_ship standard_ship"})
	for i := range w.Steps {
		switch w.Steps[i].Name {
		case "express_reserve", "express_ship":
			w.Steps[i].Branch = "express"
		case "standard_queue", "standard_ship":
			w.Steps[i].Branch = "standard"
		default:
			continue
		}
		w.Steps[i].Skippable = true
	}
	return w
}

// Coordination reserves, commits and confirms in n systems, with a common
// decision before the commits: each system's steps are under its own dependent
// system. 3n+2 steps, 4n edges.
func Coordination(n int) *Workflow {
	w := New("integrations", "coordination_workflow")
	n = max(n, 1)
	on := func(i int, name string, parents ...int) int {
		s := w.Add(fmt.Sprintf("%s_%d", name, i+1), parents...)
		w.Steps[s].System = Systems[i%len(Systems)]
		return s
	}
	begin := w.Add("begin_coordination")
	var reserved []int
	for i := range n {
		reserved = append(reserved, on(i, "reserve", begin))
	}
	decide := w.Add("decide", reserved...)
	for i := range n {
		commit := on(i, "commit", decide)
		on(i, "confirm", commit)
	}
	return w
}

// LongBatch is a batch of n chunks that run one after another for long: each
// has a timeout of 30 s plus 5 s a chunk (at most 120 s), ten attempts, and
// the last one before the report fails once.
func LongBatch(n int) *Workflow {
	w := New("reporting", "long_batch_workflow")
	timeout := min(30*time.Second+time.Duration(n)*5*time.Second, 2*time.Minute)
	last := w.Add("open_batch")
	for i := range n {
		last = w.Add(fmt.Sprintf("run_chunk_%d", i+1), last)
		w.Steps[last].Timeout = timeout
		w.Steps[last].RetryLimit = tasker.Some[int32](10)
	}
	w.Steps[last].FailingAttempts = 1
	check := w.Add("check_batch", last)
	w.Add("report_batch", check)
	return w
}

// Family is several tasks tied by edges across them.
type Family struct {
	Tasks []*Workflow
	Links []Link
}

// Link is an edge between steps of two tasks of a family (or of a batch).
type Link struct{ From, To StepRef }

// StepRef names a step by the indexes of its task and of itself.
type StepRef struct{ Task, Step int }

// Hierarchy is a task that starts n sub-workflows and collects them: each
// one's roots wait for the parent's step launch, and the parent's step collect
// waits for the leaves of each.
func Hierarchy(n int, sub func(i int) *Workflow) Family {
	parent := build("default", "parent_workflow",
		row{name: "prepare"},
		row{name: "launch", after: "prepare"},
		row{name: "collect", after: "launch"},
		row{name: "close", after: "collect"})
	f := Family{Tasks: []*Workflow{parent}}
	launch, collect := parent.Index("launch"), parent.Index("collect")
	for i := range n {
		w := sub(i)
		task := len(f.Tasks)
		f.Tasks = append(f.Tasks, w)
		leaf := make([]bool, len(w.Steps))
		for s := range w.Steps {
			leaf[s] = true
			if len(w.Steps[s].Parents) == 0 {
				f.Links = append(f.Links, Link{From: StepRef{0, launch}, To: StepRef{task, s}})
			}
			for _, p := range w.Steps[s].Parents {
				leaf[p] = false
			}
		}
		for s := range leaf {
			if leaf[s] {
				f.Links = append(f.Links, Link{From: StepRef{task, s}, To: StepRef{0, collect}})
			}
		}
	}
	return f
}

// DefaultHierarchy is a parent with three sub-workflows of the engine's shapes.
func DefaultHierarchy() Family {
	return Hierarchy(3, func(i int) *Workflow {
		return []func() *Workflow{APIIntegration, UserRegistration, PaymentsRefund}[i%3]()
	})
}
